/** `npm run bench -- dns`: one container asks for another's name, in a network of their own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engines, IMAGE, type Subject } from "./contestants/engines.ts";
import { compileLoad } from "./contestants/load.ts";
import { createContainer } from "./lib/engines.ts";
import { type Summary, summarize } from "./lib/statistics.ts";
import { digits, table } from "./lib/table.ts";

const QUESTIONS = 20_000;
const AT_ONCE = 2_000;
const RESOLVER = "127.0.0.11";

interface Answers {
  readonly name: string;
  readonly note: string;
  /** Microseconds. */
  readonly p50: Summary;
  readonly p99: Summary;
  /** A second, of one client that waits for each. */
  readonly rate: Summary;
  /** Of those sent at once, how many were answered. */
  readonly answered: Summary;
}

export interface DnsReport {
  readonly absent: readonly string[];
  readonly engines: readonly Answers[];
}

interface Client {
  readonly subject: Subject;
  readonly ask: (what: "dns" | "flood", count: number) => Promise<readonly number[]>;
}

async function prepare(subject: Subject, load: string): Promise<Client> {
  const { client, host } = subject;
  await client.post("/networks/create", undefined, { Name: "bench" });
  const start = async (name: string) => {
    const id = await createContainer(client, IMAGE, ["sleep", "1000"], {
      name,
      hostConfig: { NetworkMode: "bench" },
    });
    await client.post(`/containers/${id}/start`);
    return client.get<{ readonly State: { readonly Pid: number } }>(`/containers/${id}/json`);
  };
  await start("server");
  const { State } = await start("client");
  const inside = ["--target", String(State.Pid), "--net", "--", load];
  return {
    subject,
    async ask(what, count) {
      const { stdout } = await host.run("nsenter", [...inside, what, RESOLVER, "server", String(count)]);
      return stdout.trim().split(" ").map(Number);
    },
  };
}

export async function benchDns(rounds: number): Promise<DnsReport> {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-bench-"));
  try {
    const load = compileLoad(directory);
    if ("absent" in load) throw new Error(load.absent);
    await using engines = await Engines.start();
    const clients: Client[] = [];
    for (const subject of engines.subjects) clients.push(await prepare(subject, load.path));
    const asked = clients.map(
      () => ({ p50: [], p99: [], rate: [], answered: [] }) as Record<string, number[]>,
    );
    for (let round = 0; round < rounds; round += 1) {
      for (const [at, { ask }] of clients.entries()) {
        const [p50, p99, rate] = await ask("dns", QUESTIONS);
        const [answered] = await ask("flood", AT_ONCE);
        for (const [what, value] of Object.entries({ p50, p99, rate, answered })) {
          if (value !== undefined) asked[at]?.[what]?.push(value);
        }
      }
    }
    const results = clients.map(({ subject: { name, note } }, at): Answers => {
      const of = (what: string) => summarize(asked[at]?.[what] ?? []);
      return { name, note, p50: of("p50"), p99: of("p99"), rate: of("rate"), answered: of("answered") };
    });
    return { absent: engines.absent, engines: results };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function formatDns({ absent, engines }: DnsReport): string {
  const rows = engines.map(({ name, p50, p99, rate, answered }) => [
    name,
    digits(p50.median),
    digits(p99.median),
    digits(rate.median),
    `${answered.median}`,
  ]);
  return [
    `Medians of ${engines[0]?.p50.count} rounds of ${QUESTIONS} questions; engines interleaved:`,
    "",
    table([["", "p50 µs", "p99 µs", "a second", `answered of ${AT_ONCE} at once`], ...rows]),
    "",
    ...engines.map(({ name, note }) => `${name}: ${note}.`),
    ...absent.map((why) => `Not here: ${why}.`),
  ].join("\n");
}
