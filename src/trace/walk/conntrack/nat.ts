/** Translation: nf_nat_inet_fn, nf_nat_setup_info, nf_nat_packet (net/netfilter/nf_nat_core.c). */
import {
  type Address,
  addressFromBytes,
  type Family,
  formatAddress,
  parseAddress,
  sameAddress,
} from "../../../lib/ip.ts";
import { PROTOCOL } from "../../../lib/protocols.ts";
import { RT_SCOPE } from "../../../linux/rtnetlink/route-numbers.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace } from "../../../observe/types.ts";
import type { HookName, Translation } from "../../firewall/types.ts";
import { withAddress, withBytes, withEchoIdentifier, withPort } from "../../packet/packet.ts";
import { sightOf } from "../../packet/sight.ts";
import type { Packet } from "../../packet/types.ts";
import type { RuleRef } from "../../types.ts";
import { selectAddress } from "../fib/source4.ts";
import { selectAddress6 } from "../fib/source6.ts";
import type { Connection } from "../memory.ts";
import type { Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { isTaken, STATUS } from "./track.ts";
import { inverse, isError, quoted, sameTuple, type Tuple, tupleOf } from "./tuple.ts";

export type Manipulation = "source" | "destination";

/** HOOK2MANIP */
export const manipulationAt = (hook: HookName): Manipulation =>
  hook === "postrouting" || hook === "input" ? "source" : "destination";

const DONE = { source: STATUS.sourceDone, destination: STATUS.destinationDone } as const;
const TRANSLATED = { source: STATUS.sourceTranslated, destination: STATUS.destinationTranslated } as const;

const other = (what: Manipulation): Manipulation => (what === "source" ? "destination" : "source");

/** nf_nat_initialized: what was decided once for a connection holds for all of it. */
export const isDecided = (connection: Connection, what: Manipulation): boolean =>
  (connection.status & DONE[what]) !== 0;

/** Where a translation happens. */
export interface At {
  readonly namespace: Namespace;
  readonly hook: HookName;
  readonly in?: number;
  readonly out?: number;
  /** The next hop, whose subnet a masquerading address is chosen by. */
  readonly nextHop?: Address;
}

/** nf_nat_masquerade_ipv4 and …ipv6, nf_nat_redirect. @returns undefined where the link has no address: the packet is dropped */
function addressFor(at: At, family: Family, translation: Translation, tuple: Tuple): Address | undefined {
  if (translation.what === "masquerade") {
    if (at.out === undefined) return undefined;
    return family === 4
      ? selectAddress(at.namespace, at.out, at.nextHop ?? tuple.destination, RT_SCOPE.universe)
      : selectAddress6(at.namespace, at.out, tuple.destination);
  }
  if (translation.what === "redirect") {
    if (at.hook === "output") return parseAddress(family === 4 ? "127.0.0.1" : "::1");
    return placeOf(at.namespace)
      .addressesOn(at.in ?? -1)
      .find(({ address }) => address.address.family === family)?.address.address;
  }
  if (translation.address) return addressFromBytes(translation.address);
  return translation.what === "source" ? tuple.source : tuple.destination;
}

/** nf_nat_l4proto_unique_tuple: the port stays, if it may; of a range, one of it. */
function portFor(walk: Walk, at: At, ports: readonly [number, number] | undefined, port: number): number {
  if (!ports || (ports[0] <= port && port <= ports[1])) return port;
  if (ports[0] !== ports[1]) {
    walk.assume(`of the ports ${ports[0]} to ${ports[1]}, ${at.namespace.name} takes the first`);
  }
  return ports[0];
}

/** nf_nat_setup_info: a connection's answer is expected from where, and to whom, it was translated. */
export function decide(
  walk: Walk,
  at: At,
  connection: Connection,
  what: Manipulation,
  translation?: Translation,
): Connection | undefined {
  const current = inverse(connection.reply);
  const done = { ...connection, status: connection.status | DONE[what] };
  const wanted = translation ? translated(walk, at, current, what, translation) : current;
  if (!wanted) return undefined;
  const free = unique(walk, at, wanted, what);
  const changed = !sameTuple(free, current);
  const made = changed ? { ...done, reply: inverse(free), status: done.status | TRANSLATED[what] } : done;
  walk.memory.change(at.namespace.id, made);
  return made;
}

function translated(
  walk: Walk,
  at: At,
  current: Tuple,
  what: Manipulation,
  translation: Translation,
): Tuple | undefined {
  const address = addressFor(at, current.family, translation, current);
  if (!address) return undefined;
  return what === "source"
    ? { ...current, source: address, sourcePort: portFor(walk, at, translation.ports, current.sourcePort) }
    : {
        ...current,
        destination: address,
        destinationPort: portFor(walk, at, translation.ports, current.destinationPort),
      };
}

/** get_unique_tuple: two connections can't have the same answer. Which port is taken instead, the kernel draws by lot. */
function unique(walk: Walk, at: At, wanted: Tuple, what: Manipulation): Tuple {
  if (what !== "source" || !isTaken(at.namespace, inverse(wanted))) return wanted;
  const from = formatAddress(wanted.source);
  walk.assume(
    `port ${wanted.sourcePort} of ${from} is taken by a connection that ${at.namespace.name} tracks: another is chosen`,
  );
  return { ...wanted, sourcePort: (wanted.sourcePort % 64511) + 1025 };
}

/** nf_nat_manip_pkt: what the connection says of this direction, written into the packet. */
export function translate(walk: Walk, at: At, skb: Skb, connection: Connection, rule?: RuleRef): Skb {
  const { tracked, packet } = skb;
  if (!tracked || !("connection" in tracked)) return skb;
  const what = manipulationAt(at.hook);
  const back = tracked.direction === "reply";
  if (!(connection.status & TRANSLATED[back ? other(what) : what])) return skb;
  const target = inverse(back ? connection.original : connection.reply);
  const after = rewrite(packet, what, target, isError(packet));
  if (after === packet) return skb;
  const before = sightOf(packet);
  walk.tell(
    at.namespace,
    { kind: "translate", what, before, after: sightOf(after), ...(rule && { rule }) },
    after,
  );
  return { ...skb, packet: after };
}

function rewrite(packet: Packet, what: Manipulation, target: Tuple, error: boolean): Packet {
  const moved = withAddress(packet, what, target[what]);
  if (!error) {
    const port = what === "source" ? target.sourcePort : target.destinationPort;
    const now = tupleOf(packet);
    if (now && sameAddress(now[what], target[what]) && portIs(now, what, target)) return packet;
    return isIcmp(target) ? withEchoIdentifier(moved, target.sourcePort) : withPort(moved, what, port);
  }
  // nf_nat_icmp_reply_translation: the packet that it is about is turned back as well, on its other side.
  const about = quoted(packet);
  if (!about) return moved;
  const side = other(what);
  const port = what === "source" ? target.sourcePort : target.destinationPort;
  const inner = withPort(withAddress(about.packet, side, target[what]), side, port);
  return withBytes(moved, about.at, inner.bytes);
}

const isIcmp = ({ protocol }: Tuple): boolean => protocol === PROTOCOL.icmp || protocol === PROTOCOL.icmp6;

const portIs = (now: Tuple, what: Manipulation, target: Tuple): boolean =>
  what === "source" || isIcmp(now)
    ? now.sourcePort === target.sourcePort
    : now.destinationPort === target.destinationPort;
