/** `npm run bench -- run`: create, start, wait and remove of `true` through the API; and what engines weigh. */
import { Engines, IMAGE, type Subject } from "./contestants/engines.ts";
import { BundleContestant, engineContestant, PHASES, type RunPhase } from "./contestants/run.ts";
import { createContainer } from "./lib/engines.ts";
import { type Result, race } from "./lib/rounds.ts";
import { digits, ratio, table } from "./lib/table.ts";

const TOGETHER = 5;

interface Weight {
  readonly name: string;
  /** Kilobytes: with an image and no container, and again after all rounds. */
  readonly atRest: number;
  readonly after: number;
  /** What a running container adds in processes that aren't its own. */
  readonly perContainer: number;
}

export interface RunReport {
  readonly absent: readonly string[];
  readonly engines: readonly Result<RunPhase>[];
  readonly bundles: readonly Result<"total">[];
  readonly weights: readonly Weight[];
}

export async function benchRun(rounds: number): Promise<RunReport> {
  await using started = await Engines.start();
  const { subjects } = started;
  const host = subjects[0]?.host;
  if (!host) throw new Error("nothing to measure");
  const before = subjects.map(({ weigh }) => weigh());

  const contestants = subjects.map(({ name, note, client }) => engineContestant(name, note, client, IMAGE));
  const engines = await race(contestants, PHASES, rounds);
  const prepared = [
    await BundleContestant.prepare(host, "crun"),
    await BundleContestant.prepare(host, "runc"),
  ];
  const ready = prepared.filter((one): one is BundleContestant => "measure" in one);
  const bundles = await race<"total">(ready, ["total"], rounds);
  const weights: Weight[] = [];
  for (const [i, subject] of subjects.entries()) {
    const after = subject.weigh();
    weights.push({
      name: subject.name,
      atRest: before[i] ?? Number.NaN,
      after,
      perContainer: await weighBeside(subject),
    });
  }
  for (const contestant of ready) await contestant[Symbol.asyncDispose]();
  return {
    absent: [...started.absent, ...prepared.flatMap((one) => ("absent" in one ? [one.absent] : []))],
    engines,
    bundles,
    weights,
  };
}

/** What stands beside each of several containers that run: code that they share counts in parts. */
async function weighBeside({ client, beside }: Subject): Promise<number> {
  const ids: string[] = [];
  for (let i = 0; i < TOGETHER; i += 1) {
    const id = await createContainer(client, IMAGE, ["sleep", "1000"]);
    await client.post(`/containers/${id}/start`);
    ids.push(id);
  }
  const kilobytes = beside();
  for (const id of ids) await client.delete(`/containers/${id}`, { force: true });
  return kilobytes / TOGETHER;
}

const megabytes = (kilobytes: number): string => digits(kilobytes / 1024);

export function formatRun({ absent, engines, bundles, weights }: RunReport): string {
  const own = engines[0];
  if (!own) throw new Error("nothing was measured");
  const reference = own.phases.total.median;
  const rows = engines.map(({ name, phases }) => [
    name,
    ...PHASES.map((phase) => digits(phases[phase].median)),
    ratio(phases.total.median, reference),
  ]);
  const bare = bundles.map(({ name, phases }) => [
    name,
    ...["", "", "", ""],
    digits(phases.total.median),
    ratio(phases.total.median, reference),
  ]);
  return [
    `Medians of ${own.phases.total.count} rounds, milliseconds; engines interleaved:`,
    "",
    table([["", ...PHASES, "to drawbridge"], ...rows, ...bare]),
    "",
    "Memory (PSS), megabytes:",
    "",
    table([
      ["", "at rest", "after all rounds", `beside each of ${TOGETHER} containers`],
      ...weights.map((one) => [one.name, ...[one.atRest, one.after, one.perContainer].map(megabytes)]),
    ]),
    "",
    ...[...engines, ...bundles].map(({ name, note }) => `${name}: ${note}.`),
    ...absent.map((why) => `Not here: ${why}.`),
  ].join("\n");
}
