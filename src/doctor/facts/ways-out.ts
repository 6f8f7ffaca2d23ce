/** What containers send: to the world, and to each other. */
import { type Address, type Family, parseAddress } from "../../lib/ip.ts";
import { defaultRoutes } from "../../observe/lookup.ts";
import type { Namespace } from "../../observe/types.ts";
import { strangerOf } from "../../trace/ends/uplink.ts";
import type { Flow } from "../../trace/types.ts";
import type { Patient, Resident } from "../types.ts";
import { addressesOf } from "./namespace.ts";
import { bridgeNetworks, isIsolated, type Network, wiredAttachments } from "./networks.ts";

/** Somewhere, as different from a stranger as two hosts of the internet can be: who drops both drops everything. */
const ELSEWHERE: Readonly<Record<Family, Address>> = {
  4: parseAddress("9.9.9.9"),
  6: parseAddress("2620:fe::9"),
};
const HTTPS = 443;

/** A container of a network, on its way to the world. */
export interface WayOut {
  readonly network: Network;
  readonly resident: Resident;
  readonly family: Family;
}

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
  for (const { network, resident, link } of wiredAttachments(patient)) {
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
export const flowsOut = ({ resident, family }: Pick<WayOut, "resident" | "family">): readonly Flow[] =>
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
  const all = wiredAttachments(patient);
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
