/** What becomes of a packet that came in: ip_route_input_slow (net/ipv4/route.c), ip6_route_input (net/ipv6/route.c). */
import { type Address, formatAddress } from "../../../lib/ip.ts";
import { isBroadcast, isLinkLocal, isLoopback, isMulticast, isUnspecified } from "../../../lib/ip-kinds.ts";
import { RTN } from "../../../linux/rtnetlink/route-numbers.ts";
import { forwards } from "../../../observe/lookup.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace, NextHop, ObservedLink } from "../../../observe/types.ts";
import type { DropReason } from "../../types.ts";
import { either } from "../settings.ts";
import type { PickHop } from "./output.ts";
import type { Found, NotFound, Query } from "./query.ts";
import { lookup } from "./rules.ts";
import { refusedSource } from "./validate.ts";

/** What the sender is told. */
export type Unreachable = "net" | "host" | "filtered" | "no-route";

export type InputRoute =
  | { readonly way: "local"; readonly found?: Found }
  | {
      readonly way: "forward";
      readonly found: Found;
      readonly out: ObservedLink;
      readonly hop: NextHop;
      readonly via?: Address;
      readonly mtu: number;
    }
  | { readonly way: "refused"; readonly reason: DropReason; readonly tells?: Unreachable };

type Arrived = Query & { readonly from: Address; readonly in: number };

export const inputRoute = (
  namespace: Namespace,
  link: ObservedLink,
  query: Arrived,
  pick: PickHop,
): InputRoute =>
  query.family === 4 ? inputRoute4(namespace, link, query, pick) : inputRoute6(namespace, link, query, pick);

const refused = (reason: DropReason, tells?: Unreachable): InputRoute => ({
  way: "refused",
  reason,
  ...(tells && { tells }),
});

function martian(namespace: Namespace, link: ObservedLink, query: Arrived): DropReason | undefined {
  const { from, to } = query;
  const named = `from ${formatAddress(from)} to ${formatAddress(to)}, that comes in by ${link.name} of ${namespace.name}`;
  if (isMulticast(from) || isBroadcast(from))
    return { code: "martian", text: `nobody can speak under the source of a packet ${named}` };
  if (isUnspecified(from) !== isUnspecified(to) && !isBroadcast(to)) {
    return { code: "martian", text: `0.0.0.0 is nobody's address: it stands in a packet ${named}` };
  }
  const local = isLoopback(to) || isLoopback(from);
  if (local && !link.loopback && !either(namespace, link, "routeLocalnet")) {
    const why = `127.0.0.0/8 is for the inside of a machine, and net.ipv4.conf.${link.name}.route_localnet is 0`;
    return { code: "martian", text: `a packet ${named}, is refused: ${why}` };
  }
  return undefined;
}

function inputRoute4(namespace: Namespace, link: ObservedLink, query: Arrived, pick: PickHop): InputRoute {
  const strange = martian(namespace, link, query);
  if (strange) return refused(strange);
  if (isBroadcast(query.to)) return { way: "local" };
  const found = lookup(namespace, query);
  const forwarding = forwards(namespace, link, 4);
  if (!found.found && forwarding) return nowhere(namespace, query, found, forwarding);
  if (!found.found) return refused(notForwarding(namespace, link, query, 4));
  if (found.route.type === RTN.broadcast) return { way: "local", found };
  if (found.route.type === RTN.local) {
    const reason = refusedSource(namespace, link, query);
    return reason ? refused(reason) : { way: "local", found };
  }
  // ip_error: whoever does not forward tells nobody.
  if (!forwarding) return refused(notForwarding(namespace, link, query, 4));
  const route = onwards(namespace, query, found, pick);
  if (route.way !== "forward") return route;
  const reason = refusedSource(namespace, link, query, route.out.ifindex);
  return reason ? refused(reason) : route;
}

function inputRoute6(namespace: Namespace, link: ObservedLink, query: Arrived, pick: PickHop): InputRoute {
  if ((isLoopback(query.from) || isLoopback(query.to)) && !link.loopback) {
    return refused({
      code: "martian",
      text: `::1 is for the inside of a machine, and comes in by ${link.name} of ${namespace.name}`,
    });
  }
  if (isMulticast(query.to)) return { way: "local" };
  // Of a link-local address there may be one on every link: only this link's routes count.
  const found = lookup(namespace, isLinkLocal(query.to) ? { ...query, out: link.ifindex } : query);
  if (found.found && (found.route.type === RTN.local || found.route.type === RTN.anycast))
    return { way: "local", found };
  if (!forwards(namespace, link, 6)) return refused(notForwarding(namespace, link, query, 6));
  if (!found.found) return nowhere(namespace, query, found, true);
  if (isLinkLocal(query.from) || isLoopback(query.from)) {
    const text = `${formatAddress(query.from)} is good on its own link only: ${namespace.name} does not forward what comes from it`;
    return refused({ code: "martian", text }, "host");
  }
  return onwards(namespace, query, found, pick);
}

function notForwarding(namespace: Namespace, link: ObservedLink, { to }: Query, family: 4 | 6): DropReason {
  const general = family === 4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
  const own = `net.ipv4.conf.${link.name}.forwarding`;
  const all = namespace.sysctls.get(general);
  const which = family === 4 && all !== undefined && all !== "0" ? own : general;
  const where = which === own ? ` that come in by ${link.name}` : "";
  return {
    code: "not-forwarding",
    text: `${formatAddress(to)} is not an address of ${namespace.name}, which does not forward IPv${family} packets${where} (${which} is 0)`,
  };
}

const TELLS = { ENETUNREACH: "net", EHOSTUNREACH: "host", EACCES: "filtered", EINVAL: undefined } as const;

function nowhere(namespace: Namespace, query: Query, found: NotFound, forwarding: boolean): InputRoute {
  const to = formatAddress(query.to);
  const tells = forwarding ? TELLS[found.error] : undefined;
  if (!found.route && !(found.rule && found.rule.action.do !== "table")) {
    return refused({ code: "no-route", text: `${namespace.name} has no route to ${to}` }, tells);
  }
  return refused(
    { code: "unreachable-route", text: `${namespace.name} has a route for ${to} that refuses it` },
    tells,
  );
}

function onwards(namespace: Namespace, query: Query, found: Found, pick: PickHop): InputRoute {
  const hop = found.hops.length > 1 ? pick(found.hops) : found.hops[0];
  const out = hop?.ifindex === undefined ? undefined : placeOf(namespace).link(hop.ifindex);
  if (!hop || !out || found.route.type !== RTN.unicast) {
    const text = `${namespace.name} has no way to forward to ${formatAddress(query.to)}`;
    return refused({ code: "martian", text });
  }
  const mtu = found.route.mtu ?? out.mtu;
  return { way: "forward", found, out, hop, ...(hop.via && { via: hop.via }), mtu };
}
