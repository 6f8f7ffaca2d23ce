/** Which endpoint of a sandbox is its way out, and which one its published ports lead to. */
import { type Address, FAMILIES, type Family, sameAddress } from "../../lib/ip.ts";
import type { Route } from "../../linux/kernel.ts";
import type { Plan } from "../../linux/plan.ts";
import { addressOf, gatewayOf } from "../family.ts";
import type { FindNetwork } from "../ledger.ts";
import type { Endpoint, Network, Sandbox } from "../types.ts";

/** The highest priority first, then by the network's name: Docker's order. */
const byPriority = (a: Endpoint, b: Endpoint): number =>
  (b.gatewayPriority ?? 0) - (a.gatewayPriority ?? 0) ||
  (a.networkName < b.networkName ? -1 : a.networkName > b.networkName ? 1 : 0);

/** The endpoint whose gateway the default route leads to. */
export const wayOut = (endpoints: readonly Endpoint[], family: Family): Endpoint | undefined =>
  endpoints.filter((endpoint) => gatewayOf(endpoint, family)).toSorted(byPriority)[0];

/** Whether anything is forwarded to and from it. */
export const canCarry = ({ driver, internal }: Network): boolean => driver === "bridge" && !internal;

/** The endpoint that published ports of this family lead to: the way out where it can carry them. */
export const carrierOf = (
  { endpoints }: Pick<Sandbox, "endpoints">,
  family: Family,
  networkOf: FindNetwork,
): Endpoint | undefined =>
  endpoints
    .filter((endpoint) => addressOf(endpoint, family))
    .filter((endpoint) => canCarry(networkOf(endpoint)))
    .toSorted((a, b) => Number(!gatewayOf(a, family)) - Number(!gatewayOf(b, family)) || byPriority(a, b))[0];

/** From the default routes of some endpoints to those of others. Routes over links that are gone went with them. */
export function routesPlan(
  { key: netns }: Pick<Sandbox, "key">,
  before: readonly Endpoint[],
  after: readonly Endpoint[],
): Plan {
  return FAMILIES.flatMap((family): Plan => {
    const [was, is] = [wayOut(before, family), wayOut(after, family)];
    if (was?.id === is?.id) return [];
    const stands = was && after.some(({ id }) => id === was.id);
    const old = stands ? gatewayOf(was, family) : undefined;
    const via = is && gatewayOf(is, family);
    return [
      ...(old ? [{ do: "delete-route", netns, to: "default", family, via: old } as const] : []),
      ...(via ? [{ do: "add-route", netns, to: "default", via } as const] : []),
    ];
  });
}

/**
 * To a sandbox's default routes from those that there are, whatever came in between. Ways out that lead to none of
 * these gateways are somebody else's.
 */
export function settleRoutes(
  { key: netns, endpoints }: Pick<Sandbox, "key" | "endpoints">,
  routes: readonly Route[],
  gone: readonly Endpoint[] = [],
): Plan {
  return FAMILIES.flatMap((family): Plan => {
    const standing = routes.flatMap(({ to, via }) => (to === "default" && via?.family === family ? via : []));
    const leads = (via: Address, endpoint: Endpoint): boolean => {
      const gateway = gatewayOf(endpoint, family);
      return gateway !== undefined && sameAddress(gateway, via);
    };
    const out = wayOut(endpoints, family);
    const old = standing.filter(
      (via) => !(out && leads(via, out)) && [...endpoints, ...gone].some((endpoint) => leads(via, endpoint)),
    );
    const via = out && gatewayOf(out, family);
    return [
      ...old.map((via) => ({ do: "delete-route", netns, to: "default", family, via }) as const),
      ...(via && !standing.some((other) => sameAddress(other, via))
        ? [{ do: "add-route", netns, to: "default", via } as const]
        : []),
    ];
  });
}
