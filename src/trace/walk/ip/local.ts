/** Delivered here: ip_local_deliver (net/ipv4/ip_input.c), ip6_input, and who takes it then. */
import { PROTOCOL } from "../../../lib/protocols.ts";
import { addressOf, familyOf, icmpOf, portOf } from "../../packet/packet.ts";
import type { DropReason } from "../../types.ts";
import { isNeverTracked } from "../conntrack/tuple.ts";
import { type Fate, UNANSWERED } from "../fate.ts";
import { passHook } from "../hook.ts";
import { discoveryReceive } from "../neighbour/solicitation.ts";
import type { Port } from "../port.ts";
import { sysctl } from "../settings.ts";
import type { Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { answerEcho, answerFrom, answerHandshake } from "./answer.ts";
import { sendReset, tellUnreachable } from "./errors.ts";
import { comesHome, isTold } from "./home.ts";
import { placeText, takerOf } from "./sockets.ts";

/** @param port by which it came in */
export function deliver(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  const layer = familyOf(skb.packet) === 6 ? "ip6" : "ip";
  const passed = passHook(walk, { namespace, layer, hook: "input", in: link.ifindex }, skb);
  if (passed.fate) return passed.fate;
  switch (skb.bears) {
    case "question":
      return asked(walk, port, passed.skb);
    case "answer":
      return comesHome(walk, port, passed.skb);
    case "error":
      return isTold(walk, port, passed.skb);
    case "discovery":
      return isNeverTracked(passed.skb.packet) ? discoveryReceive(walk, port, passed.skb) : UNANSWERED;
  }
}

function asked(walk: Walk, port: Port, skb: Skb): Fate {
  const { protocol } = skb.packet;
  if (protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp) {
    return toSocket(walk, port, skb, protocol === PROTOCOL.tcp ? "tcp" : "udp");
  }
  return icmpOf(skb.packet) ? echoed(walk, port, skb) : unknownProtocol(walk, port, skb);
}

function unknownProtocol(walk: Walk, { namespace }: Port, skb: Skb): Fate {
  const text = `${namespace.name} does not speak IP protocol ${skb.packet.protocol}`;
  return walk.drop(namespace, skb, { code: "no-socket", text });
}

/** icmp_echo, icmpv6_echo_reply. */
function echoed(walk: Walk, { namespace, link }: Port, skb: Skb): Fate {
  const key = familyOf(skb.packet) === 6 ? "net.ipv6.icmp.echo_ignore_all" : "net.ipv4.icmp_echo_ignore_all";
  if (sysctl(namespace, key) !== 0) {
    return walk.drop(namespace, skb, {
      code: "kernel",
      text: `${namespace.name} does not answer pings (${key} is 1)`,
    });
  }
  walk.tell(namespace, { kind: "local", to: "the kernel, which answers pings" }, skb.packet);
  return answerEcho(walk, { namespace, link }, skb);
}

function toSocket(walk: Walk, port: Port, skb: Skb, protocol: "tcp" | "udp"): Fate {
  const { namespace, link } = port;
  const address = addressOf(skb.packet, "destination");
  const number = portOf(skb.packet, "destination");
  const family = familyOf(skb.packet);
  if (!address || number === undefined || !family) return unknownProtocol(walk, port, skb);
  const taker = takerOf(namespace, { protocol, family, address, port: number, ifindex: link.ifindex });
  if (taker.reason) return refused(walk, port, skb, protocol, taker.reason);
  const to = `the program that ${protocol === "tcp" ? "listens" : "receives"} at ${placeText(taker.socket)}`;
  walk.tell(namespace, { kind: "local", to }, skb.packet);
  if (protocol === "tcp") return answerHandshake(walk, port, skb, taker.socket);
  return answerFrom(walk, port, skb, taker.socket, address);
}

/** tcp_v4_send_reset; icmp_send of __udp4_lib_rcv. Where the queue is full, silence. */
function refused(
  walk: Walk,
  { namespace }: Port,
  skb: Skb,
  protocol: "tcp" | "udp",
  reason: DropReason,
): Fate {
  const fate = walk.drop(namespace, skb, reason);
  if (reason.code === "backlog-full") return fate;
  if (protocol === "tcp") sendReset(walk, namespace, skb);
  else tellUnreachable(walk, namespace, skb, "port");
  return fate;
}
