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
}

function predictedMarks({ hops }: Path): Mark[] {
  return hops.flatMap((hop): Mark[] => {
    const { event, direction, namespace } = hop;
    const key = hopKey(hop);
    // Rules of xtables tell nobody that they were met.
    if (key === undefined || (event.kind === "rule" && event.rule.in === "xtables")) return [];
    if (event.kind === "rule" || event.kind === "drop")
      return [{ kind: event.kind, direction, namespace, key }];
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

/** What differs between one way and what was seen, a line each. */
function differences(topology: Topology, path: Path, proof: Proof): string[] {
  const wanted = worded(path.outcome, path.reason);
  const got = worded(proof.outcome, proof.reason);
  const lines = wanted === got ? [] : [`predicted: ${wanted}; seen: ${got}`];
  const [left, right] = [predictedMarks(path), seenMarks(proof)];
  // What could not be sent was no packet yet that could be seen to be dropped.
  if (right.length === 0 && left.every(({ kind }) => kind === "drop")) return lines;
  for (const direction of ["there", "back"] as const) {
    const taps = (marks: readonly Mark[]) =>
      marks.filter((one) => one.kind === "tap" && one.direction === direction).map(({ key }) => key);
    lines.push(...compare(`links ${direction}`, taps(left), taps(right)));
    const drops = (marks: readonly Mark[]) => [
      ...new Set(
        marks.filter((one) => one.kind === "drop" && one.direction === direction).map(({ key }) => key),
      ),
    ];
    lines.push(...compare(`drops ${direction}`, drops(left), drops(right)));
    for (const namespace of new Set([...left, ...right].map((one) => one.namespace))) {
      const rules = (marks: readonly Mark[]) =>
        marks
          .filter((one) => one.kind === "rule" && one.direction === direction && one.namespace === namespace)
          .map(({ key }) => key);
      lines.push(...compare(`rules ${direction} in ${namespace}`, rules(left), rules(right)));
    }
  }
  return lines.map((line) => named(topology, line));
}

function compare(what: string, predicted: readonly string[], seen: readonly string[]): string[] {
  if (predicted.join("\n") === seen.join("\n")) return [];
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
