/** Connection tracking of one namespace: nf_conntrack_in, nf_conntrack_confirm (net/netfilter/nf_conntrack_core.c). */
import type { Family } from "../../../lib/ip.ts";
import { memoBy } from "../../../lib/memo.ts";
import { PROTOCOL } from "../../../lib/protocols.ts";
import type { Namespace, ObservedConnection } from "../../../observe/types.ts";
import type { ConnectionView } from "../../firewall/types.ts";
import { icmpOf, tcpFlagsOf } from "../../packet/packet.ts";
import type { Packet } from "../../packet/types.ts";
import type { Passed } from "../fate.ts";
import type { Connection } from "../memory.ts";
import { sysctl } from "../settings.ts";
import type { Skb, Tracked } from "../skb.ts";
import type { Walk } from "../walk.ts";
import {
  forRules,
  fromObserved,
  inverse,
  isError,
  isNeverTracked,
  quoted,
  sameTuple,
  type Tuple,
  tupleOf,
} from "./tuple.ts";

/** IPS_*, linux/netfilter/nf_conntrack_common.h. */
export const STATUS = {
  seenReply: 1 << 1,
  confirmed: 1 << 3,
  sourceTranslated: 1 << 4,
  destinationTranslated: 1 << 5,
  sourceDone: 1 << 7,
  destinationDone: 1 << 8,
} as const;

const TCP_FIN = 1;
const TCP_SYN = 2;
const TCP_RST = 4;
const TCP_ACK = 16;

const tupleKey = ({ protocol, source, destination, sourcePort, destinationPort }: Tuple): string =>
  `${protocol} ${source.bits} ${destination.bits} ${sourcePort} ${destinationPort}`;

/** What the kernel tracks already, by either of its tuples. Keys name no family: bits of IPv4's addresses are no IPv6 address in use. */
const observedBy = memoBy((namespace: Namespace): ReadonlyMap<string, ObservedConnection> => {
  const all = (namespace.connections ?? []).flatMap((connection) =>
    [connection.original, connection.reply].map((tuple): [string, ObservedConnection] => [
      tupleKey(fromObserved(tuple, connection.family, connection.protocol)),
      connection,
    ]),
  );
  return new Map(all);
});

interface Known {
  readonly connection: Connection;
  readonly direction: "original" | "reply";
}

function find(walk: Walk, namespace: Namespace, tuple: Tuple): Known | undefined {
  for (const connection of walk.memory.connections(namespace.id)) {
    if (!(connection.status & STATUS.confirmed)) continue;
    if (sameTuple(connection.original, tuple)) return { connection, direction: "original" };
    if (sameTuple(connection.reply, tuple)) return { connection, direction: "reply" };
  }
  if (!namespace.connections) return undefined;
  const observed = observedBy(namespace).get(tupleKey(tuple));
  if (!observed || observed.family !== tuple.family) return undefined;
  const original = fromObserved(observed.original, tuple.family, tuple.protocol);
  const connection = walk.memory.track(namespace.id, {
    original,
    reply: fromObserved(observed.reply, tuple.family, tuple.protocol),
    status: observed.status | STATUS.confirmed | STATUS.sourceDone | STATUS.destinationDone,
    mark: observed.mark,
    zone: observed.zone,
  });
  return { connection, direction: sameTuple(original, tuple) ? "original" : "reply" };
}

/** Whether a tuple is taken by a connection that is tracked already, so that a translation must choose another. */
export const isTaken = (namespace: Namespace, tuple: Tuple): boolean =>
  namespace.connections !== undefined && observedBy(namespace).has(tupleKey(tuple));

/** tcp_new, icmp_new: what may begin a connection. */
function begins(namespace: Namespace, packet: Packet): boolean {
  const flags = tcpFlagsOf(packet);
  if (flags !== undefined) {
    if (flags & TCP_RST) return false;
    if (flags & TCP_SYN) return !(flags & (TCP_ACK | TCP_FIN));
    return sysctl(namespace, "net.netfilter.nf_conntrack_tcp_loose", 1) !== 0;
  }
  const icmp = icmpOf(packet);
  if (!icmp) return true;
  return packet.protocol === PROTOCOL.icmp
    ? [8, 13, 15, 17].includes(icmp.type)
    : [128, 139].includes(icmp.type);
}

const INVALID: Tracked = { state: "invalid" };

/** nf_conntrack_inet_error: it belongs to the connection of the packet that it is about. */
function related(walk: Walk, namespace: Namespace, packet: Packet): Tracked {
  const about = quoted(packet);
  const tuple = about && tupleOf(about.packet);
  const known = tuple && find(walk, namespace, inverse(tuple));
  return known ? { state: "related", connection: known.connection.id, direction: known.direction } : INVALID;
}

function trackedAs(walk: Walk, namespace: Namespace, packet: Packet): Tracked | "full" {
  if (isNeverTracked(packet)) return { state: "untracked" };
  if (isError(packet)) return related(walk, namespace, packet);
  const tuple = tupleOf(packet);
  if (!tuple) return INVALID;
  const known = find(walk, namespace, tuple);
  if (known) {
    const { connection, direction } = known;
    if (direction === "reply") {
      walk.memory.change(namespace.id, { ...connection, status: connection.status | STATUS.seenReply });
    }
    const answered = direction === "reply" || (connection.status & STATUS.seenReply) !== 0;
    return { state: answered ? "established" : "new", connection: connection.id, direction };
  }
  if (!begins(namespace, packet)) return INVALID;
  const most = sysctl(namespace, "net.netfilter.nf_conntrack_max", Number.POSITIVE_INFINITY);
  if (most > 0 && (namespace.connectionCount ?? 0) >= most) return "full";
  const made = { original: tuple, reply: inverse(tuple), status: 0, mark: 0, zone: 0 };
  return { state: "new", connection: walk.memory.track(namespace.id, made).id, direction: "original" };
}

/** nf_conntrack_in: of prerouting and output, at priority -200. */
export function track(walk: Walk, namespace: Namespace, family: Family, skb: Skb): Passed {
  if (skb.tracked || !walk.firewall.tracksConnections(namespace, family)) return { skb };
  const tracked = trackedAs(walk, namespace, skb.packet);
  if (tracked === "full") {
    const text = `${namespace.name} tracks as many connections as it may (net.netfilter.nf_conntrack_max): new ones are dropped`;
    return { fate: walk.drop(namespace, skb, { code: "kernel", text }) };
  }
  if (tracked.state !== "untracked") {
    walk.tell(namespace, { kind: "connection", state: tracked.state }, skb.packet);
  }
  return { skb: { ...skb, tracked } };
}

/** nf_confirm: of input and postrouting, after all else. From here on, answers are known. What is told back confirms nothing. */
export function confirm(walk: Walk, namespace: Namespace, { tracked }: Skb): void {
  if (!tracked || !("connection" in tracked) || tracked.direction === "reply") return;
  const connection = walk.memory.connection(namespace.id, tracked.connection);
  if (connection && !(connection.status & STATUS.confirmed)) {
    walk.memory.change(namespace.id, { ...connection, status: connection.status | STATUS.confirmed });
  }
}

/** What rules see of it. */
export function viewOf(
  walk: Walk,
  namespace: Namespace,
  { tracked, packet }: Skb,
): ConnectionView | undefined {
  if (!tracked) return undefined;
  if ("connection" in tracked) {
    const connection = walk.memory.connection(namespace.id, tracked.connection);
    if (!connection) return undefined;
    const { mark, zone, status } = connection;
    const { state, direction } = tracked;
    const original = forRules(connection.original);
    return { state, direction, mark, zone, status, original, reply: forRules(connection.reply) };
  }
  const tuple = tupleOf(packet);
  if (!tuple) return undefined;
  const { state } = tracked;
  return {
    state,
    direction: "original",
    mark: 0,
    zone: 0,
    status: 0,
    original: forRules(tuple),
    reply: forRules(inverse(tuple)),
  };
}
