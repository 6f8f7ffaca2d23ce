/** From one link to another: ip_forward (net/ipv4/ip_forward.c), ip6_forward (net/ipv6/ip6_output.c). */
import { formatAddress } from "../../../lib/ip.ts";
import { addressOf, familyOf, ttlOf, withTtl } from "../../packet/packet.ts";
import { sizeOf } from "../device/transmit.ts";
import { type Fate, UNANSWERED } from "../fate.ts";
import type { InputRoute } from "../fib/input.ts";
import { passHook } from "../hook.ts";
import { nameOf, type Port } from "../port.ts";
import { PACKET, type Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { tellExpired, tellTooBig } from "./errors.ts";
import { mayNotFragment, output } from "./output.ts";

export function forward(
  walk: Walk,
  port: Port,
  skb: Skb,
  route: Extract<InputRoute, { way: "forward" }>,
): Fate {
  const { namespace, link } = port;
  if (skb.packetType !== PACKET.host) {
    if (skb.bears === "discovery") return UNANSWERED;
    const to = addressOf(skb.packet, "destination");
    const text = `${namespace.name} forwards nothing that was sent to all: ${to && formatAddress(to)}`;
    return walk.drop(namespace, skb, { code: "wrong-mac", text });
  }
  const ttl = ttlOf(skb.packet) ?? 0;
  if (ttl <= 1) {
    const text = `${namespace.name} is one router too many: the packet's time to live is used up`;
    const fate = walk.drop(namespace, skb, { code: "ttl", text });
    tellExpired(walk, namespace, skb);
    return fate;
  }
  const family = familyOf(skb.packet) ?? 4;
  if (sizeOf(skb) > route.mtu && (family === 6 || mayNotFragment(skb.packet))) {
    const out = nameOf({ namespace, link: route.out });
    const text = `${sizeOf(skb)} bytes are too many for ${out}, where ${route.mtu} fit, and the packet may not be cut into fragments`;
    const fate = walk.drop(namespace, skb, { code: "too-big", text });
    tellTooBig(walk, namespace, skb, route.mtu);
    return fate;
  }
  const passed = passHook(
    walk,
    {
      namespace,
      layer: family === 4 ? "ip" : "ip6",
      hook: "forward",
      in: link.ifindex,
      out: route.out.ifindex,
    },
    { ...skb, packet: withTtl(skb.packet, ttl - 1) },
  );
  return passed.fate ?? output(walk, namespace, passed.skb, route, link);
}
