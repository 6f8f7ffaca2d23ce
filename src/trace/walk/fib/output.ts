/** The route of what is sent from here: ip_route_output_key_hash_rcu, __mkroute_output, ip6_route_output_flags. */
import { type Address, formatAddress } from "../../../lib/ip.ts";
import { isLinkLocal, isLoopback, isMulticast } from "../../../lib/ip-kinds.ts";
import { RT_SCOPE, RTN } from "../../../linux/rtnetlink/route-numbers.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace, NextHop, ObservedLink } from "../../../observe/types.ts";
import { either } from "../settings.ts";
import type { Found, NotFound, Query } from "./query.ts";
import { lookup } from "./rules.ts";
import { selectAddress } from "./source4.ts";
import { selectAddress6 } from "./source6.ts";

/** Decides between next hops that are as good as each other. */
export type PickHop = (hops: readonly NextHop[]) => NextHop | undefined;

export interface OutputRoute {
  readonly ok: true;
  /** RTN_* */
  readonly type: number;
  readonly source: Address;
  readonly out: ObservedLink;
  /** The next hop, where it is not the destination itself. */
  readonly via?: Address;
  readonly mtu: number;
  /** Absent where a link was named and no route was needed. */
  readonly found?: Found;
  readonly hop?: NextHop;
}

export interface NoOutput {
  readonly ok: false;
  readonly error: NotFound["error"] | "EADDRNOTAVAIL";
  /** Why, where it is not for want of a route. */
  readonly why?: string;
  readonly lookup?: NotFound;
}

const loopbackOf = (namespace: Namespace): ObservedLink | undefined =>
  placeOf(namespace)
    .links()
    .find(({ loopback }) => loopback);

/** @param anySource a source that is not ours is no fault: ip_route_me_harder of what was translated */
export function outputRoute(
  namespace: Namespace,
  query: Query,
  pick: PickHop,
  anySource = false,
): OutputRoute | NoOutput {
  if (
    query.from &&
    !anySource &&
    placeOf(namespace).holders(query.from).length === 0 &&
    !ours(namespace, query.from)
  ) {
    const why = `${formatAddress(query.from)} is not an address of ${namespace.name}`;
    return { ok: false, error: query.family === 4 ? "EINVAL" : "EADDRNOTAVAIL", why };
  }
  const found = lookup(namespace, query);
  if (!found.found) return { ok: false, error: found.error, lookup: found };
  if (found.route.type === RTN.local || found.route.type === RTN.anycast)
    return toItself(namespace, query, found);
  const hop = found.hops.length > 1 ? pick(found.hops) : found.hops[0];
  const out = hop?.ifindex === undefined ? undefined : placeOf(namespace).link(hop.ifindex);
  if (!hop || !out) return { ok: false, error: "ENETUNREACH" };
  const source = query.from ?? sourceOf(namespace, query, found, hop, out);
  if (!source) {
    return {
      ok: false,
      error: "EADDRNOTAVAIL",
      why: `${namespace.name} has no IPv${query.family} address of its own`,
    };
  }
  if (query.family === 4 && isLoopback(source) && !out.loopback && !either(namespace, out, "routeLocalnet")) {
    const why = `what comes from 127.0.0.0/8 leaves by ${out.name} only with net.ipv4.conf.${out.name}.route_localnet=1`;
    return { ok: false, error: "EINVAL", why };
  }
  return {
    ok: true,
    type: isMulticast(query.to) ? RTN.multicast : found.route.type,
    source,
    out,
    ...(hop.via && { via: hop.via }),
    mtu: found.route.mtu ?? out.mtu,
    found,
    hop,
  };
}

/** __ip_dev_find: an address may be local by a route alone, as all of 127.0.0.0/8 is. */
const ours = (namespace: Namespace, address: Address): boolean => {
  const found = lookup(namespace, { family: address.family, to: address, mark: 0 });
  return found.found && found.route.type === RTN.local;
};

function toItself(namespace: Namespace, query: Query, found: Found): OutputRoute | NoOutput {
  const out = loopbackOf(namespace);
  if (!out) return { ok: false, error: "ENETUNREACH" };
  const source = query.from ?? found.route.preferredSource ?? query.to;
  return { ok: true, type: RTN.local, source, out, mtu: found.route.mtu ?? out.mtu, found };
}

/** fib_result_prefsrc; ip6_route_get_saddr. */
function sourceOf(
  namespace: Namespace,
  query: Query,
  { route }: Found,
  hop: NextHop,
  out: ObservedLink,
): Address | undefined {
  if (route.preferredSource) return route.preferredSource;
  if (query.family === 6) return selectAddress6(namespace, out.ifindex, query.to);
  const near = hop.via?.family === 4 ? hop.via : undefined;
  return selectAddress(
    namespace,
    out.ifindex,
    near,
    Math.min(route.scope, RT_SCOPE.link) || RT_SCOPE.universe,
  );
}

/** Whether it needs to be told by which link: of link-local addresses there is one of each on every link. */
export const needsLink = (address: Address): boolean => address.family === 6 && isLinkLocal(address);
