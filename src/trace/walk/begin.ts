/** The first packet of a way: what a program's connect(2) or sendto(2) makes, or what comes in from outside. */
import {
  type Address,
  contains,
  formatAddress,
  type Mac,
  offset,
  parseAddress,
  subnetOf,
} from "../../lib/ip.ts";
import { placeOf } from "../../observe/place.ts";
import type { Namespace } from "../../observe/types.ts";
import { type Carried, makePacket } from "../packet/make.ts";
import type { Packet } from "../packet/types.ts";
import type { DropReason, Flow } from "../types.ts";
import { arrive } from "./device/receive.ts";
import type { Fate } from "./fate.ts";
import { outputRoute } from "./fib/output.ts";
import { localOut, mayNotFragment, noRoute, tellRoute } from "./ip/output.ts";
import { nameOf, type Port, portAt } from "./port.ts";
import { ipv6Off } from "./settings.ts";
import { PACKET, type Skb } from "./skb.ts";
import { SOMEBODY, type Walk } from "./walk.ts";

/** Of the range that nobody publishes, and few name in rules. */
const SOURCE_PORT = 58_761;
const HEADERS = { icmp: 8, udp: 8, tcp: 20 } as const;

function carriedBy(flow: Flow): Carried {
  const header = (flow.destination.family === 4 ? 20 : 40) + HEADERS[flow.protocol];
  const data = new Uint8Array(Math.max(0, (flow.size ?? 0) - header));
  const sourcePort = flow.sourcePort ?? SOURCE_PORT;
  if (flow.protocol === "icmp") return { kind: "echo-request", identifier: sourcePort, sequence: 1, data };
  const ports = { sourcePort, destinationPort: flow.port ?? 0 };
  return flow.protocol === "udp"
    ? { kind: "udp", ...ports, data }
    : { kind: "tcp", ...ports, flags: "syn", data };
}

function packetOf(flow: Flow, source: Address, ethernet?: { source: Mac; destination: Mac }): Packet {
  return makePacket({
    source,
    destination: flow.destination,
    carries: carriedBy(flow),
    // TCP always asks for the path's MTU (ip_no_pmtu_disc is 0 by default); others where they are told to.
    dontFragment: flow.dontFragment ?? flow.protocol === "tcp",
    ...(ethernet && { ethernet }),
  });
}

function ask(walk: Walk, source: Address, namespace?: Namespace): void {
  const { flow } = walk;
  walk.asked = {
    from: source,
    to: flow.destination,
    fromPort: flow.sourcePort ?? SOURCE_PORT,
    ...(namespace && { namespace: namespace.id }),
    ...(flow.protocol !== "icmp" && { toPort: flow.port ?? 0 }),
  };
}

export function begin(walk: Walk): Fate {
  const { flow, topology } = walk;
  if (flow.enters) return fromOutside(walk, portAt(topology, flow.enters.namespace, flow.enters.ifindex));
  const namespace =
    flow.from.namespace === undefined ? undefined : topology.namespaces.get(flow.from.namespace);
  if (namespace) return fromHere(walk, namespace);
  walk.doubt(`where ${flow.from.label} is can't be seen from here`);
  return { end: "dropped", reason: { code: "kernel", text: `nothing is known of ${flow.from.label}` } };
}

/** connect(2): a route, an address, a packet. */
function fromHere(walk: Walk, namespace: Namespace): Fate {
  const { flow } = walk;
  const query = {
    family: flow.destination.family,
    to: flow.destination,
    mark: 0,
    ...(flow.source && { from: flow.source }),
    ...(flow.port !== undefined && { destinationPort: flow.port }),
  };
  const route = outputRoute(namespace, query, walk.hopOf(namespace));
  if (!route.ok) {
    const stated: Skb = {
      packet: packetOf(flow, flow.source ?? unspecified(flow)),
      bears: "question",
      packetType: PACKET.host,
    };
    return walk.drop(
      namespace,
      stated,
      unsendable(namespace, flow) ?? noRoute(namespace, flow.destination, route),
    );
  }
  ask(walk, route.source, namespace);
  const packet = packetOf(flow, route.source);
  const skb: Skb = { packet, bears: "question", packetType: PACKET.host, owner: { uid: 0, gid: 0 } };
  tellRoute(walk, namespace, packet, route.found, route.hop);
  const tooBig = (flow.size ?? 0) > route.mtu && (mayNotFragment(packet) || flow.dontFragment);
  if (tooBig) {
    const text = `${flow.size} bytes are too many for ${nameOf({ namespace, link: route.out })}, where ${route.mtu} fit: the sender is told "Message too long" (EMSGSIZE)`;
    return walk.drop(namespace, skb, { code: "too-big", text });
  }
  return localOut(walk, namespace, skb, route);
}

const unspecified = ({ destination }: Flow): Address => ({ family: destination.family, bits: 0n });

/** Why there is no route, where that is for all of IPv6 being off. */
function unsendable(namespace: Namespace, { destination }: Flow): DropReason | undefined {
  if (destination.family === 4) return undefined;
  const links = placeOf(namespace)
    .links()
    .filter(({ loopback }) => !loopback);
  if (links.length === 0 || !links.every((link) => ipv6Off(namespace, link))) return undefined;
  return {
    code: "ipv6-off",
    text: `IPv6 is off in ${namespace.name} (net.ipv6.conf.all.disable_ipv6 is 1): it can't send to ${formatAddress(destination)}`,
  };
}

/** A frame on the wire, to the link's own MAC address, or its bridge's. */
function fromOutside(walk: Walk, port: Port | undefined): Fate {
  const { flow } = walk;
  if (!port)
    return { end: "dropped", reason: { code: "link-down", text: "the link that it comes in by is gone" } };
  const source = flow.source ?? somebodyBehind(port, flow);
  ask(walk, source);
  const master = port.link.master === undefined ? undefined : placeOf(port.namespace).link(port.link.master);
  const destination = (master?.kind === "bridge" ? master.mac : undefined) ?? port.link.mac;
  const ethernet = destination && { source: flow.enters?.mac ?? SOMEBODY, destination };
  const packet = packetOf(flow, source, ethernet);
  return arrive(walk, port, { packet, bears: "question", packetType: PACKET.host });
}

const STRANGER = { 4: parseAddress("198.51.100.1"), 6: parseAddress("2001:db8:ffff::1") };

/** Somebody on the link's own subnet, or a stranger from far away where the link has none. */
function somebodyBehind({ namespace, link }: Port, { destination }: Flow): Address {
  const { family } = destination;
  const own = placeOf(namespace)
    .addressesOn(link.ifindex)
    .find(({ address }) => address.address.family === family && address.length < (family === 4 ? 31 : 127));
  if (!own) return STRANGER[family];
  const gateway = namespace.routes.find(
    ({ to, hops }) =>
      to.length === 0 && hops.some(({ ifindex, via }) => ifindex === link.ifindex && via?.family === family),
  )?.hops[0]?.via;
  if (gateway && contains(own.address, gateway)) return gateway;
  const first = subnetOf(own.address).address;
  return (
    [1n, 2n].map((by) => offset(first, by)).find(({ bits }) => bits !== own.address.address.bits) ?? first
  );
}
