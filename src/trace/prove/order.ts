/**
 * What was noticed, in the order in which it happened. Links and drops are stamped by the kernel; what rules say is not, so
 * it is put where its hook lies: behind the coming in by the hook's link, or before the going out.
 */
import { PROTOCOL } from "../../lib/protocols.ts";
import type { Drop } from "../../linux/bpf/drops.ts";
import type { TraceMessage } from "../../linux/nftables/trace-message.ts";
import { TRACING } from "../../linux/nftables/trace-table.ts";
import type { LinkRef, Namespace, NamespaceId } from "../../observe/types.ts";
import { sightOf } from "../packet/sight.ts";
import type { RuleRef, Seen } from "../types.ts";
import { type Direction, directionOf, type Marks, type Meaning, meaningOfBeginning } from "./marks.ts";
import type { FrameSeen } from "./vantage.ts";

export interface Observations {
  /** Of each namespace in the order in which they were received; `at` of CLOCK_MONOTONIC. */
  readonly frames: readonly (FrameSeen & { readonly namespace: Namespace })[];
  /** Of each namespace in their order. */
  readonly traces: readonly { readonly namespace: Namespace; readonly message: TraceMessage }[];
  readonly drops: readonly (Drop & { readonly meaning: Meaning; readonly inFunction: string })[];
}

/** A packet's way through one base chain, and the chains that it jumps to. */
interface Pass {
  readonly direction: Direction;
  readonly hook: string;
  readonly in: number | undefined;
  readonly out: number | undefined;
}

export function inOrder({ frames, traces, drops }: Observations, marks: Marks, startedAt: bigint): Seen[] {
  const taps = frames.map(tapOf);
  const losses = drops.map((drop) => dropOf(drop, taps));
  const stacked = (one: Seen) => (one.kind === "tap" && isStacked(frames, one.link) ? 1 : 0);
  const stamped = [...taps, ...losses].toSorted((a, b) =>
    a.at < b.at ? -1 : a.at > b.at ? 1 : stacked(a) - stacked(b),
  );
  const told: Told[] = [];
  const passes = new Map<string, Pass>();
  for (const { namespace, message } of traces) {
    const key = `${namespace.id} ${message.id}`;
    const error = frames.some((frame) => frame.meaning === "error" && frame.namespace === namespace);
    const pass = passOf(marks, namespace, message, error, passes.get(key));
    // Another packet, in the memory of one before it.
    if (!pass) passes.delete(key);
    else passes.set(key, pass);
    const rule = isTracing(message) ? undefined : ruleOf(namespace.id, message);
    if (pass && rule)
      told.push({ namespace: namespace.id, pass, slot: slotOf(stamped, namespace.id, pass), rule });
  }
  return woven(stamped, inTheirOrder(told), startedAt);
}

/** What rules said, and where that belongs: before the thing that was stamped `slot / 2`th, or where that is odd, behind it. */
interface Told {
  readonly namespace: NamespaceId;
  readonly pass: Pass;
  readonly slot: number;
  readonly rule: { readonly rule: RuleRef; readonly verdict: string };
}

/** Before everything. */
const FIRST = -1;

/**
 * Rules of one namespace are told in their order: none belongs behind where a later one does. A bridge's links are not those
 * of the IP packet that br_netfilter makes of its frame, which has come in by no bridge yet.
 */
function inTheirOrder(told: readonly Told[]): Told[] {
  const latest = new Map<string, number>();
  return told
    .toReversed()
    .map((one) => {
      const key = `${one.namespace} ${one.pass.direction}`;
      const slot = Math.min(one.slot, latest.get(key) ?? one.slot);
      latest.set(key, slot);
      return { ...one, slot };
    })
    .toReversed();
}

function woven(stamped: readonly Seen[], told: readonly Told[], startedAt: bigint): Seen[] {
  const at = (slot: number): Seen[] =>
    told
      .filter((one) => one.slot === slot)
      .map(({ namespace, pass: { direction, hook }, rule }) => ({
        kind: "rule",
        at: stamped[slot >> 1]?.at ?? startedAt,
        namespace,
        direction,
        hook,
        ...rule,
      }));
  return [...at(FIRST), ...stamped.flatMap((seen, i) => [...at(2 * i), seen, ...at(2 * i + 1)])];
}

/** A link that stands upon another gets a frame with that one's stamp. */
const isStacked = (frames: Observations["frames"], { namespace, ifindex }: LinkRef): boolean =>
  frames.some(
    (frame) =>
      frame.namespace.id === namespace &&
      frame.namespace.links.some(
        (link) => link.ifindex === ifindex && link.kind !== "veth" && link.other !== undefined,
      ),
  );

function tapOf({ at, namespace, ifindex, way, packet, meaning }: Observations["frames"][number]): Seen {
  const link = namespace.links.find((one) => one.ifindex === ifindex);
  return {
    kind: "tap",
    at,
    namespace: namespace.id,
    direction: directionOf(meaning),
    link: { namespace: namespace.id, ifindex },
    name: link?.name ?? `link ${ifindex}`,
    way,
    packet: sightOf(packet),
  };
}

/**
 * What was at no link and no socket is where it was seen last. It ends after it came in, whatever the stamps of the two
 * clocks say.
 */
function dropOf(drop: Observations["drops"][number], taps: readonly Seen[]): Seen {
  const before = taps.filter(({ at }) => at <= drop.at).toSorted((a, b) => Number(b.at - a.at))[0];
  const namespace = (drop.namespace ?? before?.namespace ?? 0) as NamespaceId;
  const direction = directionOf(drop.meaning);
  const cameIn = taps.findLast(
    (one) =>
      one.kind === "tap" && one.way === "in" && one.namespace === namespace && one.direction === direction,
  );
  return {
    kind: "drop",
    at: cameIn && cameIn.at > drop.at ? cameIn.at : drop.at,
    namespace,
    direction,
    reason: drop.reason,
    at_function: drop.inFunction,
    ...(drop.ifindex !== undefined && { ifindex: drop.ifindex }),
  };
}

/** Of the rules that trace, ours and other provers', nothing is told. */
const isTracing = ({ table }: TraceMessage): boolean => table.startsWith(TRACING);

/** Each pass begins with a message that has the packet's headers, and those links that the hook has. */
function passOf(
  marks: Marks,
  { nft }: Namespace,
  message: TraceMessage,
  error: boolean,
  before: Pass | undefined,
): Pass | undefined {
  const { network, transport } = message;
  if (!network) return before;
  const protocol = (network[0] ?? 0) >> 4 === 4 ? network[9] : network[6];
  const meaning = transport && protocol !== undefined && meaningOfBeginning(marks, protocol, transport);
  // Of an error's packet too little is told to know whose it is: ours, where a link carried ours.
  const mayBe = error && transport?.[0] !== undefined && isError(protocol, transport[0]);
  const direction = meaning ? directionOf(meaning) : mayBe ? "back" : undefined;
  if (!direction) return undefined;
  const table = nft.tables.find(({ family, name }) => family === message.family && name === message.table);
  const hook = isTracing(message) ? message.chain : table?.chains.get(message.chain)?.base?.hook;
  return { direction, hook: hook ?? likelyHook(message), in: message.in, out: message.out };
}

/** Destination unreachable, packet too big, time exceeded, parameter problem: RFC 792, RFC 4443. */
const isError = (protocol: number | undefined, type: number): boolean =>
  protocol === PROTOCOL.icmp ? [3, 11, 12].includes(type) : protocol === PROTOCOL.icmp6 && type < 128;

/** Of a chain that was made since the rules were read. */
function likelyHook({ in: incoming, out }: TraceMessage): string {
  if (incoming === undefined) return "postrouting";
  return out === undefined ? "prerouting" : "forward";
}

/** A rule that matched, or a policy; undefined for the ends of chains. */
function ruleOf(
  namespace: NamespaceId,
  { family, table, chain, type, handle, verdict }: TraceMessage,
): { readonly rule: RuleRef; readonly verdict: string } | undefined {
  const rule: RuleRef = { in: "nft", namespace, family, table, chain };
  if (!verdict) return undefined;
  if (type === "policy") return { rule, verdict: `policy ${verdict.code}` };
  if (type !== "rule" || handle === undefined) return undefined;
  const text = "chain" in verdict ? `${verdict.code} ${verdict.chain}` : verdict.code;
  return { rule: { ...rule, handle }, verdict: text };
}

const COMING: ReadonlySet<string> = new Set(["ingress", "prerouting", "input", "forward"]);

function slotOf(
  stamped: readonly Seen[],
  namespace: NamespaceId,
  { direction, hook, in: incoming, out }: Pass,
): number {
  const isHere = (one: Seen) => one.namespace === namespace && one.direction === direction;
  const isTap = (way: "in" | "out") => (one: Seen) => isHere(one) && one.kind === "tap" && one.way === way;
  const isAt = (way: "in" | "out", ifindex: number | undefined) => (one: Seen) =>
    isTap(way)(one) && one.kind === "tap" && one.link.ifindex === ifindex;
  const behind = (index: number) => (index < 0 ? undefined : 2 * index + 1);
  const before = (index: number) => (index < 0 ? undefined : 2 * index);
  return (
    behind(stamped.findIndex(isAt("in", incoming))) ??
    before(stamped.findIndex(isAt("out", out))) ??
    // Of links that no tap sees it at, as a bridge's, for what br_netfilter shows to IP's rules between two of its ports.
    (COMING.has(hook)
      ? behind(stamped.findIndex(isTap("in")))
      : before(stamped.findLastIndex(isTap("out")))) ??
    // It ended here before any link saw it go: between what it came of and its drop.
    before(stamped.findIndex((one) => isHere(one) && one.kind === "drop")) ??
    behind(stamped.findLastIndex((one) => one.namespace === namespace && one.kind === "tap")) ??
    FIRST
  );
}
