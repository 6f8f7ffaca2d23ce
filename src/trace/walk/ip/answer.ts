/** What answers: icmp_reply, tcp_v4_send_synack, and a program that sends a datagram back. */
import { type Address, formatAddress, sameAddress } from "../../../lib/ip.ts";
import type { ListeningSocket, Namespace } from "../../../observe/types.ts";
import { type Carried, makePacket } from "../../packet/make.ts";
import { addressOf, echoIdentifierOf, portOf } from "../../packet/packet.ts";
import type { Packet } from "../../packet/types.ts";
import type { Fate } from "../fate.ts";
import { needsLink, outputRoute } from "../fib/output.ts";
import type { Port } from "../port.ts";
import { lost } from "../sentences.ts";
import { PACKET, type Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { localOut, noRoute, tellRoute } from "./output.ts";
import { sentQueryOf } from "./query.ts";

/** icmp_reply: with what was asked for, all of it. */
export function answerEcho(walk: Walk, port: Port, skb: Skb): Fate {
  const { bytes, transport = 0 } = skb.packet;
  const data = bytes.subarray(transport + 8);
  const identifier = echoIdentifierOf(skb.packet) ?? 0;
  return answer(walk, port, skb, { kind: "echo-reply", identifier, sequence: 1, data });
}

const turnedPorts = (packet: Packet) => ({
  sourcePort: portOf(packet, "destination") ?? 0,
  destinationPort: portOf(packet, "source") ?? 0,
});

export const answerHandshake = (walk: Walk, port: Port, skb: Skb, socket: ListeningSocket): Fate =>
  answer(walk, port, skb, { kind: "tcp", flags: "syn-ack", ...turnedPorts(skb.packet) }, socket);

/**
 * That a program answers at all is its own business. One that is bound to no address, and does not look which was asked
 * (IP_PKTINFO), answers from the address that the route back prefers.
 */
export function answerFrom(walk: Walk, port: Port, skb: Skb, socket: ListeningSocket, asked: Address): Fate {
  const { namespace } = port;
  const to = addressOf(skb.packet, "source");
  const family = asked.family;
  const preferred =
    to && !socket.address
      ? outputRoute(namespace, { family, to, mark: 0 }, walk.hopOf(namespace))
      : undefined;
  const other = preferred?.ok && !sameAddress(preferred.source, asked) ? [preferred.source] : [];
  const source = walk.choose([asked, ...other]) ?? asked;
  walk.assume(`the program in ${namespace.name} answers, from ${formatAddress(source)}`);
  return answer(walk, port, skb, { kind: "udp", ...turnedPorts(skb.packet) }, socket, source);
}

function answer(
  walk: Walk,
  port: Port,
  skb: Skb,
  carries: Carried,
  socket?: ListeningSocket,
  source = addressOf(skb.packet, "destination"),
): Fate {
  const { namespace, link } = port;
  const destination = addressOf(skb.packet, "source");
  if (!source || !destination) return { end: "reached" };
  const packet = makePacket({ source, destination, carries });
  const owner = socket && { uid: socket.uid, gid: socket.uid };
  const reply: Skb = { packet, bears: "answer", packetType: PACKET.host, ...(owner && { owner }) };
  const bound = socket?.ifindex ?? (needsLink(destination) ? link.ifindex : undefined);
  const fate = walk.back(() => sendBack(walk, namespace, reply, destination, bound));
  return fate.end === "dropped" ? { end: "dropped", reason: lost(fate.reason) } : fate;
}

function sendBack(
  walk: Walk,
  namespace: Namespace,
  reply: Skb,
  to: Address,
  bound: number | undefined,
): Fate {
  const query = sentQueryOf(reply.packet);
  const route =
    query &&
    outputRoute(namespace, bound === undefined ? query : { ...query, out: bound }, walk.hopOf(namespace));
  if (!query || !route?.ok) return walk.drop(namespace, reply, noRoute(namespace, to, route));
  if (!sameAddress(route.source, query.from))
    walk.assume(`the answer comes from ${formatAddress(query.from)}`);
  tellRoute(walk, namespace, reply.packet, route.found, route.hop);
  return localOut(walk, namespace, reply, route);
}
