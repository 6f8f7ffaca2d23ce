/** Packets that our networks live by, as samples for somebody else's rules. */
import { contains, overlaps, type Prefix } from "../../lib/ip.ts";
import type { Match } from "./ruleset.ts";

/** The first one of a TCP connection. What is absent isn't known, or may be anything. */
export interface Packet {
  readonly family: 4 | 6;
  readonly in?: string;
  readonly out?: string;
  readonly source?: Prefix;
  readonly destination?: Prefix;
  /** It was sent to a published port, and is led to a container. */
  readonly translated: boolean;
  /** A frame between two ports of a bridge. */
  readonly bridged: boolean;
}

/** Undefined where it can't be told. */
function holds(match: Match, packet: Packet): boolean | undefined {
  switch (match.on) {
    case "in":
      return negate(match.not, namedBy(match.names, packet.in));
    case "out":
      return negate(match.not, namedBy(match.names, packet.out));
    case "state":
      return negate(match.not, inState(match.states, packet));
    case "family":
      return match.family === packet.family;
    case "protocol":
      return negate(match.not, match.protocols.includes("tcp"));
    case "source":
      return negate(match.not, within(match.subnets, packet.source));
    case "destination":
      return negate(match.not, within(match.subnets, packet.destination));
    case "bridged":
      return negate(match.not, packet.bridged);
    case "other":
      return undefined;
  }
}

/** Whether all hold: one that does not is enough to know. */
export function allHold(matches: readonly Match[], packet: Packet): boolean | undefined {
  let all: boolean | undefined = true;
  for (const match of matches) {
    const one = holds(match, packet);
    if (one === false) return false;
    if (one === undefined) all = undefined;
  }
  return all;
}

const negate = (not: boolean, truth: boolean | undefined): boolean | undefined =>
  truth === undefined ? undefined : truth !== not;

function namedBy(names: readonly string[], link: string | undefined): boolean | undefined {
  if (names.includes("*")) return true;
  if (link === undefined) return undefined;
  return names.some((name) => (name.endsWith("*") ? link.startsWith(name.slice(0, -1)) : name === link));
}

const inState = (states: readonly string[], packet: Packet): boolean =>
  states.includes("new") || (packet.translated && states.includes("dnat"));

/** Of a packet from anywhere in `subnet`: in all of it, in none of it, or in part. */
function within(subnets: readonly Prefix[], subnet: Prefix | undefined): boolean | undefined {
  if (subnets.some(({ length }) => length === 0)) return true;
  if (!subnet) return undefined;
  if (subnets.some((one) => one.length <= subnet.length && contains(one, subnet.address))) return true;
  return subnets.some((one) => overlaps(one, subnet)) ? undefined : false;
}
