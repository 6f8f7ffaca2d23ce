/** Which ports a flooded frame need not be followed to: of a thousand containers, one has the address. */
import { type Address, addressFromBytes, sameAddress } from "../../../lib/ip.ts";
import type { Namespace } from "../../../observe/types.ts";
import { addressOf, icmpOf, macOfPacket } from "../../packet/packet.ts";
import { ETHERTYPE, PROTOCOL } from "../../packet/parse.ts";
import { isLoopback4 } from "../fib/output.ts";
import { RTN } from "../fib/query.ts";
import { memoBy } from "../memo.ts";
import { type Port, placeOf, portAt } from "../place.ts";
import { sysctl } from "../settings.ts";
import type { Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { isPlainEnd } from "./transmit.ts";

/** Above this many addresses an index is worth its making. */
const MANY = 16;

const holds = (namespace: Namespace, address: Address): boolean =>
  namespace.addresses.length > MANY
    ? placeOf(namespace).holders(address).length > 0
    : namespace.addresses.some((held) => sameAddress(held.address.address, address));

/** It answers for more than its own addresses: proxies, and local routes to addresses that no link has. */
const answersForOthers = memoBy(
  (namespace: Namespace): boolean =>
    sysctl(namespace, "net.ipv4.conf.all.proxy_arp") !== 0 ||
    namespace.links.some(({ settings }) => settings?.proxyArp || settings?.proxyNdp) ||
    namespace.neighbours.some(({ proxy }) => proxy) ||
    namespace.routes.some(
      ({ type, to }) => type === RTN.local && !isLoopback4(to.address) && !holds(namespace, to.address),
    ),
);

const ND_TARGET = 8;

/** Whom a question to neighbours asks for. */
function askedFor({ packet }: Skb): Address | undefined {
  if (packet.etherType === ETHERTYPE.arp) return addressOf(packet, "destination");
  if (packet.protocol !== PROTOCOL.icmp6 || packet.transport === undefined) return undefined;
  if (icmpOf(packet)?.type !== 135) return undefined;
  const at = packet.transport + ND_TARGET;
  return addressFromBytes(packet.bytes.subarray(at, at + 16));
}

/** Whether nothing can come of a copy that leaves by this port. */
export function leadsNowhere(walk: Walk, { namespace, link }: Port, skb: Skb): boolean {
  if (link.kind !== "veth" || !link.other) return false;
  const end = portAt(walk.topology, link.other.namespace ?? namespace.id, link.other.ifindex);
  if (!end || !isPlainEnd(walk, end)) return false;
  const to = macOfPacket(skb.packet, "destination");
  const group = to !== undefined && (Number.parseInt(to.slice(0, 2), 16) & 1) !== 0;
  if (!group) return end.link.mac !== to;
  if (skb.bears !== "discovery") return false;
  const address = askedFor(skb);
  return address !== undefined && !holds(end.namespace, address) && !answersForOthers(end.namespace);
}
