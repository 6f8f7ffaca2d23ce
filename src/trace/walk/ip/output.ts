/** Sent from here, and out: ip_local_out, ip_output, ip_finish_output2 (net/ipv4/ip_output.c), and IPv6's alike. */
import { type Address, formatAddress, type Mac } from "../../../lib/ip.ts";
import type { Namespace, NextHop, ObservedLink } from "../../../observe/types.ts";
import { NO_MAC } from "../../packet/make.ts";
import { addressOf, familyOf, withEthernet, withoutEthernet } from "../../packet/packet.ts";
import type { Packet } from "../../packet/types.ts";
import type { DropReason } from "../../types.ts";
import { sizeOf, transmit } from "../device/transmit.ts";
import type { Fate } from "../fate.ts";
import { type NoOutput, outputRoute } from "../fib/output.ts";
import type { Found } from "../fib/query.ts";
import { routeText, ruleText } from "../fib/text.ts";
import { passHook } from "../hook.ts";
import { resolve } from "../neighbour/resolve.ts";
import { nameOf } from "../port.ts";
import type { Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { tellTooBig, tellUnreachable } from "./errors.ts";
import { sentQueryOf } from "./query.ts";

/** struct dst_entry: how it leaves. */
export interface Egress {
  readonly out: ObservedLink;
  readonly via?: Address;
  readonly mtu: number;
}

/** ip_local_out: what rules mark or translate may leave by another way than was looked up. */
export function localOut(walk: Walk, namespace: Namespace, skb: Skb, egress: Egress): Fate {
  let way = egress;
  const passed = passHook(
    walk,
    {
      namespace,
      layer: familyOf(skb.packet) === 6 ? "ip6" : "ip",
      hook: "output",
      out: egress.out.ifindex,
      reroute(changed) {
        const next = rerouted(walk, namespace, changed);
        if ("end" in next) return { fate: next };
        way = next;
        return { out: next.out.ifindex };
      },
    },
    skb,
  );
  return passed.fate ?? output(walk, namespace, passed.skb, way);
}

/** ip_route_me_harder */
function rerouted(walk: Walk, namespace: Namespace, skb: Skb): Egress | Fate {
  const query = sentQueryOf(skb.packet);
  const route = query && outputRoute(namespace, query, walk.hopOf(namespace), true);
  if (query && route?.ok) {
    tellRoute(walk, namespace, skb.packet, route.found, route.hop);
    return route;
  }
  const why = noRoute(namespace, query?.to, route);
  return walk.drop(namespace, skb, why);
}

export function tellRoute(
  walk: Walk,
  namespace: Namespace,
  packet: Packet,
  found: Found | undefined,
  hop?: NextHop,
): void {
  if (!found) return;
  const rule = ruleText(found.rule);
  const text = routeText(namespace, found.route, hop ?? found.hops[0]);
  walk.tell(namespace, { kind: "route", table: found.route.table, text, ...(rule && { rule }) }, packet);
}

const ERRORS = {
  ENETUNREACH: "Network is unreachable",
  EHOSTUNREACH: "No route to host",
  EACCES: "Permission denied",
  EINVAL: "Invalid argument",
  EADDRNOTAVAIL: "Cannot assign requested address",
} as const;

/** What a sender without a route is told, errno included. */
export function noRoute(
  namespace: Namespace,
  to: Address | undefined,
  route: NoOutput | { readonly ok: true } | undefined,
): DropReason {
  const destination = to ? formatAddress(to) : "there";
  if (!route || route.ok)
    return { code: "no-route", text: `${namespace.name} has no route to ${destination}` };
  const told = `: the sender is told "${ERRORS[route.error]}" (${route.error})`;
  if (route.why)
    return {
      code: "no-address",
      text: `${namespace.name} can't send to ${destination}, since ${route.why}${told}`,
    };
  const { route: refusing, rule } = route.lookup ?? {};
  const what = refusing
    ? `the route "${routeText(namespace, refusing)}"`
    : rule && rule.action.do !== "table" && `the rule "${ruleText(rule)}"`;
  if (what)
    return {
      code: "unreachable-route",
      text: `${what} of ${namespace.name} refuses packets to ${destination}${told}`,
    };
  return { code: "no-route", text: `${namespace.name} has no route to ${destination}${told}` };
}

/** ip_output: behind the routing decision, of what is sent and what is forwarded. */
export function output(
  walk: Walk,
  namespace: Namespace,
  skb: Skb,
  egress: Egress,
  from?: ObservedLink,
): Fate {
  const family = familyOf(skb.packet) ?? 4;
  const passed = passHook(
    walk,
    {
      namespace,
      layer: family === 6 ? "ip6" : "ip",
      hook: "postrouting",
      ...(from && { in: from.ifindex }),
      out: egress.out.ifindex,
      ...(egress.via?.family === family && { nextHop: egress.via }),
    },
    skb,
  );
  if (passed.fate) return passed.fate;
  return finish(walk, namespace, passed.skb, egress);
}

/** IP_DF, RFC 791. */
export const mayNotFragment = ({ bytes, network }: Packet): boolean =>
  ((bytes[network + 6] ?? 0) & 0x40) !== 0;

/** ip_finish_output, ip_finish_output2. */
function finish(walk: Walk, namespace: Namespace, skb: Skb, egress: Egress): Fate {
  const { out } = egress;
  const size = sizeOf(skb);
  let sent = skb;
  if (size > egress.mtu) {
    if (familyOf(skb.packet) === 4 && mayNotFragment(skb.packet)) {
      const text = `${size} bytes are too many for ${nameOf({ namespace, link: out })}, where ${egress.mtu} fit, and the packet may not be cut into fragments`;
      const fate = walk.drop(namespace, skb, { code: "too-big", text });
      tellTooBig(walk, namespace, skb, egress.mtu);
      return fate;
    }
    sent = { ...skb, fragment: egress.mtu };
  }
  const to = egress.via ?? addressOf(sent.packet, "destination");
  if (!to) return walk.drop(namespace, skb, noRoute(namespace, undefined, undefined));
  const near = resolve(walk, { namespace, link: out }, to, sent);
  if (near.fate) {
    // ipv4_link_failure, ip6_link_failure
    tellUnreachable(walk, namespace, sent, "host");
    return near.fate;
  }
  return transmit(walk, { namespace, link: out }, { ...sent, packet: framed(sent.packet, out, near.mac) });
}

/** neigh_hh_output, eth_header; loopback's header is of zeros. */
function framed(packet: Packet, out: ObservedLink, mac: Mac | undefined): Packet {
  if (out.loopback) return withEthernet(packet, NO_MAC, NO_MAC);
  if (mac && out.mac) return withEthernet(packet, out.mac, mac);
  return packet.network === 0 ? packet : withoutEthernet(packet);
}
