/** `npm run bench -- many`: exec, list and memory with hundreds of containers running (`--runs`: how many). */
import type { ApiClient } from "../src/api/client.ts";
import { Engines, IMAGE, type Subject } from "./contestants/engines.ts";
import { createContainer } from "./lib/engines.ts";
import { type Contestant, type Result, race } from "./lib/rounds.ts";
import { digits, ratio, table } from "./lib/table.ts";

const PHASES = ["exec", "list"] as const;
type Phase = (typeof PHASES)[number];

const ROUNDS = 20;
/** Started at the same time. */
const AT_ONCE = 4;

interface Crowd {
  readonly name: string;
  readonly note: string;
  /** Milliseconds that all of them took to be created and started, divided by how many. */
  readonly each: number;
  /** Kilobytes of the engine's own processes: with none, and with all. */
  readonly alone: number;
  readonly crowded: number;
  /** Of what stands beside them. */
  readonly beside: number;
}

export interface ManyReport {
  readonly containers: number;
  readonly absent: readonly string[];
  readonly crowds: readonly Crowd[];
  readonly results: readonly Result<Phase>[];
}

export async function benchMany(containers: number): Promise<ManyReport> {
  await using started = await Engines.start();
  const crowds: Crowd[] = [];
  const contestants: Contestant<Phase>[] = [];
  for (const subject of started.subjects) {
    const { crowd, one } = await gather(subject, containers);
    crowds.push(crowd);
    contestants.push(contestantOf(subject, one));
  }
  const results = await race(contestants, PHASES, ROUNDS);
  return { containers, absent: started.absent, crowds, results };
}

async function gather(subject: Subject, count: number): Promise<{ crowd: Crowd; one: string }> {
  const { client, name, note } = subject;
  const alone = subject.weigh();
  const begun = performance.now();
  const ids: string[] = [];
  let asked = 0;
  const worker = async () => {
    while (asked < count) {
      asked += 1;
      const id = await createContainer(client, IMAGE, ["sleep", "100000"]);
      await client.post(`/containers/${id}/start`);
      ids.push(id);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const each = (performance.now() - begun) / count;
  const crowd = { name, note, each, alone, crowded: subject.weigh(), beside: subject.beside() };
  return { crowd, one: ids[0] ?? "" };
}

/** @param container in which commands are run */
function contestantOf({ name, note, client }: Subject, container: string): Contestant<Phase> {
  return {
    name,
    note,
    async measure() {
      const start = performance.now();
      await execTrue(client, container);
      const middle = performance.now();
      await client.get("/containers/json", { all: true });
      return { exec: middle - start, list: performance.now() - middle };
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** As the CLI does: create, start with its output, and ask for the exit code. */
async function execTrue(client: ApiClient, container: string): Promise<void> {
  const { Id } = await client.post<{ readonly Id: string }>(`/containers/${container}/exec`, undefined, {
    Cmd: ["true"],
    AttachStdout: true,
    AttachStderr: true,
  });
  const { stream } = await client.connect(`/exec/${Id}/start`, { body: { Detach: false, Tty: false } });
  await stream.resume().toArray();
  stream.destroy();
  const { ExitCode } = await client.get<{ readonly ExitCode: number }>(`/exec/${Id}/json`);
  if (ExitCode !== 0) throw new Error(`the exit code of true is ${ExitCode}`);
}

export function formatMany({ containers, crowds, results, absent }: ManyReport): string {
  const reference = results[0];
  if (!reference) throw new Error("nothing was measured");
  const megabytes = (kilobytes: number): string => digits(kilobytes / 1024);
  return [
    `${containers} containers running; medians of ${reference.phases.exec.count} rounds, milliseconds; engines interleaved:`,
    "",
    table([
      ["", "exec true", "to drawbridge", "list of all", "to drawbridge", "start of each"],
      ...results.map(({ name, phases }, i) => [
        name,
        ...PHASES.flatMap((phase) => [
          digits(phases[phase].median),
          ratio(phases[phase].median, reference.phases[phase].median),
        ]),
        digits(crowds[i]?.each ?? Number.NaN),
      ]),
    ]),
    "",
    "Memory (PSS), megabytes:",
    "",
    table([
      ["", "engine with none", "engine with all", "beside them", "of each container, all told"],
      ...crowds.map(({ name, alone, crowded, beside }) => [
        name,
        ...[alone, crowded, beside, (crowded - alone + beside) / containers].map(megabytes),
      ]),
    ]),
    "",
    ...crowds.map(({ name, note }) => `${name}: ${note}.`),
    ...absent.map((why) => `Not here: ${why}.`),
  ].join("\n");
}
