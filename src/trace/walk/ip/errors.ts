/** What a sender is told of a packet that can't go on: icmp_send, icmp6_send, nf_send_reset. They walk back as well. */
import type { Address } from "../../../lib/ip.ts";
import { PROTOCOL } from "../../../lib/protocols.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace } from "../../../observe/types.ts";
import { type Carried, makePacket } from "../../packet/make.ts";
import { addressOf, familyOf, portOf } from "../../packet/packet.ts";
import { isError } from "../conntrack/tuple.ts";
import type { Unreachable } from "../fib/input.ts";
import { outputRoute } from "../fib/output.ts";
import { PACKET, type Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { localOut } from "./output.ts";
import { sentQueryOf } from "./query.ts";

/** Type and code, of IPv4 (RFC 792, RFC 1812) and of IPv6 (RFC 4443). */
interface IcmpError {
  readonly v4: readonly [type: number, code: number];
  readonly v6: readonly [type: number, code: number];
  readonly rest?: number;
}

const UNREACHABLE: Readonly<Record<Unreachable | "port", IcmpError>> = {
  net: { v4: [3, 0], v6: [1, 0] },
  "no-route": { v4: [3, 0], v6: [1, 0] },
  host: { v4: [3, 1], v6: [1, 3] },
  filtered: { v4: [3, 13], v6: [1, 1] },
  port: { v4: [3, 3], v6: [1, 4] },
};

/** An error is sent about what was asked alone: not about answers, and never about errors. */
function send(walk: Walk, namespace: Namespace, skb: Skb, error: IcmpError): void {
  const { packet } = skb;
  const to = addressOf(packet, "source");
  const asked = addressOf(packet, "destination");
  if (skb.bears !== "question" || !to || !asked || isError(packet)) return;
  const ours = placeOf(namespace).holders(asked).length > 0;
  const query = { family: to.family, to, mark: 0, ...(ours && { from: asked }) };
  const route = outputRoute(namespace, query, walk.hopOf(namespace));
  if (!route.ok) return;
  const [type, code] = to.family === 4 ? error.v4 : error.v6;
  const carries: Carried = {
    kind: "icmp-error",
    type,
    code,
    about: packet,
    ...(error.rest && { rest: error.rest }),
  };
  const answer: Skb = {
    packet: makePacket({ source: route.source, destination: to, carries }),
    bears: "error",
    packetType: PACKET.host,
    ...attached(skb),
  };
  walk.back(() => localOut(walk, namespace, answer, route));
}

/** nf_conntrack_attach (icmp_glue_bits, nf_send_reset): it belongs to the connection of what it is about. */
function attached({ tracked }: Skb): Pick<Skb, "tracked"> {
  if (!tracked || !("connection" in tracked)) return {};
  const direction = tracked.direction === "original" ? "reply" : "original";
  return { tracked: { state: "related", connection: tracked.connection, direction } };
}

export const tellUnreachable = (
  walk: Walk,
  namespace: Namespace,
  skb: Skb,
  what: Unreachable | "port",
): void => send(walk, namespace, skb, UNREACHABLE[what]);

export const tellExpired = (walk: Walk, namespace: Namespace, skb: Skb): void =>
  send(walk, namespace, skb, { v4: [11, 0], v6: [3, 0] });

export const tellTooBig = (walk: Walk, namespace: Namespace, skb: Skb, mtu: number): void =>
  send(walk, namespace, skb, { v4: [3, 4], v6: [2, 0], rest: mtu });

/** By the words of nft(8) and iptables-extensions(8): `icmp-port-unreachable`, `icmpx admin-prohibited`. The first that fits. */
const REJECTIONS: readonly (readonly [words: RegExp, error: IcmpError])[] = [
  [/net-?work-unreachable|net-unreach/, { v4: [3, 0], v6: [1, 0] }],
  [/no-route/, { v4: [3, 0], v6: [1, 0] }],
  [/host-unreach|addr-unreach/, { v4: [3, 1], v6: [1, 3] }],
  [/prot(o|ocol)-unreach/, { v4: [3, 2], v6: [1, 4] }],
  [/net-prohibited/, { v4: [3, 9], v6: [1, 1] }],
  [/host-prohib/, { v4: [3, 10], v6: [1, 1] }],
  [/adm(in)?-prohibited/, { v4: [3, 13], v6: [1, 1] }],
  [/policy-fail/, { v4: [3, 13], v6: [1, 5] }],
  [/reject-route/, { v4: [3, 13], v6: [1, 6] }],
];

/** A rule that rejects, by what it says that it answers with. */
export function tellRejected(walk: Walk, namespace: Namespace, skb: Skb, how: string): void {
  if (/reset|rst/.test(how)) reset(walk, namespace, skb, attached(skb));
  else send(walk, namespace, skb, REJECTIONS.find(([words]) => words.test(how))?.[1] ?? UNREACHABLE.port);
}

/** tcp_v4_send_reset: under the address that was asked, whoever's that is. */
export const sendReset = (walk: Walk, namespace: Namespace, skb: Skb): void =>
  reset(walk, namespace, skb, {});

function reset(walk: Walk, namespace: Namespace, skb: Skb, tracked: Pick<Skb, "tracked">): void {
  const { packet } = skb;
  const [source, destination]: readonly (Address | undefined)[] = [
    addressOf(packet, "destination"),
    addressOf(packet, "source"),
  ];
  const sourcePort = portOf(packet, "destination");
  const destinationPort = portOf(packet, "source");
  const able = skb.bears === "question" && packet.protocol === PROTOCOL.tcp && familyOf(packet) !== undefined;
  if (!able || !source || !destination || sourcePort === undefined || destinationPort === undefined) return;
  const carries: Carried = { kind: "tcp", sourcePort, destinationPort, flags: "rst-ack" };
  const answer = makePacket({ source, destination, carries });
  const query = sentQueryOf(answer);
  const route = query && outputRoute(namespace, query, walk.hopOf(namespace), true);
  if (!route?.ok) return;
  const sent: Skb = { packet: answer, bears: "error", packetType: PACKET.host, ...tracked };
  walk.back(() => localOut(walk, namespace, sent, route));
}
