/** What is sent to published ports: from elsewhere, and by this machine to its own loopback. */
import {
  type Address,
  contains,
  type Family,
  firstOf,
  lastOf,
  type Prefix,
  parseAddress,
  sameAddress,
  subnetOf,
} from "../../lib/ip.ts";
import { isLoopback } from "../../lib/ip-kinds.ts";
import { RTN } from "../../linux/rtnetlink/route-numbers.ts";
import type { Namespace, NextHop, ObservedLink } from "../../observe/types.ts";
import { strangerOf } from "../../trace/ends/uplink.ts";
import type { Flow } from "../../trace/types.ts";
import type { Patient, Resident } from "../types.ts";
import { addressesOf } from "./namespace.ts";
import { wiredAttachments } from "./networks.ts";
import { type Published, publishedPorts } from "./ports.ts";

/** A published port, by a link of the host that clients come by. */
export interface WayIn {
  readonly published: Published;
  readonly link: ObservedLink;
  readonly destination: Address;
  /** One of the link's own subnet, where it has room for one. */
  readonly near: readonly Address[];
  /** One of anywhere, where those come by that link. */
  readonly strangers: readonly Address[];
}

export function waysIn(patient: Patient): readonly WayIn[] {
  const { host } = patient;
  const links = outward(host);
  return reachablePorts(patient).flatMap((published): readonly WayIn[] => {
    const { port, host: at, resident } = published;
    const family = at.address?.family ?? familyOf(resident);
    if (port.protocol === "sctp" || family === undefined || (at.address && isLoopback(at.address))) return [];
    return links.flatMap((link) => {
      const own = addressesOf(host, link)
        .map(({ address }) => address)
        .filter(({ address }) => address.family === family);
      const mine = own.find(({ address }) => !at.address || sameAddress(address, at.address));
      if (!mine) return [];
      const near = neighbourOf(host, link, mine);
      const strangers = gatewaysBy(host, link, family).length > 0 ? [strangerOf(family)] : [];
      return [{ published, link, destination: mine.address, near, strangers }];
    });
  });
}

/** Of containers that the host can reach. */
export function reachablePorts(patient: Patient): readonly Published[] {
  const residents = new Set(wiredAttachments(patient).map(({ resident }) => resident));
  return publishedPorts(patient).filter(({ resident }) => residents.has(resident));
}

/** Links that lead elsewhere: no bridges, whose clients are containers, nor what is another link's port. */
const outward = ({ links }: Namespace): readonly ObservedLink[] =>
  links.filter(
    ({ up, loopback, kind, master }) => up && !loopback && kind !== "bridge" && master === undefined,
  );

/** Of default routes in any table: by such a link, clients from anywhere come. */
const gatewaysBy = (host: Namespace, link: ObservedLink, family: Family): readonly NextHop[] =>
  host.routes
    .filter((route) => route.family === family && route.to.length === 0 && route.type === RTN.unicast)
    .flatMap(({ hops }) => hops.filter(({ ifindex }) => ifindex === link.ifindex));

/** The gateway, or the next address. */
function neighbourOf(host: Namespace, link: ObservedLink, own: Prefix): readonly Address[] {
  const { family, bits } = own.address;
  const gateway = gatewaysBy(host, link, family).flatMap(({ via }) => via ?? []);
  const next = [
    { family, bits: bits ^ 1n },
    { family, bits: bits ^ 3n },
  ].filter((one) => one.bits !== firstOf(own).bits && one.bits !== lastOf(own).bits);
  return [...gateway, ...next].filter((one) => contains(subnetOf(own), one)).slice(0, 1);
}

/** IPv4 where it has that: an engine serves the other by hand, if it does. */
function familyOf({ of }: Resident): Family | undefined {
  const families = of.endpoints.flatMap(({ addresses }) => addresses.map(({ address }) => address.family));
  return families.includes(4) ? 4 : families[0];
}

/** Of clients, whoever they are. */
export function flowsIn(
  { host }: Patient,
  { published, link, destination }: WayIn,
  clients: readonly Address[],
): readonly Flow[] {
  const { port, host: at, resident } = published;
  if (port.protocol === "sctp") return [];
  const { protocol } = port;
  return clients.map((source) => ({
    from: { label: "outside" },
    to: { label: resident.of.name },
    source,
    destination,
    protocol,
    port: at.port,
    enters: { namespace: host.id, ifindex: link.ifindex },
  }));
}

/** Of a neighbour by a link, to whatever address and port of TCP. */
export const flowsInto = (
  host: Namespace,
  link: ObservedLink,
  to: { readonly destination: Address; readonly port: number; readonly label: string },
): readonly Flow[] =>
  addressesOf(host, link)
    .map(({ address }) => address)
    .filter(({ address }) => address.family === to.destination.family)
    .slice(0, 1)
    .flatMap((own) => neighbourOf(host, link, own))
    .map((source) => ({
      from: { label: "outside" },
      to: { label: to.label },
      source,
      destination: to.destination,
      protocol: "tcp",
      port: to.port,
      enters: { namespace: host.id, ifindex: link.ifindex },
    }));

/** From this machine to a published port at its own loopback. */
export const flowLocal = (host: Namespace, { resident, port, host: at }: Published): Flow | undefined =>
  port.protocol === "sctp" || (at.address && !(isLoopback(at.address) && at.address.family === 4))
    ? undefined
    : {
        from: { label: "host", namespace: host.id },
        to: { label: resident.of.name },
        destination: at.address ?? parseAddress("127.0.0.1"),
        protocol: port.protocol,
        port: at.port,
      };
