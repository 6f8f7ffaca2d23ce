/**
 * A packet taken through a base chain and those that it jumps to, as nft_do_chain of net/netfilter/nf_tables_core.c does.
 * Where an expression can't be decided, the way forks.
 */
import type { NftChain, NftRule, NftTable, NftVerdict } from "../../../linux/nftables/program.ts";
import type { Packet } from "../../packet/types.ts";
import type { RuleRef } from "../../types.ts";
import type { HookVerdict, Outcome, Surroundings } from "../types.ts";
import { operationsOf } from "./compile.ts";
import type { Extensions } from "./extensions.ts";
import { type Final, Machine, type Operation, type Result } from "./machine.ts";
import { merged } from "./merge.ts";

/** Ways that are followed; of more than these one stands for the rest. */
const MOST_WAYS = 16;
/** NFT_JUMP_STACK_SIZE; the kernel takes no rules that go deeper, by `jump` or by `goto`. */
const DEEPEST = 16;

interface Place {
  readonly chain: NftChain;
  /** The rule, and the expression in it, that are next. */
  readonly rule: number;
  readonly expression: number;
  /** How many chains led here, one from the other. */
  readonly depth: number;
}

/** A way that is not yet gone to its end. */
interface Way {
  readonly machine: Machine;
  readonly at: Place;
  readonly callers: readonly Place[];
  /** What a fork does first. */
  readonly first?: Operation;
}

interface Course {
  readonly base: NftChain;
  readonly waiting: Way[];
  readonly ended: Outcome[];
}

/** What a base chain makes of a packet. */
export function runChain(
  table: NftTable,
  base: NftChain,
  packet: Packet,
  around: Surroundings,
  extensions: Extensions,
): readonly Outcome[] {
  const machine = new Machine(table, around, extensions, packet);
  const course: Course = { base, waiting: [{ machine, at: beginOf(base), callers: [] }], ended: [] };
  for (let way = course.waiting.pop(); way; way = course.waiting.pop()) follow(course, way);
  return merged(course.ended);
}

const beginOf = (chain: NftChain, depth = 0): Place => ({ chain, rule: 0, expression: 0, depth });
const nextOf = (place: Place): Place => ({ ...place, rule: place.rule + 1, expression: 0 });

/** To its end, or to where it forks. */
function follow(course: Course, start: Way): void {
  let way: Way | undefined = start;
  while (way) {
    const rule: NftRule | undefined = way.at.chain.rules[way.at.rule];
    way = rule ? alongRule(course, way, rule) : returned(course, way);
  }
}

/** One rule. @returns where the way goes on; nothing where it ended or forked */
function alongRule(course: Course, way: Way, rule: NftRule): Way | undefined {
  const { machine, at, callers } = way;
  const operations = operationsOf(rule);
  if (at.expression === 0 && !way.first) {
    machine.doing = [];
    machine.wish = undefined;
  }
  let { first } = way;
  for (let next = at.expression; next < operations.length || first; ) {
    const operation: Operation | undefined = first ?? operations[next];
    const result: Result = operation?.(machine) ?? "continue";
    if (!first) next += 1;
    first = undefined;
    if (result === "continue") continue;
    if (result === "break") return { machine, at: nextOf(at), callers };
    if ("ways" in result)
      return fork(course, { machine, at: { ...at, expression: next }, callers }, rule, result);
    if ("final" in result) return end(course, machine, at.chain, rule, result.final);
    return decided(course, way, rule, result.verdict);
  }
  const ref = refTo(machine, at.chain, rule);
  if (machine.wish) machine.translation = { ...machine.wish, rule: ref };
  met(machine, ref, "");
  return { machine, at: nextOf(at), callers };
}

function fork(
  course: Course,
  way: Way,
  rule: NftRule,
  { ways }: Extract<Result, { ways: unknown }>,
): undefined {
  const where = `rule ${rule.handle} of ${chainName(way.machine.table, way.at.chain)}`;
  const room = MOST_WAYS - course.ended.length - course.waiting.length;
  const followed = ways.length <= room ? ways : ways.slice(0, 1);
  const more = followed.length < ways.length ? ["there are more ways than can be told: these are some"] : [];
  // The first is to be followed first.
  for (const { assuming, go } of followed.toReversed()) {
    const machine = way.machine.fork();
    const assumption = `${assuming} (${where})`;
    machine.assumptions = [...new Set([...machine.assumptions, assumption, ...more])];
    course.waiting.push({ ...way, machine, first: go });
  }
}

function decided(course: Course, way: Way, rule: NftRule, verdict: NftVerdict): Way | undefined {
  const { machine, at, callers } = way;
  const ref = refTo(machine, at.chain, rule);
  switch (verdict.code) {
    case "jump":
    case "goto": {
      const chain = machine.table.chains.get(verdict.chain);
      met(machine, ref, `${verdict.code} ${verdict.chain}`);
      if (chain && at.depth < DEEPEST) {
        const back = verdict.code === "jump" ? [...callers, nextOf(at)] : callers;
        return { machine, at: beginOf(chain, at.depth + 1), callers: back };
      }
      const assumption = `chain ${verdict.chain} of ${chainName(machine.table, at.chain)} does nothing: it can't be followed`;
      machine.assumptions = [...machine.assumptions, assumption];
      return { machine, at: nextOf(at), callers };
    }
    case "return":
      met(machine, ref, "return");
      return returned(course, way);
    case "accept":
    case "drop":
      return end(course, machine, at.chain, rule, { do: verdict.code });
    case "queue":
      return end(course, machine, at.chain, rule, { do: "elsewhere", how: "a program is asked" });
    case "stolen":
      return end(course, machine, at.chain, rule, { do: "elsewhere", how: "the rule keeps it" });
    default:
      // `continue`, which goes on within the rule, is dealt with by the expression.
      return { machine, at: nextOf(at), callers };
  }
}

/** To behind the last jump; without one, to the policy. */
function returned(course: Course, { machine, callers }: Way): Way | undefined {
  const caller = callers.at(-1);
  if (caller) return { machine, at: caller, callers: callers.slice(0, -1) };
  const policy = course.base.base?.policy ?? "accept";
  const by = refTo(machine, course.base);
  machine.met = [...machine.met, { rule: by, does: `policy ${policy}` }];
  course.ended.push(outcomeOf(machine, policy === "drop" ? { do: "drop", by } : { do: "accept" }));
  return undefined;
}

function end(course: Course, machine: Machine, chain: NftChain, rule: NftRule, final: Final): undefined {
  const by = refTo(machine, chain, rule);
  if (machine.wish) machine.translation = { ...machine.wish, rule: by };
  met(machine, by, textOf(final, machine));
  course.ended.push(outcomeOf(machine, final.do === "accept" ? { do: "accept" } : { ...final, by }));
}

/** That a translation accepts goes without saying. */
function textOf(final: Final, { wish }: Machine): string {
  if (final.do === "reject") return `reject with ${final.with}`;
  if (final.do === "elsewhere") return final.how;
  return wish ? "" : final.do;
}

/** `then` is the verdict, if any. */
function met(machine: Machine, rule: RuleRef, then: string): void {
  const does = [...machine.doing, ...(then ? [then] : [])].join(", ") || "continue";
  machine.met = [...machine.met, { rule, does }];
}

function outcomeOf(machine: Machine, verdict: HookVerdict): Outcome {
  const { met: rules, packet, translation, connectionMark, notrack, assumptions } = machine;
  return {
    verdict,
    met: rules,
    packet,
    ...(translation && { translation }),
    ...(connectionMark !== undefined && { connectionMark }),
    ...(notrack && { notrack }),
    assumptions,
  };
}

const chainName = ({ family, name }: NftTable, chain: NftChain): string => `${family} ${name} ${chain.name}`;

/** A rule, or the chain's policy. */
const refTo = ({ table, around }: Machine, chain: NftChain, rule?: NftRule): RuleRef => ({
  in: "nft",
  namespace: around.namespace.id,
  family: table.family,
  table: table.name,
  chain: chain.name,
  ...(rule && { handle: rule.handle }),
});
