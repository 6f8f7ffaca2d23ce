/** br_netfilter: bridged packets shown to IP's hooks, as `bridge-nf-call-iptables` has it (net/bridge/br_netfilter_hooks.c). */
import { sameAddress } from "../../../lib/ip.ts";
import type { Layer } from "../../firewall/types.ts";
import { addressOf, familyOf, macOfPacket, withEthernet } from "../../packet/packet.ts";
import type { DropReason } from "../../types.ts";
import type { Passed } from "../fate.ts";
import { inputRoute } from "../fib/input.ts";
import { type Builtin, passHook } from "../hook.ts";
import { queryOf } from "../ip/query.ts";
import { isConnected, resolve } from "../neighbour/resolve.ts";
import type { Port } from "../port.ts";
import { sysctl } from "../settings.ts";
import { PACKET, type Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { refOf } from "./transmit.ts";

/** NF_BR_PRI_BRNF and NF_BR_PRI_LAST, linux/netfilter_bridge.h. */
const BRNF = 0;
const LAST = 2 ** 31 - 1;

const layerOf = ({ packet }: Skb): Layer => (familyOf(packet) === 4 ? "ip" : "ip6");

/** Whether IP's hooks are asked: where the module is there at all, by the namespace's setting or the bridge's own. */
export function shownToIp({ namespace, link }: Port, { packet }: Skb): boolean {
  const family = familyOf(packet);
  if (family === undefined) return false;
  const key = `net.bridge.bridge-nf-call-${family === 4 ? "iptables" : "ip6tables"}`;
  if (!namespace.sysctls.has(key)) return false;
  const own = family === 4 ? link.bridge?.callIptables : link.bridge?.callIp6tables;
  return sysctl(namespace, key) !== 0 || own === true;
}

/** br_nf_pre_routing, br_nf_pre_routing_finish. */
export const preroutingThroughIp = (walk: Walk, port: Port, bridge: Port): Builtin => ({
  priority: BRNF,
  run(skb) {
    const { namespace } = bridge;
    const shown: Skb = { ...skb, packetType: PACKET.host, bridged: { in: port.link.ifindex } };
    const where = { namespace, layer: layerOf(skb), hook: "prerouting", in: bridge.link.ifindex } as const;
    const passed = passHook(walk, where, shown);
    if (passed.fate) return passed;
    const [before, after] = [skb, passed.skb].map(({ packet }) => addressOf(packet, "destination"));
    if (before && after && !sameAddress(before, after)) return ledElsewhere(walk, bridge, passed.skb);
    return { skb: { ...passed.skb, packetType: skb.packetType } };
  },
});

/** It was translated while it was bridged: to another port of this bridge, or up to be routed. */
function ledElsewhere(walk: Walk, bridge: Port, skb: Skb): Passed {
  const { namespace, link } = bridge;
  const query = queryOf(skb.packet, link.ifindex);
  const route = query && inputRoute(namespace, link, query, walk.hopOf(namespace));
  const from = macOfPacket(skb.packet, "source");
  if (!query || !route || !link.mac || !from) return { skb };
  if (route.way === "refused" && !isErrorRoute(query.family, route.reason))
    return { fate: walk.drop(namespace, skb, route.reason) };
  if (route.way === "forward" && route.out.ifindex === link.ifindex) {
    const next = route.via ?? query.to;
    const connected = isConnected(walk, bridge, next);
    const near = resolve(walk, bridge, next, skb);
    if (near.fate) return near;
    const packet = withEthernet(skb.packet, from, near.mac ?? link.mac);
    // br_nf_pre_routing_finish_bridge: handed to the neighbour by the bridge itself, which takes it back (br_nf_dev_xmit).
    if (!connected) walk.tell(namespace, { kind: "out", link: refOf(bridge), name: link.name }, packet);
    return { skb: { ...skb, packet } };
  }
  return { skb: { ...skb, packetType: PACKET.host, packet: withEthernet(skb.packet, from, link.mac) } };
}

/** Of IPv4, a route that refuses is a route: the packet goes up by it, to ip_error. What is no packet to route ends here. */
const isErrorRoute = (family: 4 | 6, { code }: DropReason): boolean =>
  family === 4 && (code === "not-forwarding" || code === "no-route" || code === "unreachable-route");

/** br_nf_forward: between two ports, in and out are the bridge. */
export const forwardThroughIp = (walk: Walk, { namespace, link }: Port): Builtin => ({
  priority: BRNF,
  run: (skb) => {
    const sides = { in: link.ifindex, out: link.ifindex };
    return passHook(walk, { namespace, layer: layerOf(skb), hook: "forward", ...sides }, skb);
  },
});

/** br_nf_post_routing */
export const postroutingThroughIp = (walk: Walk, { namespace, link }: Port): Builtin => ({
  priority: LAST,
  run: (skb) =>
    passHook(walk, { namespace, layer: layerOf(skb), hook: "postrouting", out: link.ifindex }, skb),
});
