/**
 * Random topologies without end, for whoever hunts what predictions get wrong: `node test/support/random-topology-hunt.ts
 * --runs 200 --seed 1 [--flows 6] [--shrink] [--explain]`. Each run is a topology, of the seed that it prints; with `--shrink` it ends with the
 * smallest topology that shows the first disagreement, as commands.
 */
import { parseArgs } from "node:util";
import fc from "fast-check";
import { formatAddress } from "../../src/lib/ip.ts";
import type { NamespaceId } from "../../src/observe/types.ts";
import type { Sight } from "../../src/trace/types.ts";
import { isolated } from "./isolated.ts";
import { type TopologySpec, topologies } from "./random-topology.ts";
import { chainSteps } from "./random-topology-chains.ts";
import { type Case, retold, run, toldFlow } from "./random-topology-flows.ts";
import { textOf } from "./random-topology-lab.ts";
import { worldOf } from "./random-topology-world.ts";

isolated(import.meta);

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "100" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    flows: { type: "string", default: "6" },
    shrink: { type: "boolean", default: false },
    explain: { type: "boolean", default: false },
  },
});
const first = Number(values.seed);
const specs = topologies(Number(values.flows));
const tally = new Map<string, number>();
const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
const tell = (text: string) => process.stdout.write(`${text}\n`);

/** @throws Error with how to see it oneself, where prediction and proof disagree */
async function check(spec: TopologySpec): Promise<void> {
  const cases = await run(spec, 0);
  for (const one of cases) {
    count("cases");
    count(`predicted ${one.prediction.outcome}`);
    count(`proof: ${one.proof.outcome} ${one.proof.reason?.code ?? ""}`);
    if (one.prediction.paths.length > 1) count("of several ways");
  }
  const wrong = cases.find(({ differs }) => differs.length > 0);
  if (wrong) {
    count("disagreements");
    throw new Error(values.shrink ? retold(spec, wrong) : summary(spec, wrong));
  }
}

const summary = (spec: TopologySpec, one: Case): string =>
  [
    `${toldFlow(one.prediction.flow)} (${spec.firewall}; ${spec.chains.length} chains; ${spec.faults.map(({ kind }) => kind).join(", ")})`,
    ...one.differs,
    ...one.proof.blind.map((line) => `blind: ${line}`),
    ...(values.explain ? [...explained(one), textOf(chainSteps(worldOf(spec), spec.chains))] : []),
  ].join("\n    ");

/** All of both, a line each. */
function explained({ topology, prediction, proof }: Case): string[] {
  const place = (id: NamespaceId) => topology.namespaces.get(id)?.name ?? String(id);
  const at = ({ source, sourcePort, destination, destinationPort }: Sight) =>
    `${formatAddress(source)} ${sourcePort ?? ""} > ${formatAddress(destination)} ${destinationPort ?? ""}`;
  const left = new Set(["at", "before", "after", "packet", "namespace", "direction"]);
  const words = (value: object) =>
    JSON.stringify(value, (key, one: unknown) =>
      left.has(key) ? undefined : typeof one === "bigint" ? one.toString(16) : one,
    );
  return [
    ...prediction.paths.flatMap(({ hops, assumptions }) => [
      ...hops.map((hop) => `${hop.direction} ${place(hop.namespace)} ${at(hop.packet)} ${words(hop.event)}`),
      ...assumptions.map((text) => `assumed: ${text}`),
    ]),
    "seen:",
    ...proof.seen.map(
      (one) =>
        `${one.direction} ${place(one.namespace)} ${"packet" in one ? at(one.packet) : ""} ${words(one)}`,
    ),
    words(proof.reason ?? {}),
  ];
}

const started = performance.now();
for (let seed = first; seed < first + Number(values.runs); seed += 1) {
  const property = fc.asyncProperty(specs, check);
  const details = await fc.check(property, { seed, numRuns: 1, endOnFailure: !values.shrink });
  if (!details.failed) continue;
  const { errorInstance, numShrinks } = details;
  tell(`seed ${seed}${values.shrink ? `, made smaller ${numShrinks} times` : ""}:`);
  const text = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  tell(`    ${values.shrink ? text : values.explain ? text : text.slice(-1200)}`);
  if (values.shrink) break;
}
tell(
  [...tally]
    .toSorted()
    .map(([what, number]) => `${number} ${what}`)
    .join("\n"),
);
tell(`${((performance.now() - started) / 1000).toFixed(1)} s`);
process.exit(0);
