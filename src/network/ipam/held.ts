/** What of the address space the host itself holds: its links' addresses, and what it has routes to. */
import { overlaps, type Prefix } from "../../lib/ip.ts";
import { RTN } from "../../linux/rtnetlink/route-numbers.ts";
import type { HostState } from "../host-state.ts";

/** Shorter ones are how VPNs and providers write a default route: 0.0.0.0/1 and 128.0.0.0/1, 2000::/3. */
const SHORTEST = { 4: 2, 6: 4 } as const;

/** fe80::/10 is on every link. */
const LINK_LOCAL: Prefix = { address: { family: 6, bits: 0xfe80n << 112n }, length: 10 };

export interface Held {
  readonly what: "address" | "route";
  readonly prefix: Prefix;
  readonly ifindex: number | undefined;
}

/** Held by links other than these. */
export function heldPrefixes({ addresses, routes }: HostState, own: ReadonlySet<number>): readonly Held[] {
  const given = addresses.map(
    ({ address, ifindex }): Held => ({ what: "address", prefix: address, ifindex }),
  );
  const routed = routes.flatMap(({ to, type, ifindex }): Held[] =>
    type === RTN.unicast && to !== "default" && to.length >= SHORTEST[to.address.family]
      ? [{ what: "route", prefix: to, ifindex }]
      : [],
  );
  return [...routed, ...given].filter(
    ({ ifindex, prefix }) => (ifindex === undefined || !own.has(ifindex)) && !overlaps(prefix, LINK_LOCAL),
  );
}
