/** Translation, net/netfilter/nft_nat.c, nft_masq.c, nft_redir.c: the chain ends there, and the connection keeps to it. */
import { addressFromBytes, formatAddress } from "../../../../lib/ip.ts";
import { be32Or0 } from "../../../../linux/nftables/read-numbers.ts";
import { addressBytesOf, familyOf } from "../../../packet/packet.ts";
import { type Machine, type Operation, type Result, registerAt, type Wish } from "../machine.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;

const NFT_NAT_SNAT = 0;
/** NF_NAT_RANGE_NETMAP, linux/netfilter/nf_nat.h. */
const NETMAP = 64;
const NFPROTO_IPV4 = 2;
const ACCEPT = { verdict: { code: "accept" } } as const;

/**
 * enum nft_nat_attributes { …, NFTA_NAT_TYPE, NFTA_NAT_FAMILY, NFTA_NAT_REG_ADDR_MIN, NFTA_NAT_REG_ADDR_MAX,
 * NFTA_NAT_REG_PROTO_MIN, NFTA_NAT_REG_PROTO_MAX, NFTA_NAT_FLAGS }
 */
export function nat(attributes: Attributes): Operation {
  const what = be32Or0(attributes.get(1)) === NFT_NAT_SNAT ? "source" : "destination";
  const family = be32Or0(attributes.get(2)) === NFPROTO_IPV4 ? 4 : 6;
  const [low, high] = [attributes.get(3), attributes.get(4)];
  const ports = portsFrom(attributes.get(5), attributes.get(6));
  const netmap = (be32Or0(attributes.get(7)) & NETMAP) !== 0;
  const length = family === 4 ? 4 : 16;
  return (machine) => {
    // Of a rule for both families, each sees its own alone.
    if (familyOf(machine.packet) !== family) return "continue";
    const first = low && machine.load(registerAt(low), length).slice();
    const last = high ? machine.load(registerAt(high), length).slice() : first;
    const doubt = low && machine.doubt(registerAt(low), length);
    if (doubt !== undefined) {
      return {
        ways: [
          { assuming: `${doubt} does not matter to the translation`, go: (m) => wish(m, { what }, ports) },
        ],
      };
    }
    if (netmap && first && last) {
      return wish(machine, { what, address: mapped(machine, what, first, last) }, ports);
    }
    if (!first || !last || Buffer.compare(first, last) === 0)
      return wish(machine, { what, ...(first && { address: first }) }, ports);
    const text = `${formatAddress(addressFromBytes(first))} to ${formatAddress(addressFromBytes(last))}`;
    return {
      ways: [
        {
          assuming: `of the addresses ${text} the kernel takes the first`,
          go: (m) => wish(m, { what, address: first }, ports),
        },
      ],
    };
  };
}

/** The host's bits stay, the net's are another's. */
function mapped(
  { packet }: Machine,
  what: "source" | "destination",
  first: Uint8Array,
  last: Uint8Array,
): Uint8Array {
  const now = addressBytesOf(packet, what) ?? first;
  return first.map((byte, index) => {
    const mask = ~(byte ^ (last[index] ?? 0)) & 0xff;
    return (byte & mask) | ((now[index] ?? 0) & ~mask);
  });
}

/** enum nft_masq_attributes { …, NFTA_MASQ_FLAGS, NFTA_MASQ_REG_PROTO_MIN, NFTA_MASQ_REG_PROTO_MAX } */
export function masq(attributes: Attributes): Operation {
  const ports = portsFrom(attributes.get(2), attributes.get(3));
  return (machine) => wish(machine, { what: "masquerade" }, ports);
}

/** enum nft_redir_attributes { …, NFTA_REDIR_REG_PROTO_MIN, NFTA_REDIR_REG_PROTO_MAX, NFTA_REDIR_FLAGS } */
export function redir(attributes: Attributes): Operation {
  const ports = portsFrom(attributes.get(1), attributes.get(2));
  return (machine) => wish(machine, { what: "redirect" }, ports);
}

type Ports = (machine: Machine) => readonly [number, number] | undefined;

function portsFrom(low: Uint8Array | undefined, high: Uint8Array | undefined): Ports {
  if (!low) return () => undefined;
  const [from, to] = [registerAt(low), registerAt(high ?? low)];
  return (machine) => [portAt(machine, from), portAt(machine, to)];
}

function portAt(machine: Machine, at: number): number {
  const [upper = 0, lower = 0] = machine.load(at, 2);
  return (upper << 8) | lower;
}

function wish(machine: Machine, wanted: Wish, portsOf: Ports): Result {
  const ports = portsOf(machine);
  machine.wish = { ...wanted, ...(ports && { ports }) };
  machine.do(textOf(machine.wish));
  return ACCEPT;
}

/** As nft(8) says it. */
function textOf(wanted: Wish): string {
  const address = "address" in wanted && wanted.address;
  const [first, last] = wanted.ports ?? [];
  const ports = first === undefined ? "" : `:${first === last ? first : `${first}-${last}`}`;
  const to = address ? formatAddress(addressFromBytes(address)) : "";
  const shown = address && address.length === 16 && ports ? `[${to}]` : to;
  const name = { source: "snat", destination: "dnat", masquerade: "masquerade", redirect: "redirect" }[
    wanted.what
  ];
  return shown || ports ? `${name} to ${shown}${ports}` : name;
}
