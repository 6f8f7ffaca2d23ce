/** `npm run bench -- observe`: everything that decides over packets on a machine of many containers, read from the kernel. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { readNamespace, readTopology } from "../src/observe/read.ts";
import { makeCrowd } from "./lib/crowd.ts";
import { type Summary, summarize, timed } from "./lib/statistics.ts";
import { digits, table } from "./lib/table.ts";

const SIZES = [10, 100, 1_000] as const;

/** Milliseconds for each container in which the kernel gets done with its links: new addresses, bridge ports. */
const SETTLED = 5;

interface Whole {
  readonly containers: number;
  readonly time: Summary;
  /** Of all threads, in the kernel as well: what is left of the time, others took. */
  readonly processor: Summary;
}

export interface ObserveReport {
  /** Milliseconds to read the whole topology, by how many containers there are. */
  readonly whole: readonly Whole[];
  /** One of the last size, alone: what a change in it costs. */
  readonly one: Summary;
}

export async function benchObserve(rounds: number): Promise<ObserveReport> {
  const paths: string[] = [];
  const whole: Whole[] = [];
  for (const containers of SIZES) {
    paths.push(...makeCrowd(paths.length, containers - paths.length));
    await sleep(containers * SETTLED);
    const [times, processor]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      const before = process.cpuUsage();
      times.push(await timed(() => readTopology({ engines: [] })));
      const { user, system } = process.cpuUsage(before);
      processor.push((user + system) / 1_000);
    }
    whole.push({ containers, time: summarize(times), processor: summarize(processor) });
  }
  const alone: number[] = [];
  for (const path of paths.slice(0, 50 * rounds)) alone.push(await timed(() => readNamespace(path)));
  return { whole, one: summarize(alone) };
}

export function formatObserve({ whole, one }: ObserveReport): string {
  const rows = whole.map(({ containers, time, processor }) => [
    String(containers),
    digits(time.median),
    digits(time.p90),
    digits(processor.median),
    digits((time.median * 1000) / (containers + 1)),
  ]);
  return [
    `${whole[0]?.time.count ?? 0} rounds each, the first of them with nothing warm:`,
    "",
    table([["containers", "median ms", "p90 ms", "processor ms", "µs a namespace"], ...rows]),
    "",
    `One namespace of ${whole.at(-1)?.containers ?? 0} read again: ${digits(one.median * 1000)} µs.`,
    "Each has a pair to one bridge, addresses, routes and the embedded resolver's rules; none has a process.",
  ].join("\n");
}
