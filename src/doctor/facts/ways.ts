/** What should get through on this machine, walked through its tables: what becomes of each is a prediction. */
import { setImmediate } from "node:timers/promises";
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
import type { Namespace, NextHop, ObservedLink, Topology } from "../../observe/types.ts";
import { strangerOf } from "../../trace/ends-uplink.ts";
import { describeNft } from "../../trace/firewall/nft/describe.ts";
import { describeXt } from "../../trace/firewall/xt/describe.ts";
import { explain } from "../../trace/fixes.ts";
import { caseOfPath } from "../../trace/fixes-case.ts";
import type { Explanation } from "../../trace/fixes-types.ts";
import { predict } from "../../trace/predict.ts";
import type { DropReason, Flow, Path } from "../../trace/types.ts";
import type { Patient, Resident } from "../types.ts";
import { addressesOf, defaultRoutes } from "./namespace.ts";
import {
  type Attachment,
  attachmentsOf,
  bridgeNetworks,
  isIsolated,
  isWired,
  type Network,
} from "./networks.ts";
import { isLoopback, type Published, publishedPorts } from "./ports.ts";

/** Somewhere, as different from a stranger as two hosts of the internet can be: who drops both drops everything. */
const ELSEWHERE: Readonly<Record<Family, Address>> = {
  4: parseAddress("9.9.9.9"),
  6: parseAddress("2620:fe::9"),
};
const HTTPS = 443;

/** A way that ends before it should. */
export interface Ended {
  readonly flow: Flow;
  readonly path: Path;
  readonly reason: DropReason;
  readonly explanation: Explanation;
  /** Where it ends. */
  readonly namespace: Namespace | undefined;
}

/** What becomes of a flow: undefined where it gets through, or where that can't be told. */
export function endOf({ topology }: Patient, flow: Flow): Ended | undefined {
  const { outcome, paths } = predict(topology, flow);
  const path = paths.find((one) => one.reason !== undefined);
  if (outcome !== "dropped" || !path?.reason) return undefined;
  const reason = withText(topology, path.reason);
  const one = caseOfPath(topology, flow, path, reason);
  return { flow, path, reason, explanation: explain(one), namespace: one.namespace };
}

/** With the rule in its tool's own words. */
function withText(topology: Topology, reason: DropReason): DropReason {
  const [rule] = reason.rule ? describeXt(describeNft([reason.rule], topology), topology) : [];
  return rule ? { ...reason, rule } : reason;
}

/** Milliseconds for the ways of one kind: where there are more than fit, the rest is said not to be walked. */
const BUDGET = 350;

/**
 * Look at one after another, as many as there is time for.
 * @throws Error where some were not looked at, and nothing was found in those that were
 */
export async function walkEach<T, R>(
  what: string,
  items: readonly T[],
  look: (item: T) => R | undefined,
): Promise<readonly R[]> {
  const end = performance.now() + BUDGET;
  const found: R[] = [];
  for (const [i, item] of items.entries()) {
    if (performance.now() > end) {
      if (found.length > 0) break;
      throw new Error(
        `${i} of ${items.length} ${what} were looked at in ${BUDGET} ms, and nothing was found`,
      );
    }
    const one = look(item);
    if (one !== undefined) found.push(one);
    await setImmediate();
  }
  return found;
}

/** A container of a network, on its way to the world. */
export interface WayOut {
  readonly network: Network;
  readonly resident: Resident;
  readonly family: Family;
}

const UNICAST = 1;
/** RTN_*: blackhole, unreachable, prohibit; and the metric of those that the kernel itself has for want of others. */
const REFUSING: readonly number[] = [6, 7, 8];
const LAST_RESORT = 0xffff_ffff;

/** Or had one, that somebody has closed. A host that has none at all is where it is by wish. */
const hasDefault = (host: Namespace, family: Family): boolean =>
  defaultRoutes(host, family).length > 0 ||
  host.routes.some(
    ({ family: of, to, type, metric }) =>
      of === family && to.length === 0 && REFUSING.includes(type) && metric !== LAST_RESORT,
  );

/** One of each network and family that has a way out. */
export function waysOut(patient: Patient): readonly WayOut[] {
  const one = new Map<string, WayOut>();
  for (const { network, resident, link } of wired(patient)) {
    if (network.network.internal || isIsolated(network.network) || !link) continue;
    for (const family of [4, 6] as const) {
      const has = addressesOf(resident.namespace, link).some(
        ({ address }) => address.address.family === family,
      );
      if (!has || !hasDefault(patient.host, family)) continue;
      if (defaultRoutes(resident.namespace, family).every(({ hops }) => hops[0]?.ifindex !== link.ifindex))
        continue;
      const key = `${family} ${network.network.id}`;
      if (!one.has(key)) one.set(key, { network, resident, family });
    }
  }
  return [...one.values()];
}

/** To two places that have nothing to do with each other. */
export const flowsOut = ({ resident, family }: WayOut): readonly Flow[] =>
  [strangerOf(family), ELSEWHERE[family]].map((destination) => ({
    from: { label: resident.of.name, namespace: resident.namespace.id },
    to: { label: "outside" },
    destination,
    protocol: "tcp",
    port: HTTPS,
  }));

/** Two containers of one network that may speak with each other. */
export interface WayWithin {
  readonly network: Network;
  readonly from: Resident;
  readonly to: Resident;
  readonly destination: Address;
}

export function waysWithin(patient: Patient): readonly WayWithin[] {
  const all = wired(patient);
  return bridgeNetworks(patient).flatMap(({ network }) => {
    if (!network.icc) return [];
    const on = all.filter((one) => one.network.network === network && one.link !== undefined);
    const [from, to] = on;
    if (!from || !to?.link || from.resident.namespace === to.resident.namespace) return [];
    return addressesOf(to.resident.namespace, to.link)
      .map(({ address }) => address.address)
      .filter(
        ({ family }) =>
          from.link !== undefined &&
          addressesOf(from.resident.namespace, from.link).some(
            ({ address }) => address.address.family === family,
          ),
      )
      .map((destination) => ({ network: from.network, from: from.resident, to: to.resident, destination }));
  });
}

export const flowWithin = ({ from, to, destination }: WayWithin): Flow => ({
  from: { label: from.of.name, namespace: from.namespace.id },
  to: { label: to.of.name, namespace: to.namespace.id },
  destination,
  protocol: "icmp",
});

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
  return reachablePorts(patient).flatMap((published): readonly WayIn[] => {
    const { port, host: at, resident } = published;
    const family = at.address?.family ?? familyOf(resident);
    if (port.protocol === "sctp" || family === undefined || (at.address && isLoopback(at.address))) return [];
    return outward(host).flatMap((link) => {
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
  const residents = new Set(wired(patient).map(({ resident }) => resident));
  return publishedPorts(patient).filter(({ resident }) => residents.has(resident));
}

const wired = (patient: Patient): readonly Attachment[] =>
  attachmentsOf(patient).filter((one) => isWired(one, patient.host));

/** Links that lead elsewhere: no bridges, whose clients are containers, nor what is another link's port. */
const outward = ({ links }: Namespace): readonly ObservedLink[] =>
  links.filter(
    ({ up, loopback, kind, master }) => up && !loopback && kind !== "bridge" && master === undefined,
  );

/** Of default routes in any table: by such a link, clients from anywhere come. */
const gatewaysBy = (host: Namespace, link: ObservedLink, family: Family): readonly NextHop[] =>
  host.routes
    .filter((route) => route.family === family && route.to.length === 0 && route.type === UNICAST)
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
