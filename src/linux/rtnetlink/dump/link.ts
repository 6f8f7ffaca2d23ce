/** Links with all that decides over a packet, rtnetlink(7), linux/if_link.h: `struct ifinfomsg` stands in `../link.ts`. */
import type { Mac } from "../../../lib/ip.ts";
import { LITTLE_ENDIAN, viewOf } from "../../bytes.ts";
import type { LinkCounters } from "../../kernel.ts";
import { Fields } from "../../netlink/fields.ts";
import {
  IFF_LOOPBACK,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_STATS64,
} from "../attributes.ts";
import { IFINFOMSG_SIZE } from "../link.ts";
import { readCounters } from "../traffic.ts";
import { type LinkKind, readLinkKind } from "./link-kind.ts";
import { type LinkSettings, readLinkSettings } from "./link-settings.ts";

const IFLA_OPERSTATE = 16;
const IFLA_PROMISCUITY = 30;
const IFLA_XDP = 43;
const IFLA_XDP_ATTACHED = 2;

const IFF_NOARP = 0x80;
const IFF_PROMISC = 0x100;
const IFF_LOWER_UP = 0x10000;

/** A link as its own namespace tells of it. */
export interface ToldLink extends LinkKind {
  readonly ifindex: number;
  readonly name: string;
  /** ARPHRD_*, linux/if_arp.h: 1 Ethernet, 772 loopback, 65534 none. */
  readonly hardware: number;
  readonly mac?: Mac;
  readonly mtu: number;
  /** IFF_UP. */
  readonly up: boolean;
  /** IFF_LOWER_UP: the other end, or the cable, is there and up. */
  readonly carrier: boolean;
  /** IF_OPER_*, RFC 2863: 2 down, 3 not present, 4 lower layer down, 5 testing, 6 up; 0 unknown, as of loopback. */
  readonly operState: number;
  readonly loopback: boolean;
  readonly promiscuous: boolean;
  readonly noArp: boolean;
  /** The ifindex of the bridge, bond or VRF that it is a port of. */
  readonly master?: number;
  readonly alias?: string;
  /** IFLA_LINK, and IFLA_LINK_NETNSID: what this namespace calls the one that it is in; absent where it is this one. */
  readonly peer?: { readonly ifindex: number; readonly nsid?: number };
  readonly settings?: LinkSettings;
  readonly counters: LinkCounters;
  /** IFLA_XDP: a program looks at each packet before everything that is told here. */
  readonly xdp: boolean;
}

const NO_COUNTERS: LinkCounters = {
  rxBytes: 0n,
  rxPackets: 0n,
  rxErrors: 0n,
  rxDropped: 0n,
  txBytes: 0n,
  txPackets: 0n,
  txErrors: 0n,
  txDropped: 0n,
};

const fields = new Fields();
const xdp = new Fields();

/** The link that an RTM_NEWLINK tells of, or undefined where the payload tells of none. */
export function readObservedLink(payload: Uint8Array): ToldLink | undefined {
  if (payload.length < IFINFOMSG_SIZE) return undefined;
  fields.of(payload, IFINFOMSG_SIZE);
  const name = fields.text(IFLA_IFNAME);
  const mtu = fields.u32(IFLA_MTU);
  if (name === undefined || mtu === undefined) return undefined;
  const view = viewOf(payload);
  const flags = view.getUint32(8, LITTLE_ENDIAN);
  const mac = fields.mac(IFLA_ADDRESS);
  const master = fields.u32(IFLA_MASTER);
  const alias = fields.text(IFLA_IFALIAS);
  const [peer, nsid] = [fields.u32(IFLA_LINK), fields.i32(IFLA_LINK_NETNSID)];
  const settings = readLinkSettings(fields);
  return {
    ifindex: view.getInt32(4, LITTLE_ENDIAN),
    name,
    ...readLinkKind(fields),
    hardware: view.getUint16(2, LITTLE_ENDIAN),
    ...(mac && { mac }),
    mtu,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    operState: fields.u8(IFLA_OPERSTATE) ?? 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    promiscuous: (flags & IFF_PROMISC) !== 0 || (fields.u32(IFLA_PROMISCUITY) ?? 0) > 0,
    noArp: (flags & IFF_NOARP) !== 0,
    ...(master && { master }),
    ...(alias !== undefined && { alias }),
    ...(peer && { peer: { ifindex: peer, ...(nsid !== undefined && { nsid }) } }),
    ...(settings && { settings }),
    counters: readCounters(fields.bytes(IFLA_STATS64)) ?? NO_COUNTERS,
    xdp: fields.has(IFLA_XDP) && (xdp.within(fields, IFLA_XDP).u8(IFLA_XDP_ATTACHED) ?? 0) !== 0,
  };
}
