/** `npm run bench -- observe`: everything that decides over packets on a machine of many containers, read from the kernel. */
import { readNamespace, readTopology } from "../src/observe/read.ts";
import { makeCrowd } from "./lib/crowd.ts";
import { type Summary, summarize, timed } from "./lib/statistics.ts";
import { digits, table } from "./lib/table.ts";

const SIZES = [10, 100, 1_000] as const;

export interface ObserveReport {
  /** Milliseconds to read the whole topology, by how many containers there are. */
  readonly whole: readonly { readonly containers: number; readonly time: Summary }[];
  /** One of the last size, alone: what a change in it costs. */
  readonly one: Summary;
}

export async function benchObserve(rounds: number): Promise<ObserveReport> {
  const paths: string[] = [];
  const whole: { containers: number; time: Summary }[] = [];
  for (const containers of SIZES) {
    paths.push(...makeCrowd(paths.length, containers - paths.length));
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      times.push(await timed(() => readTopology({ engines: [] })));
    }
    whole.push({ containers, time: summarize(times) });
  }
  const alone: number[] = [];
  for (const path of paths.slice(0, 50 * rounds)) alone.push(await timed(() => readNamespace(path)));
  return { whole, one: summarize(alone) };
}

export function formatObserve({ whole, one }: ObserveReport): string {
  const rows = whole.map(({ containers, time }) => [
    String(containers),
    digits(time.median),
    digits(time.p90),
    digits((time.median * 1000) / (containers + 1)),
  ]);
  return [
    `${whole[0]?.time.count ?? 0} rounds each, the first of them with nothing warm:`,
    "",
    table([["containers", "median ms", "p90 ms", "µs a namespace"], ...rows]),
    "",
    `One namespace of ${whole.at(-1)?.containers ?? 0} read again: ${digits(one.median * 1000)} µs.`,
    "Each has a pair to one bridge, addresses, routes and the embedded resolver's rules; none has a process.",
  ].join("\n");
}
