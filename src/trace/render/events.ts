/** One hop, or one thing seen, in words. Pure. */
import { formatAddress } from "../../lib/ip.ts";
import { isPolicy } from "../fixes/owner.ts";
import { ruleText } from "../fixes/words.ts";
import type { Event, Hop, Row, RuleRef, Seen, Sight } from "../types.ts";
import { type Brief, howItEnded, isByRule } from "./brief.ts";

/** What a line of the table says of one. */
export interface Words {
  /** `eth0 (7)`; empty for what belongs to no link. */
  readonly link: string;
  readonly text: string;
  /** The rule that decided. It is told on a line of its own, unless the line before or this one has it. */
  readonly rule?: string;
  /** The packet as it went by, at taps. */
  readonly packet?: Sight;
}

const linkText = (name: string, ifindex: number): string => `${name} (${ifindex})`;

type Side = "source" | "destination";

const portOf = (sight: Sight, which: Side): number | undefined =>
  which === "source" ? sight.sourcePort : sight.destinationPort;

/** `172.17.0.2:41234`, `[2001:db8::1]:80`. */
function endText(sight: Sight, which: Side): string {
  const address = sight[which];
  const port = portOf(sight, which);
  const text = formatAddress(address);
  if (port === undefined || (sight.protocol !== 6 && sight.protocol !== 17)) return text;
  return address.family === 6 ? `[${text}]:${port}` : `${text}:${port}`;
}

/** @param to the arrow between the two */
export const packetText = (sight: Sight, to: string): string =>
  `${endText(sight, "source")} ${to} ${endText(sight, "destination")}`;

/**
 * `forward: inet drawbridge forward handle 51: iifname . oifname @icc accept`; what it does is told where its own text says
 * it otherwise, as of a map of translations.
 */
function ruleWords(hook: string, rule: RuleRef, does: string): Pick<Words, "text" | "rule"> {
  const text = ruleText(rule);
  const told = text.includes(does) || does === "continue" ? "" : ` (${does})`;
  return { text: `${hook}: ${text.replace(/^rule /, "")}${told}`, rule: text };
}

const ruleOf = (rule: RuleRef | undefined): { readonly rule?: string } =>
  rule ? { rule: ruleText(rule) } : {};

const BRIDGE = {
  entry: (to: string) => `out by port ${to}, by its table`,
  flood: (to: string) => `out by every port, ${to} among them: its table does not know the MAC address`,
  local: () => "up to the bridge itself",
} as const;

/** Ports that stay are not told: of the prober's own another is predicted than it takes. */
function translationText(event: Extract<Event, { kind: "translate" }>, to: string): string {
  const { what, before, after } = event;
  const text =
    portOf(before, what) === portOf(after, what)
      ? (sight: Sight) => formatAddress(sight[what])
      : (sight: Sight) => endText(sight, what);
  return `${what} translated: ${text(before)} ${to} ${text(after)}`;
}

function eventWords(event: Event, packet: Sight, to: string): Words {
  switch (event.kind) {
    case "out":
    case "in":
      return { link: linkText(event.name, event.link.ifindex), text: event.kind, packet };
    case "route": {
      const rule = event.rule === undefined ? "" : ` (rule ${event.rule})`;
      return { link: "", text: `route: ${event.text}${rule}` };
    }
    case "neighbour": {
      const who = formatAddress(event.address);
      if (event.how === "unanswered") return { link: "", text: `nobody says that ${who} is his` };
      const how = event.how === "asked" ? ", by asking" : "";
      return { link: "", text: `${who} is at ${event.mac ?? "no MAC address"}${how}` };
    }
    case "bridge":
      return { link: event.bridge, text: BRIDGE[event.how](event.to) };
    case "rule":
      return { link: "", ...ruleWords(event.hook, event.rule, event.does) };
    case "translate":
      return { link: "", text: translationText(event, to), ...ruleOf(event.rule) };
    case "connection":
      return { link: "", text: `connection tracking: ${event.state}` };
    case "local":
      return { link: "", text: `arrived: ${event.to}` };
    case "drop":
      return { link: "", text: `dropped: ${event.reason.text}`, ...ruleOf(event.reason.rule) };
  }
}

function seenWords(seen: Seen): Words {
  switch (seen.kind) {
    case "tap":
      return { link: linkText(seen.name, seen.link.ifindex), text: seen.way, packet: seen.packet };
    case "rule":
      return { link: "", ...ruleWords(seen.hook, seen.rule, seen.verdict) };
    case "drop": {
      const where = seen.at_function === "" ? "" : ` in ${seen.at_function}`;
      return { link: "", text: `dropped by the kernel: ${seen.reason}${where}` };
    }
    case "answer":
      return { link: "", text: `answered: ${seen.what}` };
  }
}

/** What was predicted, and beside it what the kernel said in its own words, where those tell more. */
export function rowWords({ predicted, seen }: Row, to: string): Words {
  if (!predicted) return seen ? seenWords(seen) : { link: "", text: "" };
  const words = eventWords(predicted.event, seen?.kind === "tap" ? seen.packet : predicted.packet, to);
  if (seen?.kind === "drop")
    return { ...words, text: `${words.text} (${seen.reason}${inFunction(seen.at_function)})` };
  if (seen?.kind === "answer") return { ...words, text: `answered: ${seen.what}` };
  const isOpen = predicted.event.kind === "rule" && predicted.event.perhaps && !seen;
  return isOpen ? { ...words, text: `perhaps ${words.text}` } : words;
}

/** The same of a line that stands for those left out before it: what decided, and the rule with the whole way to it. */
export function briefWords({ row, by }: Brief, to: string): Words {
  const words = rowWords(row, to);
  if (!by) return words;
  const rule = ruleText(by.rule);
  const event = row.predicted?.event;
  if (event?.kind === "drop" && isByRule(event.reason)) {
    const kernel =
      row.seen?.kind === "drop" ? ` (${row.seen.reason}${inFunction(row.seen.at_function)})` : "";
    return { ...words, text: `dropped ${howItEnded(by)}${kernel}`, rule };
  }
  if (event?.kind === "translate") return { ...words, rule };
  if (isPolicy(by.rule)) return { ...words, text: `${by.hook}: ${rule}` };
  return { ...words, text: `${by.hook}: ${by.does}`, rule };
}

const inFunction = (name: string): string => (name === "" ? "" : ` in ${name}`);

export const directionOf = ({ predicted, seen }: Row): Hop["direction"] =>
  predicted?.direction ?? seen?.direction ?? "there";
