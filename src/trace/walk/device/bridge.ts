/** A bridge: br_handle_frame (net/bridge/br_input.c), br_dev_xmit (br_device.c), br_forward and br_flood (br_forward.c). */
import type { Mac } from "../../../lib/ip.ts";
import { BR_STATE_FORWARDING, BR_STATE_LEARNING, PORT_STATES } from "../../../linux/rtnetlink/port-state.ts";
import { placeOf } from "../../../observe/place.ts";
import { BROADCAST_MAC, NO_MAC } from "../../packet/make.ts";
import { familyOf, macOfPacket } from "../../packet/packet.ts";
import type { Fate, Passed } from "../fate.ts";
import { passHook } from "../hook.ts";
import { nameOf, type Port } from "../port.ts";
import { PACKET, type Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import {
  forwardThroughIp,
  postroutingThroughIp,
  preroutingThroughIp,
  shownToIp,
} from "./bridge-netfilter.ts";
import { copies } from "./copies.ts";
import { portsWorthwhile } from "./flood.ts";
import { receive } from "./receive.ts";
import { fits, refOf, sizeOf, transmit } from "./transmit.ts";

const isGroup = (mac: Mac): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) !== 0;

/** From a port. */
export function bridgeReceive(walk: Walk, port: Port, bridge: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  const state = link.port?.state ?? BR_STATE_FORWARDING;
  if (!bridge.link.up)
    return walk.drop(namespace, skb, { code: "link-down", text: `${nameOf(bridge)} is down` });
  if (state !== BR_STATE_FORWARDING && state !== BR_STATE_LEARNING) {
    const text = `${link.name}, a port of the bridge ${nameOf(bridge)}, is ${PORT_STATES[state] ?? state}: it takes nothing in`;
    return walk.drop(namespace, skb, { code: "port-state", text });
  }
  if (bridge.link.bridge?.vlanFiltering) {
    walk.doubt(`the bridge ${nameOf(bridge)} filters by VLAN, which is not predicted`);
  }
  const own = macOfPacket(skb.packet, "destination") === bridge.link.mac;
  const framed = own ? { ...skb, packetType: PACKET.host } : skb;
  const shown = shownToIp(bridge, framed);
  const passed = passHook(
    walk,
    {
      namespace,
      layer: "bridge",
      hook: "prerouting",
      in: link.ifindex,
      ...(shown && { builtins: [preroutingThroughIp(walk, port, bridge)] }),
    },
    framed,
  );
  return passed.fate ?? decide(walk, port, bridge, passed.skb, state);
}

/** br_handle_frame_finish */
function decide(walk: Walk, port: Port, bridge: Port, skb: Skb, state: number): Fate {
  const from = macOfPacket(skb.packet, "source") ?? NO_MAC;
  const to = macOfPacket(skb.packet, "destination") ?? NO_MAC;
  if (port.link.port?.learning !== false && !isGroup(from)) {
    walk.memory.learnPort(refOf(bridge), from, port.link.ifindex);
  }
  if (state === BR_STATE_LEARNING) {
    const text = `${nameOf(port)}, a port of ${bridge.link.name}, is learning: it forwards nothing yet`;
    return walk.drop(port.namespace, skb, { code: "port-state", text });
  }
  if (isGroup(to)) {
    const ways = [() => passUp(walk, port, bridge, skb), ...floodWays(walk, bridge, skb, port)];
    return copies(walk, skb, ways);
  }
  const way = lookup(walk, bridge, to);
  if (way === "local") {
    tellBridge(walk, bridge, skb, bridge.link.name, "local");
    return passUp(walk, port, bridge, skb);
  }
  return way === undefined ? flood(walk, bridge, skb, port) : known(walk, bridge, skb, way, port);
}

/** br_dev_xmit: from the host itself. */
export function bridgeTransmit(walk: Walk, bridge: Port, skb: Skb): Fate {
  const to = macOfPacket(skb.packet, "destination") ?? NO_MAC;
  if (isGroup(to)) return copies(walk, skb, floodWays(walk, bridge, skb));
  const way = lookup(walk, bridge, to);
  if (way === "local") {
    const text = `${to} is a MAC address of ${nameOf(bridge)} itself: what is sent to it by the bridge arrives nowhere`;
    return walk.drop(bridge.namespace, skb, { code: "wrong-mac", text });
  }
  return way === undefined ? flood(walk, bridge, skb) : known(walk, bridge, skb, way);
}

/** br_fdb_find_rcu: what was learned on this very way comes first. */
function lookup(walk: Walk, bridge: Port, mac: Mac): number | "local" | undefined {
  const place = placeOf(bridge.namespace);
  if (mac === bridge.link.mac) return "local";
  const learned = walk.memory.portOf(refOf(bridge), mac);
  if (learned !== undefined) return learned;
  const entry = place.forwarding(bridge.link.ifindex, mac);
  if (!entry) return undefined;
  return entry.local ? "local" : entry.ifindex;
}

function tellBridge(
  walk: Walk,
  { namespace, link }: Port,
  { packet }: Skb,
  to: string,
  how: "entry" | "flood" | "local",
): void {
  walk.tell(namespace, { kind: "bridge", bridge: link.name, to, how }, packet);
}

/** To the port that its entry names. */
function known(walk: Walk, bridge: Port, skb: Skb, ifindex: number, from?: Port): Fate {
  const { namespace } = bridge;
  const link = placeOf(namespace).link(ifindex);
  if (!link) {
    const text = `the forwarding entry of ${nameOf(bridge)} leads to a port that is gone`;
    return walk.drop(namespace, skb, { code: "wrong-mac", text });
  }
  tellBridge(walk, bridge, skb, link.name, "entry");
  const to = { namespace, link };
  const why = undeliverable(bridge, to, from);
  return why ? walk.drop(namespace, skb, why) : outOf(walk, bridge, skb, to, from);
}

/** should_deliver. @returns why not */
function undeliverable(bridge: Port, to: Port, from: Port | undefined) {
  const port = to.link.port;
  if (from?.link.ifindex === to.link.ifindex && !port?.hairpin) {
    const text = `it would leave ${nameOf(bridge)} by ${to.link.name}, where it came in: that port is not in hairpin mode`;
    return { code: "port-state", text } as const;
  }
  if (port && port.state !== BR_STATE_FORWARDING) {
    const text = `${to.link.name}, a port of the bridge ${nameOf(bridge)}, is ${PORT_STATES[port.state] ?? port.state}: it lets nothing out`;
    return { code: "port-state", text } as const;
  }
  if (from?.link.port?.isolated && port?.isolated) {
    const text = `${from.link.name} and ${to.link.name} are isolated ports of the bridge ${nameOf(bridge)}: nothing goes between them`;
    return { code: "isolated-port", text } as const;
  }
  return undefined;
}

/** br_flood: what the bridge itself sends to groups, and to all, goes out by each port. */
function isFloodedTo({ link: { port } }: Port, { packet }: Skb, from: Port | undefined): boolean {
  const to = macOfPacket(packet, "destination") ?? NO_MAC;
  if (!isGroup(to)) return port?.unicastFlood !== false;
  if (!from) return true;
  return (to === BROADCAST_MAC ? port?.broadcastFlood : port?.multicastFlood) !== false;
}

/** To all ports but the one that it came by, one copy each; those that nothing can come of are passed over. */
function floodWays(walk: Walk, bridge: Port, skb: Skb, from?: Port): readonly (() => Fate)[] {
  return portsWorthwhile(walk, bridge, skb)
    .map((link): Port => ({ namespace: bridge.namespace, link }))
    .filter((to) => to.link.up && isFloodedTo(to, skb, from))
    .filter((to) => !undeliverable(bridge, to, from))
    .map((to) => () => {
      tellBridge(walk, bridge, skb, to.link.name, "flood");
      return outOf(walk, bridge, skb, to, from);
    });
}

function flood(walk: Walk, bridge: Port, skb: Skb, from?: Port): Fate {
  const ways = floodWays(walk, bridge, skb, from);
  if (ways.length > 0 || skb.bears === "discovery") return copies(walk, skb, ways);
  const to = macOfPacket(skb.packet, "destination");
  const text = `${nameOf(bridge)} knows no port for the MAC address ${to}, and nobody behind any port has it`;
  return walk.drop(bridge.namespace, skb, { code: "wrong-mac", text });
}

/** __br_forward, br_forward_finish, br_dev_queue_push_xmit. */
function outOf(walk: Walk, bridge: Port, skb: Skb, to: Port, from?: Port): Fate {
  const { namespace } = bridge;
  const out = to.link.ifindex;
  const shown = from && skb.bridged !== undefined && familyOf(skb.packet) !== undefined;
  const bridged = shown && skb.bridged ? { ...skb, bridged: { ...skb.bridged, out } } : skb;
  const first = from ? ({ hook: "forward", in: from.link.ifindex } as const) : ({ hook: "output" } as const);
  const sides = { namespace, layer: "bridge", out } as const;
  const forward = shown ? { builtins: [forwardThroughIp(walk, bridge)] } : {};
  const passed: Passed = passHook(walk, { ...sides, ...first, ...forward }, bridged);
  if (passed.fate) return passed.fate;
  const post = shown ? { builtins: [postroutingThroughIp(walk, bridge)] } : {};
  const last = passHook(walk, { ...sides, hook: "postrouting", ...post }, passed.skb);
  if (last.fate) return last.fate;
  if (!fits(last.skb, to.link.mtu)) {
    const text = `${sizeOf(skb)} bytes are too many for ${to.link.name}, a port of ${nameOf(bridge)} whose MTU is ${to.link.mtu}; nobody is told`;
    return walk.drop(namespace, skb, { code: "too-big", text });
  }
  const { bridged: done, ...plain } = last.skb;
  return transmit(walk, to, plain);
}

/** br_pass_frame_up: as if the bridge were a link that took it in. */
function passUp(walk: Walk, port: Port, bridge: Port, skb: Skb): Fate {
  const passed = passHook(
    walk,
    { namespace: port.namespace, layer: "bridge", hook: "input", in: port.link.ifindex },
    skb,
  );
  return passed.fate ?? receive(walk, bridge, passed.skb);
}
