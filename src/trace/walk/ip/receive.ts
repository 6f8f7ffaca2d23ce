/** IP takes a packet in: ip_rcv, ip_rcv_finish (net/ipv4/ip_input.c), ipv6_rcv (net/ipv6/ip6_input.c). */
import { type Address, formatAddress } from "../../../lib/ip.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace } from "../../../observe/types.ts";
import { addressOf, familyOf, macOfPacket } from "../../packet/packet.ts";
import type { DropReason } from "../../types.ts";
import { type Fate, UNANSWERED } from "../fate.ts";
import { type InputRoute, inputRoute } from "../fib/input.ts";
import { passHook } from "../hook.ts";
import { nameOf, type Port } from "../port.ts";
import { ipv6Off } from "../settings.ts";
import { PACKET, type Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { tellUnreachable } from "./errors.ts";
import { forward } from "./forward.ts";
import { deliver } from "./local.ts";
import { tellRoute } from "./output.ts";
import { queryOf } from "./query.ts";

export function ipReceive(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  const family = familyOf(skb.packet);
  if (family === undefined) {
    return walk.drop(namespace, skb, {
      code: "kernel",
      text: `${nameOf(port)} gets what is neither IP nor ARP`,
    });
  }
  if (skb.packetType === PACKET.otherHost) {
    if (skb.bears === "discovery") return UNANSWERED;
    return walk.drop(namespace, skb, { code: "wrong-mac", text: wrongMac(walk, port, skb) });
  }
  if (family === 6 && ipv6Off(namespace, link)) {
    const text = `IPv6 is off on ${nameOf(port)} (net.ipv6.conf.${link.name}.disable_ipv6 is 1)`;
    return walk.drop(namespace, skb, { code: "ipv6-off", text });
  }
  // ip_sabotage_in: a bridged packet has been at these hooks.
  const where = {
    namespace,
    layer: family === 4 ? "ip" : "ip6",
    hook: "prerouting",
    in: link.ifindex,
  } as const;
  const passed = skb.bridged ? { skb } : passHook(walk, where, skb);
  if (passed.fate) return passed.fate;
  const { routed, ...rest } = passed.skb;
  if (routed) return deliver(walk, port, rest);
  const query = queryOf(rest.packet, link.ifindex);
  if (!query) return walk.drop(namespace, skb, { code: "kernel", text: "a packet without addresses" });
  return routedBy(walk, port, rest, inputRoute(namespace, link, query, walk.hopOf(namespace)));
}

function routedBy(walk: Walk, port: Port, skb: Skb, route: InputRoute): Fate {
  const { namespace } = port;
  if (route.way === "refused") {
    const to = addressOf(skb.packet, "destination");
    const fate = walk.drop(namespace, skb, unusable(namespace, to) ?? route.reason);
    if (route.tells) tellUnreachable(walk, namespace, skb, route.tells);
    return fate;
  }
  if (skb.bears !== "discovery") {
    tellRoute(walk, namespace, skb.packet, route.found, route.way === "forward" ? route.hop : undefined);
  }
  return route.way === "local" ? deliver(walk, port, skb) : forward(walk, port, skb, route);
}

/** An IPv6 address that is assigned, and not in use: nothing is delivered to it. */
function unusable(namespace: Namespace, to: Address | undefined): DropReason | undefined {
  const held = to && placeOf(namespace).holders(to)[0];
  const link = held && placeOf(namespace).link(held.ifindex);
  if (!held || !link || !(held.tentative || held.duplicate)) return undefined;
  const why = held.duplicate
    ? "somebody else on the link has it too"
    : "whether somebody else has it is not known yet";
  return {
    code: "duplicate-address",
    text: `${formatAddress(to)} on ${nameOf({ namespace, link })} is not in use: ${why}`,
  };
}

/** Whose MAC address it is not; mostly for a neighbour entry that is out of date. */
function wrongMac(walk: Walk, port: Port, { packet }: Skb): string {
  const mac = macOfPacket(packet, "destination");
  const believed = walk.hops.findLast(({ event }) => event.kind === "neighbour" && event.mac === mac);
  const who = believed && walk.topology.namespaces.get(believed.namespace)?.name;
  const entry =
    believed?.event.kind === "neighbour"
      ? `: the neighbour entry of ${who} for ${formatAddress(believed.event.address)} is wrong or out of date`
      : "";
  return `the frame is for the MAC address ${mac}, but arrives at ${nameOf(port)}, whose MAC address is ${port.link.mac}${entry}`;
}
