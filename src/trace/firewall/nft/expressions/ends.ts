/** What takes a packet off its way, and what only looks at it. */
import { viewOf } from "../../../../linux/bytes.ts";
import { be32Or0, nameOr } from "../../../../linux/nftables/read-numbers.ts";
import { linkAt } from "../../../../observe/place.ts";
import { familyOf, tcpFlagsOf } from "../../../packet/packet.ts";
import { either, type Operation, readHost32, registerAt } from "../machine.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;

/** enum nft_reject_types */
const TCP_RESET = 1;
const ICMPX = 2;

/** ICMP_*_UNREACH of linux/icmp.h, ICMPV6_* of linux/icmpv6.h, as nft(8) names them. */
const CODES: Readonly<Record<4 | 6, Readonly<Record<number, string>>>> = {
  4: {
    0: "net-unreachable",
    1: "host-unreachable",
    2: "prot-unreachable",
    3: "port-unreachable",
    9: "net-prohibited",
    10: "host-prohibited",
    13: "admin-prohibited",
  },
  6: {
    0: "no-route",
    1: "admin-prohibited",
    3: "addr-unreachable",
    4: "port-unreachable",
    5: "policy-fail",
    6: "reject-route",
  },
};
/** enum nft_reject_inet_code, in each family's own. */
const OF_BOTH: Readonly<Record<4 | 6, readonly number[]>> = { 4: [0, 3, 1, 13], 6: [0, 4, 3, 1] };

/** enum nft_reject_attributes { …, NFTA_REJECT_TYPE, NFTA_REJECT_ICMP_CODE } */
export function reject(attributes: Attributes): Operation {
  const type = be32Or0(attributes.get(1));
  const code = attributes.get(2)?.at(0) ?? 0;
  return ({ packet }) => {
    const family = familyOf(packet) ?? 4;
    if (type === TCP_RESET) return { final: { do: "reject", with: "tcp reset" } };
    const own = type === ICMPX ? (OF_BOTH[family][code] ?? 0) : code;
    const name = CODES[family][own] ?? `type ${family === 4 ? 3 : 1} code ${own}`;
    return { final: { do: "reject", with: `${family === 4 ? "icmp" : "icmp6"}-${name}` } };
  };
}

const BYPASS = 1;

/** enum nft_queue_attributes { …, NFTA_QUEUE_NUM, NFTA_QUEUE_TOTAL, NFTA_QUEUE_FLAGS, … }, of two bytes each */
export function queue(attributes: Attributes): Operation {
  const number = be16Or0(attributes.get(1));
  const final = { do: "elsewhere", how: `a program is asked, at queue ${number}` } as const;
  if ((be16Or0(attributes.get(3)) & BYPASS) === 0) return () => ({ final });
  return () => ({
    ways: [
      { assuming: `a program listens at queue ${number}`, go: () => ({ final }) },
      {
        assuming: `no program listens at queue ${number}`,
        go: () => ({ verdict: { code: "accept" } }),
      },
    ],
  });
}

const be16Or0 = (bytes: Uint8Array | undefined): number =>
  bytes?.length === 2 ? viewOf(bytes).getUint16(0) : 0;

/** enum nft_fwd_attributes { …, NFTA_FWD_SREG_DEV, … } */
export function fwd(attributes: Attributes): Operation {
  const from = registerAt(attributes.get(1));
  return (machine) => {
    const ifindex = readHost32(machine.load(from, 4));
    const name = linkAt(machine.around.namespace, ifindex)?.name ?? `link ${ifindex}`;
    return { final: { do: "elsewhere", how: `sent out of ${name}` } };
  };
}

/** A copy goes elsewhere; the packet goes on. */
export function dup(): Operation {
  return (machine) => {
    machine.do("dup");
    return "continue";
  };
}

export function tproxy(): Operation {
  return () =>
    either("a transparent proxy listens, and gets the packet", "no transparent proxy listens", (machine) => {
      machine.do("tproxy");
      return "continue";
    });
}

const SYN = 2;
const ACK = 16;

/** It answers in the place of the server: what it lets through later is its own. */
export const proxied: Operation = ({ packet }) =>
  (tcpFlagsOf(packet) ?? 0) & (SYN | ACK)
    ? { final: { do: "elsewhere", how: "answered by the SYN proxy" } }
    : "continue";

export const synproxy = (): Operation => proxied;

/** enum nft_log_attributes { …, NFTA_LOG_GROUP, NFTA_LOG_PREFIX, … } */
export function log(attributes: Attributes): Operation {
  const prefix = nameOr(attributes.get(2), "").trim();
  return (machine) => {
    machine.do(prefix ? `log "${prefix}"` : "log");
    return "continue";
  };
}

/** Counters, time stamps, flow tables: they keep the packet company. */
export const nothing = (): Operation => () => "continue";
