/** Which endpoint of a sandbox is its way out, and which one its published ports lead to. */
import { sameAddress } from "../lib/ip.ts";
import type { Route } from "../linux/kernel.ts";
import type { Plan } from "../linux/plan.ts";
import type { FindNetwork } from "./ledger.ts";
import type { Endpoint, Network, Sandbox } from "./types.ts";

type Family = 4 | 6;

const gatewayOf = (endpoint: Endpoint, family: Family) =>
  family === 4 ? endpoint.gateway : endpoint.gateway6;

/** The highest priority first, then by the network's name: Docker's order. */
export const byPriority = (a: Endpoint, b: Endpoint): number =>
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
    .filter((endpoint) => (family === 4 ? endpoint.address : endpoint.address6))
    .filter((endpoint) => canCarry(networkOf(endpoint)))
    .toSorted((a, b) => Number(!gatewayOf(a, family)) - Number(!gatewayOf(b, family)) || byPriority(a, b))[0];

/** From the default routes of some endpoints to those of others. Routes over links that are gone went with them. */
export function routesPlan(
  { key: netns }: Pick<Sandbox, "key">,
  before: readonly Endpoint[],
  after: readonly Endpoint[],
  families: readonly Family[] = [4, 6],
): Plan {
  return families.flatMap((family): Plan => {
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

/** What of a plan of default routes is not so yet. */
export function unfinished(plan: Plan, routes: readonly Route[]): Plan {
  return plan.filter((step) => {
    if (step.do !== "add-route" && step.do !== "delete-route") return true;
    const stands = routes.some(
      ({ to, via }) => to === "default" && via && step.via && sameAddress(via, step.via),
    );
    return stands === (step.do === "delete-route");
  });
}
