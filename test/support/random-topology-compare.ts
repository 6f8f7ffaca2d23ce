/** Whether what was predicted of a packet is what was seen of it. Pure. */
import type { Namespace, Topology } from "../../src/observe/types.ts";
import { hopKey, seenKey } from "../../src/trace/report/align.ts";
import type { DropReason, Path, Prediction, Proof } from "../../src/trace/types.ts";

/** From outside, a port where nobody listens and one that listens elsewhere look alike. */
const ALIKE: Readonly<Record<string, string>> = { "no-socket": "closed", "bound-elsewhere": "closed" };

/** An outcome in a word, with the reason's code: `reached`, `dropped closed`. */
const worded = (outcome: string, reason: DropReason | undefined): string =>
  reason ? `${outcome} ${ALIKE[reason.code] ?? reason.code}` : outcome;

type Kind = "tap" | "rule" | "drop";
interface Mark {
  readonly kind: Kind;
  readonly direction: "there" | "back";
  readonly namespace: number;
  readonly key: string;
  /** It need not be seen. */
  readonly perhaps?: true;
}

function predictedMarks({ hops }: Path): Mark[] {
  return hops.flatMap((hop): Mark[] => {
    const { event, direction, namespace } = hop;
    const key = hopKey(hop);
    // Rules of xtables tell nobody that they were met.
    if (key === undefined || (event.kind === "rule" && event.rule.in === "xtables")) return [];
    if (event.kind === "rule")
      return [{ kind: "rule", direction, namespace, key, ...(event.perhaps && { perhaps: true }) }];
    if (event.kind === "drop") return [{ kind: "drop", direction, namespace, key }];
    return event.kind === "out" || event.kind === "in" ? [{ kind: "tap", direction, namespace, key }] : [];
  });
}

const seenMarks = ({ seen }: Proof): Mark[] =>
  seen.flatMap((one): Mark[] =>
    one.kind === "answer"
      ? []
      : [{ kind: one.kind, direction: one.direction, namespace: one.namespace, key: seenKey(one) }],
  );

/** Numbers of namespaces are new each time; names are told. */
const named = (topology: Topology, text: string): string =>
  text.replaceAll(/\b\d{9,}\b/g, (id) => topology.namespaces.get(Number(id) as Namespace["id"])?.name ?? id);

const tapsOf = (marks: readonly Mark[], direction: Mark["direction"]) =>
  marks.filter((one) => one.kind === "tap" && one.direction === direction).map(({ key }) => key);

/** What differs between one way and what was seen, a line each. */
function differences(topology: Topology, path: Path, proof: Proof): string[] {
  const [left, right] = [predictedMarks(path), seenMarks(proof)];
  const lines = isSame(path, proof) ? [] : [`predicted: ${wordsOf(path)}; seen: ${wordsOf(proof)}`];
  // What could not be sent was no packet yet that could be seen to be dropped.
  if (right.length === 0 && left.every(({ kind }) => kind === "drop")) return lines;
  for (const direction of ["there", "back"] as const) {
    const seen = tapsOf(right, direction);
    lines.push(
      ...compare(`links ${direction}`, tapsOf(left, direction), seen, withoutDetours(topology, seen)),
    );
    const unsent = isSilent(path) || isUnsent(path);
    lines.push(
      ...(unsent ? [] : compare(`drops ${direction}`, dropsOf(left, direction), dropsOf(right, direction))),
    );
    for (const namespace of new Set([...left, ...right].map((one) => one.namespace))) {
      const rules = (marks: readonly Mark[]) =>
        marks.filter(
          (one) => one.kind === "rule" && one.direction === direction && one.namespace === namespace,
        );
      // Of an ICMP error, rules tell too little to know it by, unless a link carried it.
      const told = rules(right).map(({ key }) => key);
      const expected = rules(left).filter(({ key, perhaps }) => !perhaps || told.includes(key));
      const untold = direction === "back" && told.length === 0 && tapsOf(right, "back").length === 0;
      lines.push(
        ...(untold
          ? []
          : compare(
              `rules ${direction} in ${namespace}`,
              expected.map(({ key }) => key),
              told,
            )),
      );
    }
  }
  return lines.map((line) => named(topology, line));
}

const dropsOf = (marks: readonly Mark[], direction: Mark["direction"]): string[] => [
  ...new Set(marks.filter((one) => one.kind === "drop" && one.direction === direction).map(({ key }) => key)),
];

const wordsOf = ({ outcome, reason }: Path | Proof): string => worded(outcome, reason);

/** An answer for which there is no way never becomes a packet that somebody could see. */
const isUnsent = (path: Path): boolean => {
  const back = path.hops.filter(({ direction }) => direction === "back");
  return path.reason?.code === "reply-lost" && back.length === 1;
};

/** Pings that are not answered are not dropped either. */
const isSilent = ({ reason }: Path): boolean =>
  reason?.code === "kernel" && / does not answer pings/.test(reason.text);

function isSame(path: Path, proof: Proof): boolean {
  if (wordsOf(path) === wordsOf(proof)) return true;
  if (isSilent(path) && proof.outcome === "silent") return true;
  return isUnsent(path) && (proof.outcome === "silent" || proof.outcome === "delivered");
}

/**
 * Frames that br_netfilter translates go by the bridge itself where its neighbour entry has no header cached yet
 * (br_nf_pre_routing_finish_bridge), and nobody is told whether it has.
 */
function withoutDetours({ namespaces }: Topology, taps: readonly string[]): string[] {
  const bridges = [...namespaces.values()].flatMap(({ id, links, sysctls }) =>
    links
      .filter(({ kind }) => kind === "bridge" && sysctls.get("net.bridge.bridge-nf-call-iptables") === "1")
      .map(({ ifindex }) => `${id}/${ifindex}`),
  );
  return taps.filter((key) => !bridges.some((bridge) => key.includes(` out ${bridge} `)));
}

/** @param alternative what may have been seen as well */
function compare(
  what: string,
  predicted: readonly string[],
  seen: readonly string[],
  alternative = seen,
): string[] {
  const same = (one: readonly string[]) => one.join("\n") === predicted.join("\n");
  if (same(seen) || same(alternative)) return [];
  return [`${what}:\n  predicted: ${predicted.join(" | ")}\n  seen:      ${seen.join(" | ")}`];
}

/** Nothing where one of the ways that were predicted is what was seen; else how the nearest one differs. */
export function disagreement(topology: Topology, { paths }: Prediction, proof: Proof): readonly string[] {
  const all = paths.map((path) => differences(topology, path, proof));
  return all.reduce(
    (best, lines) => (lines.length < best.length ? lines : best),
    all[0] ?? ["nothing was predicted"],
  );
}
