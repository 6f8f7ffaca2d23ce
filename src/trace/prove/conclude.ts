/** What the things seen come to. */
import { formatAddress } from "../../lib/ip.ts";
import type { LinkRef, NamespaceId, Topology } from "../../observe/types.ts";
import type { DropReason, Proof, Seen } from "../types.ts";
import { wordsOfDrop } from "./reasons.ts";
import type { Watch } from "./watch.ts";

/** What came back, by the link that the probe's sender hears from. */
export type Answer =
  | { readonly what: "reached"; readonly text: string }
  | { readonly what: "refused"; readonly text: string }
  | { readonly what: "error"; readonly text: string; readonly words: Pick<DropReason, "code" | "text"> };

export interface Evidence {
  readonly topology: Topology;
  readonly seen: readonly Seen[];
  /** Why it might be dropped: where the kernel's words leave that open, it is what was predicted. */
  readonly predicted: readonly DropReason[];
  readonly watch: Pick<Watch, "answer" | "destination" | "needsNoAnswer" | "unanswered">;
}

type Conclusion = Pick<Proof, "outcome"> & { readonly reason?: DropReason };
type SeenDrop = Extract<Seen, { kind: "drop" }>;
type SeenRule = Extract<Seen, { kind: "rule" }>;
type SeenTap = Extract<Seen, { kind: "tap" }>;

export function conclude({ topology, seen, watch, predicted }: Evidence): Conclusion {
  const { answer } = watch;
  if (answer?.what === "reached") return { outcome: "reached" };
  // What answered did get it, and was heard: whatever happened to it later, or to copies of the answer.
  const drop = decisiveDrop(answer ? seen.filter(({ direction }) => direction === "there") : seen);
  const rule = decidingRule(seen, drop);
  if (drop) return { outcome: "dropped", reason: reasonOf(drop, rule, answer, predicted) };
  if (answer)
    return { outcome: "dropped", reason: { ...wordsOf(answer, seen), ...(rule && { rule: rule.rule }) } };
  if (rule) return { outcome: "dropped", reason: lost(rule.direction, ruleReason(rule)) };
  const misled = seen.findLast((one) => one.kind === "drop");
  const taken = misled?.namespace !== watch.destination && arrivedAt(watch.destination, seen);
  if (watch.needsNoAnswer && taken) return { outcome: "delivered" };
  const unanswered = watch.unanswered();
  if (unanswered.length > 0) {
    const text = `nobody answers for ${unanswered.join(", ")}`;
    return { outcome: "dropped", reason: { code: "no-neighbour", text } };
  }
  if (misled && !leftBy(topology, seen))
    return { outcome: "dropped", reason: reasonOf(misled, undefined, answer, predicted) };
  return { outcome: leftBy(topology, seen) ? "leaves" : "silent" };
}

/** It came in by a link of the namespace that it is for. */
const arrivedAt = (destination: NamespaceId | undefined, seen: readonly Seen[]): boolean =>
  seen.some(
    (one) =>
      one.kind === "tap" && one.direction === "there" && one.way === "in" && one.namespace === destination,
  );

/**
 * Copies that a bridge floods end wherever nobody is meant; what else was dropped was the thing itself. Where the probe ended
 * in the namespace that it came to last, what is lost after that is but word of it.
 */
function decisiveDrop(seen: readonly Seen[]): SeenDrop | undefined {
  const drops = seen.filter((one) => one.kind === "drop").filter(({ reason }) => reason !== "OTHERHOST");
  const there = drops.findLast(({ direction }) => direction === "there");
  const furthest = seen.findLast(({ kind, direction }) => kind === "tap" && direction === "there");
  return there && (!furthest || furthest.namespace === there.namespace) ? there : drops.at(-1);
}

const says = ({ verdict }: SeenRule): boolean => /^(policy )?drop$/.test(verdict);

/** The rule that dropped it, where the drop was netfilter's, or is not seen. */
function decidingRule(seen: readonly Seen[], drop: SeenDrop | undefined): SeenRule | undefined {
  if (drop && wordsOfDrop(drop.reason, drop.at_function).code !== "rule") return undefined;
  return seen.findLast(
    (one): one is SeenRule =>
      one.kind === "rule" &&
      says(one) &&
      (!drop || (one.namespace === drop.namespace && one.direction === drop.direction)),
  );
}

const ruleReason = ({ rule }: SeenRule): DropReason => ({
  code: "rule",
  text: rule.in === "nft" && rule.handle === undefined ? "a chain's policy dropped it" : "a rule dropped it",
  rule,
});

function reasonOf(
  drop: SeenDrop,
  rule: SeenRule | undefined,
  answer: Answer | undefined,
  predicted: readonly DropReason[],
): DropReason {
  const kernel = { reason: drop.reason, at: drop.at_function };
  const words = wordsOfDrop(drop.reason, drop.at_function, predicted);
  // What was expected, and fits to the kernel's own words, is said best by whoever expected it.
  const expected = predicted.some(({ code }) => code === words.code);
  const reason = rule ? ruleReason(rule) : expected ? words : reasonWithAnswer(words, answer);
  return { ...lost(drop.direction, reason), kernel };
}

/** A router's own words are better than the reason that its kernel notes. */
function reasonWithAnswer(words: DropReason, answer: Answer | undefined): DropReason {
  if (words.code === "no-socket" && answer?.what === "refused") return REFUSED;
  if (words.code === "rule" || words.code === "no-socket" || answer?.what !== "error") return words;
  // Where it was no rule that prohibited it, it was a route.
  return answer.words.code === "rule" ? { code: "unreachable-route", text: answer.words.text } : answer.words;
}

const REFUSED: DropReason = { code: "closed", text: "nobody listens there: the connection is refused" };

const lost = (direction: Seen["direction"], reason: DropReason): DropReason =>
  direction === "there"
    ? reason
    : { ...reason, code: "reply-lost", text: `the answer was lost: ${reason.text}` };

function wordsOf(answer: Answer, seen: readonly Seen[]): DropReason {
  if (answer.what === "error") return { ...answer.words, text: `${answer.words.text} (${answer.text})` };
  const destination = seen.find((one): one is SeenTap => one.kind === "tap")?.packet.destination;
  const where = destination ? ` at ${formatAddress(destination)}` : "";
  return { code: "closed", text: `the connection was refused${where}: ${answer.text}` };
}

/** The link that it left this machine by: one whose other end is nowhere here. */
function leftBy(topology: Topology, seen: readonly Seen[]): LinkRef | undefined {
  const last = seen.findLast((one): one is SeenTap => one.kind === "tap" && one.direction === "there");
  if (last?.way !== "out") return undefined;
  const link = topology.namespaces
    .get(last.namespace)
    ?.links.find(({ ifindex }) => ifindex === last.link.ifindex);
  const stays = link?.loopback || link?.kind === "bridge" || link?.other?.namespace !== undefined;
  return stays ? undefined : last.link;
}
