/** Which ports a flooded frame need not be followed to: of a thousand containers, one has the address. */
import { type Address, addressFromBytes, type Mac, sameAddress } from "../../../lib/ip.ts";
import { isLoopback } from "../../../lib/ip-kinds.ts";
import { memoBy } from "../../../lib/memo.ts";
import { ETHERTYPE, PROTOCOL } from "../../../lib/protocols.ts";
import { RTN } from "../../../linux/rtnetlink/route-numbers.ts";
import { keyOf, placeOf } from "../../../observe/place.ts";
import type { Namespace, ObservedLink, Topology } from "../../../observe/types.ts";
import { addressOf, icmpOf, macOfPacket } from "../../packet/packet.ts";
import { otherEnd, type Port, stackedOn } from "../port.ts";
import { sysctl } from "../settings.ts";
import type { Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";

/** Ports of a bridge by what lies behind them. */
interface Ports {
  readonly all: readonly ObservedLink[];
  /** Behind which there may be anybody: hardware, other bridges, proxies. */
  readonly open: readonly ObservedLink[];
  /** The others, behind which there is one end and nobody else: by the end's addresses, and by its MAC address. */
  readonly byAddress: ReadonlyMap<bigint, readonly ObservedLink[]>;
  readonly byMac: ReadonlyMap<Mac, readonly ObservedLink[]>;
}

/** It answers for more than its own addresses: proxies, and local routes to addresses that no link has. */
const answersForOthers = memoBy(
  (namespace: Namespace): boolean =>
    sysctl(namespace, "net.ipv4.conf.all.proxy_arp") !== 0 ||
    namespace.links.some(({ settings }) => settings?.proxyArp || settings?.proxyNdp) ||
    namespace.neighbours.some(({ proxy }) => proxy) ||
    namespace.routes.some(
      ({ type, to }) => type === RTN.local && !isLoopback(to.address) && !holds(namespace, to.address),
    ),
);

/** The other end of a pair that leads to nobody but its own namespace's IP: a frame to another MAC address ends there. */
function plainEnd(topology: Topology, link: ObservedLink): Port | undefined {
  if (link.kind !== "veth") return undefined;
  const end = otherEnd(topology, link);
  if (!end || end.link.master !== undefined || end.link.promiscuous) return undefined;
  return stackedOn(topology, end).length > 0 || answersForOthers(end.namespace) ? undefined : end;
}

function portsOf(topology: Topology, { namespace, link: bridge }: Port): Ports {
  const all = placeOf(namespace).ports(bridge.ifindex);
  const found = all.map((link) => ({ link, end: plainEnd(topology, link) }));
  const byAddress = new Map<bigint, ObservedLink[]>();
  const byMac = new Map<Mac, ObservedLink[]>();
  for (const { link, end } of found) {
    if (!end) continue;
    // One that is assigned twice is held once.
    for (const key of new Set(end.namespace.addresses.map(({ address }) => keyOf(address.address))))
      put(byAddress, key, link);
    if (end.link.mac !== undefined) put(byMac, end.link.mac, link);
  }
  return { all, open: found.flatMap(({ link, end }) => (end ? [] : [link])), byAddress, byMac };
}

function put<K>(to: Map<K, ObservedLink[]>, key: K, link: ObservedLink): void {
  const some = to.get(key);
  if (some) some.push(link);
  else to.set(key, [link]);
}

const known = memoBy((_: Topology) => new Map<ObservedLink, Ports>());

function remembered(topology: Topology, bridge: Port): Ports {
  const bridges = known(topology);
  const ports = bridges.get(bridge.link) ?? portsOf(topology, bridge);
  bridges.set(bridge.link, ports);
  return ports;
}

const ND_TARGET = 8;
const SOLICITATION = 135;

/** Whom a question to neighbours asks for. */
function askedFor({ packet, bears }: Skb): Address | undefined {
  if (bears !== "discovery") return undefined;
  if (packet.etherType === ETHERTYPE.arp) return addressOf(packet, "destination");
  if (packet.protocol !== PROTOCOL.icmp6 || packet.transport === undefined) return undefined;
  if (icmpOf(packet)?.type !== SOLICITATION) return undefined;
  const at = packet.transport + ND_TARGET;
  return addressFromBytes(packet.bytes.subarray(at, at + 16));
}

/** The ports by which something may come of a frame to all, or to a MAC address that the bridge does not know. */
export function portsWorthwhile(walk: Walk, bridge: Port, skb: Skb): readonly ObservedLink[] {
  const { all, open, byAddress, byMac } = remembered(walk.topology, bridge);
  const to = macOfPacket(skb.packet, "destination");
  if (to === undefined) return all;
  const unicast = (Number.parseInt(to.slice(0, 2), 16) & 1) === 0;
  const address = askedFor(skb);
  if (!unicast && !address) return all;
  const concerned = address ? byAddress.get(keyOf(address)) : byMac.get(to);
  return [...(concerned ?? []), ...open];
}

/** A search: in most namespaces there are a few addresses, and this is asked of each of them once. */
const holds = ({ addresses }: Namespace, address: Address): boolean =>
  addresses.some((held) => sameAddress(held.address.address, address));
