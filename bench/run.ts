/** `npm run bench -- run`: create, start, wait and remove of `true` through the API; and what engines weigh. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApiClient } from "../src/api/client.ts";
import { findProgram } from "../src/lib/programs.ts";
import { ThrowawayHost } from "../test/support/host.ts";
import { startDockerd } from "./contestants/dockerd.ts";
import { BundleContestant, engineContestant, PHASES, type RunPhase } from "./contestants/run.ts";
import { clientOf, createContainer, importImage } from "./lib/engines.ts";
import { memoryOf, pss, total } from "./lib/memory.ts";
import { makeRootfs, packRootfs } from "./lib/rootfs.ts";
import { type Absent, type Result, race } from "./lib/rounds.ts";
import { digits, ratio, table } from "./lib/table.ts";

const IMAGE = "bench";
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

/** An engine in a host of its own. */
interface Subject {
  readonly name: string;
  readonly note: string;
  readonly client: ApiClient;
  readonly weigh: () => number;
  /** Of the processes that stand beside each container. */
  readonly beside: () => number;
}

async function drawbridge(host: ThrowawayHost): Promise<Subject> {
  const engine = await host.startEngine();
  return {
    name: "drawbridge",
    note: "on docker0, with its rules; conmon and the runtime included",
    client: clientOf(engine.socket),
    weigh: () => pss(engine.pid),
    beside: () => total(memoryOf(host.pid, ["conmon"])),
  };
}

async function docker(host: ThrowawayHost): Promise<Subject | Absent> {
  if (!findProgram("dockerd")) return { absent: "dockerd: not installed (scripts/bootstrap --peers)" };
  const client = await startDockerd(host);
  const { Version } = await client.get<{ readonly Version: string }>("/version");
  return {
    name: `dockerd ${Version}`,
    note: "on its docker0, with its rules",
    client,
    weigh: () => total(memoryOf(host.pid, ["dockerd", "containerd"])),
    beside: () => total(memoryOf(host.pid, ["containerd-shim", "docker-proxy"])),
  };
}

export async function benchRun(rounds: number): Promise<RunReport> {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-bench-"));
  try {
    await using own = await ThrowawayHost.create();
    await using other = await ThrowawayHost.create();
    const found = [await drawbridge(own), await docker(other)];
    const subjects = found.filter((one): one is Subject => "client" in one);
    await giveImage(directory, subjects);
    const before = subjects.map(({ weigh }) => weigh());

    const contestants = subjects.map(({ name, note, client }) => engineContestant(name, note, client, IMAGE));
    const engines = await race(contestants, PHASES, rounds);
    const prepared = [
      await BundleContestant.prepare(own, "crun"),
      await BundleContestant.prepare(own, "runc"),
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
    for (const contestant of [...contestants, ...ready]) await contestant[Symbol.asyncDispose]();
    return {
      absent: [...found, ...prepared].flatMap((one) => ("absent" in one ? [one.absent] : [])),
      engines,
      bundles,
      weights,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function giveImage(directory: string, subjects: readonly Subject[]): Promise<void> {
  const rootfs = join(directory, "rootfs");
  makeRootfs(rootfs);
  const archive = readFileSync(packRootfs(rootfs));
  for (const { client } of subjects) await importImage(client, IMAGE, archive);
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
