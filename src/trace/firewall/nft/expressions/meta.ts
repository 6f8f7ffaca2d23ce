/** What the kernel notes beside a packet, net/netfilter/nft_meta.c and net/bridge/netfilter/nft_meta_bridge.c. */
import { ETHERTYPE } from "../../../../lib/protocols.ts";
import { be32Or0 } from "../../../../linux/nftables/read-numbers.ts";
import { IFNAMSIZ } from "../../../../linux/socket-constants.ts";
import { linkAt } from "../../../../observe/place.ts";
import type { ObservedLink } from "../../../../observe/types.ts";
import { lengthOf, withMark, withPriority } from "../../../packet/packet.ts";
import { hex, type Machine, type Operation, type Result, readHost32, registerAt } from "../machine.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;
type Load = (machine: Machine, to: number) => Result;

/** NFPROTO_*, linux/netfilter.h. */
const NFPROTO = { ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

const inOf = ({ around }: Machine) => linkAt(around.namespace, around.in);
const outOf = ({ around }: Machine) => linkAt(around.namespace, around.out);
type Side = typeof inOf;

/** enum nft_meta_keys, in its order. */
const KEYS: readonly Load[] = [
  number32(({ packet }) => lengthOf(packet)),
  (machine, to) => kept(() => machine.store(to, be16(machine.packet.etherType))),
  number32(({ packet }) => packet.priority),
  number32(({ packet }) => packet.mark),
  number32(({ around }) => around.in ?? 0),
  number32(({ around }) => around.out ?? 0),
  (machine, to) => kept(() => machine.storeName(to, inOf(machine)?.name ?? "", IFNAMSIZ)),
  (machine, to) => kept(() => machine.storeName(to, outOf(machine)?.name ?? "", IFNAMSIZ)),
  hardware(inOf),
  hardware(outOf),
  owner(({ uid }) => uid, "user"),
  owner(({ gid }) => gid, "group"),
  () => "break", // nftrace is only set
  unknown(4, "the realm of the route"),
  unknown(4, "the security mark"),
  (machine, to) => kept(() => machine.store8(to, protocolFamily(machine))),
  (machine, to) =>
    machine.packet.protocol === undefined
      ? "break"
      : kept(() => machine.store8(to, machine.packet.protocol ?? 0)),
  bridgeName(inOf),
  bridgeName(outOf),
  (machine, to) => kept(() => machine.store8(to, machine.around.packetType)),
  unknown(4, "the processor"),
  unknown(4, "the group of the link that it came in by"),
  unknown(4, "the group of the link that it leaves by"),
  unknown(4, "the control group of the socket"),
  unknown(4, "a random number"),
  unknown(1, "whether it came through IPsec"),
  kind(inOf),
  kind(outOf),
  unknown(2, "the VLAN of the port"),
  unknown(2, "the VLAN protocol of the bridge"),
  unknown(8, "the time"),
  unknown(1, "the day of the week"),
  unknown(4, "the hour"),
  (machine, to) => slave(machine, to, (link) => machine.store32(to, link?.ifindex ?? 0)),
  (machine, to) => slave(machine, to, (link) => machine.storeName(to, link?.name ?? "", IFNAMSIZ)),
];
const NFT_META_PRIORITY = 2;
const NFT_META_MARK = 3;
const NFT_META_NFTRACE = 12;

/** enum nft_meta_attributes { …, NFTA_META_DREG, NFTA_META_KEY, NFTA_META_SREG } */
export function meta(attributes: Attributes): Operation {
  const key = be32Or0(attributes.get(2));
  const source = attributes.get(3);
  if (source) return setting(key, registerAt(source));
  const to = registerAt(attributes.get(1));
  const load = KEYS[key] ?? unknown(16, `meta key ${key}`);
  return (machine) => load(machine, to);
}

function setting(key: number, from: number): Operation {
  return (machine) => {
    const doubt = machine.doubt(from, 4);
    if (key === NFT_META_MARK || key === NFT_META_PRIORITY) {
      const name = key === NFT_META_MARK ? "mark" : "priority";
      if (doubt !== undefined) {
        return { ways: [{ assuming: `${doubt} leaves the ${name} as it is`, go: () => "continue" }] };
      }
      const value = readHost32(machine.load(from, 4));
      const change = key === NFT_META_MARK ? withMark : withPriority;
      machine.packet = change(machine.packet, value);
      machine.do(`set ${name} ${hex(value)}`);
    } else if (key !== NFT_META_NFTRACE) machine.do("set meta");
    return "continue";
  };
}

const kept = (store: () => void): Result => {
  store();
  return "continue";
};

const be16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);

function number32(value: (machine: Machine) => number): Load {
  return (machine, to) => kept(() => machine.store32(to, value(machine)));
}

function unknown(length: number, why: string): Load {
  return (machine, to) => kept(() => machine.storeUnknown(to, length, why));
}

function hardware(side: Side): Load {
  return (machine, to) => {
    const link = side(machine);
    return link ? kept(() => machine.store16(to, link.hardware)) : "break";
  };
}

function kind(side: Side): Load {
  return (machine, to) => {
    const link = side(machine);
    return link?.kind === undefined ? "break" : kept(() => machine.storeName(to, link.kind ?? "", IFNAMSIZ));
  };
}

/** Of the bridge that a link is a port of. */
function bridgeName(side: Side): Load {
  return (machine, to) => {
    const master = linkAt(machine.around.namespace, side(machine)?.master);
    return master?.bridge ? kept(() => machine.storeName(to, master.name, IFNAMSIZ)) : "break";
  };
}

/** What is passed through, and what the kernel itself sends, has no owner. */
function owner(which: (owner: { uid: number; gid: number }) => number, name: string): Load {
  return (machine, to) => {
    const { owner: known, hook } = machine.around;
    if (known) return kept(() => machine.store32(to, which(known)));
    if (machine.around.in !== undefined && hook !== "input") return "break";
    return {
      ways: [
        { assuming: "no socket of a program is behind the packet", go: () => "break" },
        {
          assuming: "a program's socket is behind the packet",
          go: () => kept(() => machine.storeUnknown(to, 4, `the ${name} of the socket`)),
        },
      ],
    };
  };
}

/** Where a VRF stands before its ports: the port that it came in by. */
function slave(machine: Machine, to: number, store: (link: ObservedLink | undefined) => void): Result {
  const link = inOf(machine);
  if (link?.vrfTable !== undefined)
    return kept(() => machine.storeUnknown(to, IFNAMSIZ, "the port of the VRF"));
  return kept(() => store(undefined));
}

/** Tables of inet are asked for one of both, at ingress too. */
function protocolFamily({ around, packet, table }: Machine): number {
  if (around.layer === "netdev" && table.family === "inet")
    return packet.etherType === ETHERTYPE.ip6 ? NFPROTO.ip6 : NFPROTO.ip;
  return NFPROTO[around.layer];
}
