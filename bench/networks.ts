/** `npm run bench -- networks`: a network created and removed, through the API. */
import { Engines, type Subject } from "./contestants/engines.ts";
import { type Contestant, type Result, race } from "./lib/rounds.ts";
import { digits, ratio, table } from "./lib/table.ts";

const PHASES = ["create", "remove"] as const;
type Phase = (typeof PHASES)[number];

export interface NetworksReport {
  readonly absent: readonly string[];
  readonly engines: readonly Result<Phase>[];
}

const contestant = ({ name, note, client }: Subject): Contestant<Phase> => ({
  name,
  note,
  async measure(round) {
    const times = [performance.now()];
    const body = { Name: `bench${round}`, CheckDuplicate: true };
    const { Id } = await client.post<{ readonly Id: string }>("/networks/create", undefined, body);
    times.push(performance.now());
    await client.delete(`/networks/${Id}`);
    times.push(performance.now());
    const [start = 0, created = 0, removed = 0] = times;
    return { create: created - start, remove: removed - created };
  },
  async [Symbol.asyncDispose]() {},
});

export async function benchNetworks(rounds: number): Promise<NetworksReport> {
  await using engines = await Engines.start();
  const results = await race(engines.subjects.map(contestant), PHASES, rounds);
  return { absent: engines.absent, engines: results };
}

export function formatNetworks({ absent, engines }: NetworksReport): string {
  const own = engines[0];
  if (!own) throw new Error("nothing was measured");
  const rows = engines.map(({ name, phases: { create, remove } }) => [
    name,
    digits(create.median),
    ratio(create.median, own.phases.create.median),
    digits(remove.median),
    ratio(remove.median, own.phases.remove.median),
  ]);
  return [
    `Medians of ${own.phases.create.count} interleaved rounds, milliseconds:`,
    "",
    table([["", "create", "", "remove", ""], ...rows]),
    "",
    "A removal waits for the kernel: a link is gone after a grace period of RCU.",
    ...engines.map(({ name, note }) => `${name}: ${note}.`),
    ...absent.map((why) => `Not here: ${why}.`),
  ].join("\n");
}
