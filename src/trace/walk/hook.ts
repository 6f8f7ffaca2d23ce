/** A hook of netfilter: nf_hook_slow (net/netfilter/core.c), with what the kernel itself does at it. */
import type { Address } from "../../lib/ip.ts";
import { placeOf } from "../../observe/place.ts";
import type { Namespace } from "../../observe/types.ts";
import type { HookName, Layer, Outcome, Stage, Surroundings, Translation } from "../firewall/types.ts";
import { familyOf } from "../packet/packet.ts";
import type { Packet } from "../packet/types.ts";
import { decide, isDecided, manipulationAt, translate } from "./conntrack/nat.ts";
import { confirm, track, viewOf } from "./conntrack/track.ts";
import { isError } from "./conntrack/tuple.ts";
import type { Fate, Passed } from "./fate.ts";
import { routeViewOf } from "./fib/view.ts";
import { tellRejected } from "./ip/errors.ts";
import { droppedBy, rejected } from "./sentences.ts";
import { settled } from "./settled.ts";
import type { Skb } from "./skb.ts";
import type { Walk } from "./walk.ts";

/** Something that the kernel does at a hook between the rules of lower and of higher priority. */
export interface Builtin {
  readonly priority: number;
  run(skb: Skb): Passed;
}

export interface Where {
  readonly namespace: Namespace;
  readonly layer: Layer;
  readonly hook: HookName;
  readonly in?: number;
  readonly out?: number;
  /** Of postrouting: whom it is handed to. */
  readonly nextHop?: Address;
  readonly builtins?: readonly Builtin[];
  /** Of output: what was marked or translated may leave by another link. @returns the link, or the end */
  reroute?(skb: Skb): { readonly out: number; readonly fate?: undefined } | { readonly fate: Fate };
}

/** NF_IP_PRI_*, linux/netfilter_ipv4.h. Chains of type nat are asked at nat's own places, whatever their priority. */
const CONNTRACK = -200;
const DESTINATION_NAT = -100;
const SOURCE_NAT = 100;

type Step =
  | { readonly priority: number; readonly stage: Stage }
  | { readonly priority: number; readonly builtin: (skb: Skb) => Passed }
  | { readonly priority: number; readonly nat: readonly Stage[] };

const isIp = (layer: Layer): boolean => layer === "ip" || layer === "ip6";
const ENTRY: ReadonlySet<HookName> = new Set(["prerouting", "output"]);
const EXIT: ReadonlySet<HookName> = new Set(["input", "postrouting"]);

function stepsOf(walk: Walk, where: Where): readonly Step[] {
  const { namespace, layer, hook } = where;
  const stages = walk.firewall.stagesOf(namespace, layer, hook);
  const builtins = [...(where.builtins ?? []), ...ownOf(walk, where)];
  const nat = stages.filter(({ type }) => type === "nat");
  const steps: Step[] = stages
    .filter(({ type }) => type !== "nat")
    .map((stage) => ({ priority: stage.priority, stage }));
  for (const { priority, run } of builtins) steps.push({ priority, builtin: run });
  // What was translated once is translated on, at hooks as well where no chain of type nat stands.
  if (isIp(layer) && (ENTRY.has(hook) || EXIT.has(hook))) {
    steps.push({ priority: ENTRY.has(hook) ? DESTINATION_NAT : SOURCE_NAT, nat });
  }
  return steps.sort((a, b) => a.priority - b.priority);
}

/** Connection tracking looks at what comes in and what is sent. */
function ownOf(walk: Walk, { namespace, layer, hook }: Where): readonly Builtin[] {
  if (!isIp(layer) || !ENTRY.has(hook)) return [];
  const family = layer === "ip" ? 4 : 6;
  return [{ priority: CONNTRACK, run: (skb) => track(walk, namespace, family, skb) }];
}

/** All of a hook. @returns the packet as it goes on, or its end */
export function passHook(walk: Walk, where: Where, skb: Skb): Passed {
  const at = { ...where };
  let now = skb;
  for (const step of stepsOf(walk, where)) {
    const before = now.packet;
    const passed =
      "stage" in step
        ? runStage(walk, at, step.stage, now)
        : "nat" in step
          ? runNat(walk, at, step.nat, now)
          : step.builtin(now);
    if (passed.fate) return passed;
    now = passed.skb;
    const route = "nat" in step || ("stage" in step && step.stage.type === "route");
    if (!at.reroute || !route || !leavesOtherwise(before, now.packet)) continue;
    const rerouted = at.reroute(now);
    if (rerouted.fate) return rerouted;
    at.out = rerouted.out;
  }
  if (isIp(where.layer) && EXIT.has(where.hook)) confirm(walk, where.namespace, now);
  return { skb: now };
}

/** ipt_mangle_out, nf_route_table_hook4, nf_nat_ipv4_local_fn: addresses and the mark decide the route. */
function leavesOtherwise(before: Packet, after: Packet): boolean {
  if (before === after) return false;
  if (before.mark !== after.mark) return true;
  const length = familyOf(after) === 4 ? 20 : 40;
  const [a, b] = [before, after].map(({ bytes, network }) => bytes.subarray(network, network + length));
  return a === undefined || b === undefined || Buffer.compare(a, b) !== 0;
}

function surroundings(walk: Walk, where: Where, skb: Skb): Surroundings {
  const { namespace, layer, hook } = where;
  const connection = isIp(layer) ? viewOf(walk, namespace, skb) : undefined;
  return {
    namespace,
    layer,
    hook,
    ...(where.in !== undefined && { in: where.in }),
    ...(where.out !== undefined && { out: where.out }),
    ...(skb.bridged && { physicalIn: skb.bridged.in }),
    ...(skb.bridged?.out !== undefined && { physicalOut: skb.bridged.out }),
    ...(connection && { connection }),
    ...(skb.owner && { owner: skb.owner }),
    packetType: skb.packetType,
    routes: routeViewOf(namespace),
  };
}

interface Ran {
  readonly passed: Passed;
  readonly translation?: Translation;
}

const runStage = (walk: Walk, where: Where, stage: Stage, skb: Skb): Passed =>
  runOutcome(walk, where, stage, skb).passed;

function runOutcome(walk: Walk, where: Where, stage: Stage, skb: Skb): Ran {
  const outcome = walk.choose(stage.run(skb.packet, surroundings(walk, where, skb)));
  if (!outcome) return { passed: { skb } };
  for (const assumption of outcome.assumptions) walk.assume(assumption);
  for (const met of outcome.met) {
    walk.tell(where.namespace, { kind: "rule", hook: where.hook, ...met }, outcome.packet);
  }
  const after = changed(walk, where, outcome, skb);
  const passed = judged(walk, where, stage, outcome, after);
  return { passed, ...(outcome.translation && { translation: outcome.translation }) };
}

/** What rules wrote beside their verdict. */
function changed(walk: Walk, { namespace }: Where, outcome: Outcome, skb: Skb): Skb {
  const { tracked } = skb;
  if (outcome.connectionMark !== undefined && tracked && "connection" in tracked) {
    const connection = walk.memory.connection(namespace.id, tracked.connection);
    if (connection) walk.memory.change(namespace.id, { ...connection, mark: outcome.connectionMark });
  }
  const untracked = outcome.notrack && !tracked ? { tracked: { state: "untracked" } as const } : {};
  return { ...skb, packet: outcome.packet, ...untracked };
}

function judged(walk: Walk, where: Where, stage: Stage, { verdict }: Outcome, skb: Skb): Passed {
  const { namespace } = where;
  if (verdict.do === "accept") return { skb };
  const reason = droppedBy(namespace, where.hook, stage.label, verdict);
  if (verdict.do === "elsewhere") {
    const goesOn = walk.choose([true, false]);
    walk.assume(`${verdict.how}, in ${namespace.name}, ${goesOn ? "lets it pass" : "keeps it"}`);
    return goesOn ? { skb } : { fate: walk.drop(namespace, skb, reason) };
  }
  if (verdict.do === "drop") return { fate: walk.drop(namespace, skb, reason) };
  const fate = walk.drop(namespace, skb, rejected(reason, verdict.with));
  if (isIp(where.layer)) tellRejected(walk, namespace, skb, verdict.with);
  return { fate };
}

/**
 * nf_nat_inet_fn: rules are asked by a connection's first packet alone, until one of them decides; or by the reset that a
 * rule answers it with.
 */
function runNat(walk: Walk, where: Where, stages: readonly Stage[], skb: Skb): Passed {
  const { namespace } = where;
  if (!skb.tracked || !("connection" in skb.tracked)) return { skb };
  let connection = walk.memory.connection(namespace.id, skb.tracked.connection);
  if (!connection) return { skb };
  const what = manipulationAt(where.hook);
  let now = skb;
  let by: Translation | undefined;
  const { state } = skb.tracked;
  const asks = state === "new" || (state === "related" && !isError(skb.packet));
  if (asks && !isDecided(connection, what)) {
    const around = () => surroundings(walk, where, now);
    for (const stage of settled(walk, stages, now.packet, around)) {
      const { passed, translation } = runOutcome(walk, where, stage, now);
      if (passed.fate) return passed;
      now = passed.skb;
      by = translation;
      if (by) break;
    }
    const decided = decide(walk, where, connection, what, by);
    if (!decided) return { fate: walk.drop(namespace, now, noAddress(where)) };
    connection = decided;
  }
  return { skb: translate(walk, where, now, connection, by?.rule) };
}

const noAddress = ({ namespace, in: ingress, out }: Where) => {
  const link = placeOf(namespace).link(out ?? ingress ?? -1)?.name ?? "the link";
  return {
    code: "no-address",
    text: `${link} of ${namespace.name} has no address that the packet could be translated to`,
  } as const;
};
