/** `npm run bench -- observe`: a machine of many containers read from the kernel, and what is computed and tried upon that. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { diagnose } from "../src/doctor/diagnose.ts";
import { assemble, readKernel, readNamespace } from "../src/observe/read.ts";
import type { Topology } from "../src/observe/types.ts";
import { watchTopology } from "../src/observe/watch.ts";
import { findEnds } from "../src/trace/ends/find.ts";
import { predict } from "../src/trace/predict.ts";
import { prove } from "../src/trace/prove.ts";
import { Crowd, FAR, HOST, isPublishing, NETWORKS, nameOf, PUBLISHING, portOf, SERVED } from "./lib/crowd.ts";
import { runProgram } from "./lib/program.ts";
import { type Summary, summarize } from "./lib/statistics.ts";
import { digits, ratio, table } from "./lib/table.ts";

const SIZES = [10, 100, 1_000] as const;
/** Namespaces that `ip`, `nft` and `ss` are asked for: the time for all is reckoned from these. */
const MOST_ASKED = 50;
/** Milliseconds in which the kernel gets done with new links: addresses, bridge ports. */
const SETTLED = 1_500;
/** Of which a watch's costs are a part. */
const IDLE = 10_000;

/** Milliseconds: by the clock; and of all threads, in the kernel as well: what is left of the time, others took. */
interface Cost {
  readonly time: Summary;
  readonly processor: Summary;
}

interface Way {
  readonly name: string;
  /** With nothing computed of the topology before; and once more. */
  readonly first: Cost;
  readonly again: Cost;
  readonly outcome: string;
  /** Absent where nobody answers to a proof. */
  readonly proof?: Cost;
}

interface Crowded {
  readonly containers: number;
  readonly read: Cost;
  /** The same by programs, reckoned from some of the namespaces. */
  readonly programs: number;
  /** One namespace, alone. */
  readonly one: Cost;
  readonly ways: readonly Way[];
  readonly doctor: Cost;
  readonly doctorOfOne: Cost;
}

export interface ObserveReport {
  readonly crowds: readonly Crowded[];
  /** `ping -c1` of a neighbour, program and all. */
  readonly ping: Cost;
  readonly watch: {
    /** Of a processor, while nothing happens: 0 to 1. */
    readonly idle: number;
    /** Milliseconds until a change of one container is seen. */
    readonly seen: Summary;
  };
  /** Bytes, with the topology of the last size. */
  readonly memory: number;
}

class Costs {
  readonly #times: number[] = [];
  readonly #processor: number[] = [];

  async add<T>(work: () => T | Promise<T>): Promise<T> {
    const before = process.cpuUsage();
    const start = performance.now();
    const result = await work();
    this.#times.push(performance.now() - start);
    const { user, system } = process.cpuUsage(before);
    this.#processor.push((user + system) / 1_000);
    return result;
  }

  get summary(): Cost {
    return { time: summarize(this.#times), processor: summarize(this.#processor) };
  }
}

export async function benchObserve(rounds: number): Promise<ObserveReport> {
  await using crowd = await Crowd.gather();
  const crowds: Crowded[] = [];
  for (const size of SIZES) {
    await crowd.grow(size);
    await sleep(SETTLED);
    crowds.push(await measure(crowd, rounds));
  }
  const ping = new Costs();
  const neighbour = crowd.addressOf(NETWORKS.length);
  for (let round = 0; round < rounds; round += 1)
    await ping.add(() =>
      runProgram("nsenter", { args: [`--net=${crowd.paths[0]}`, "ping", "-c1", neighbour] }),
    );
  const watch = await measureWatch(crowd, rounds);
  return { crowds, ping: ping.summary, watch, memory: process.memoryUsage().rss };
}

const readTopology = async (crowd: Crowd): Promise<Topology> =>
  assemble(await readKernel({ connections: "host" }), [crowd.engine], []);

async function measure(crowd: Crowd, rounds: number): Promise<Crowded> {
  const [read, one, doctor, doctorOfOne] = [new Costs(), new Costs(), new Costs(), new Costs()];
  // Each begins with what was just read: nothing is remembered of it.
  const fresh = () => read.add(() => readTopology(crowd));
  const ways: Way[] = [];
  for (const way of waysOf(crowd.size)) ways.push(await measureWay(way, fresh, rounds));
  for (let round = 0; round < rounds; round += 1) {
    const topology = await fresh();
    await doctor.add(() => diagnose(topology));
    await doctorOfOne.add(() => diagnose(topology, { container: nameOf(0) }));
  }
  for (const path of crowd.paths.slice(0, 20 * rounds)) await one.add(() => readNamespace(path));
  return {
    containers: crowd.size,
    read: read.summary,
    programs: askPrograms(crowd),
    one: one.summary,
    ways,
    doctor: doctor.summary,
    doctorOfOne: doctorOfOne.summary,
  };
}

/** Name, who sends, to whom; and whether somebody answers. */
function waysOf(size: number): readonly (readonly [string, string, string, boolean])[] {
  const last = Array.from({ length: size }, (_, i) => i).findLast(isPublishing) ?? 0;
  const other = nameOf(NETWORKS.length + 1);
  return [
    ["to the same network", nameOf(0), `${nameOf(NETWORKS.length)}:${SERVED}`, true],
    ["to another network", nameOf(0), `${other}:${SERVED}`, false],
    ["to the outside", nameOf(0), FAR, true],
    ["from outside to a published port", "outside", `${HOST}:${portOf(last)}`, true],
  ];
}

async function measureWay(
  [name, from, to, answered]: ReturnType<typeof waysOf>[number],
  fresh: () => Promise<Topology>,
  rounds: number,
): Promise<Way> {
  const [first, again, proof] = [new Costs(), new Costs(), new Costs()];
  let outcome = "";
  for (let round = 0; round < rounds; round += 1) {
    const topology = await fresh();
    const flow = await findEnds(topology, from, to);
    const prediction = await first.add(() => predict(topology, flow));
    await again.add(() => predict(topology, flow));
    if (answered) await proof.add(() => prove(topology, flow, prediction));
    outcome = prediction.outcome;
  }
  return {
    name,
    first: first.summary,
    again: again.summary,
    outcome,
    ...(answered && { proof: proof.summary }),
  };
}

/** What somebody types who has no other means, of a namespace at a time. @returns milliseconds that all would take */
function askPrograms(crowd: Crowd): number {
  const asked = crowd.paths.slice(0, MOST_ASKED);
  const commands =
    "{ ip -d -j link; ip -j addr; ip -j route show table all; ip -j neigh; nft list ruleset; ss -tuln; } > /dev/null";
  const time = asked.reduce(
    (sum, path) => sum + runProgram("nsenter", { args: [`--net=${path}`, "sh", "-ec", commands] }),
    runProgram("sh", { args: ["-ec", commands] }),
  );
  return (time / (asked.length + 1)) * (crowd.size + 1);
}

async function measureWatch(crowd: Crowd, rounds: number): Promise<ObserveReport["watch"]> {
  let changed = () => {};
  const watching = await watchTopology({ engines: [], onChange: () => changed() });
  try {
    await sleep(SETTLED);
    const before = process.cpuUsage();
    await sleep(IDLE);
    const { user, system } = process.cpuUsage(before);
    const seen: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await sleep(SETTLED);
      const address = `192.0.2.${round + 1}`;
      const holds = () =>
        [...watching.current.namespaces.values()].some(({ routes }) =>
          routes.some(({ to }) => to.length === 32 && to.address.bits === 0xc0000200n + BigInt(round + 1)),
        );
      const start = performance.now();
      const told = new Promise<void>((resolve) => {
        changed = () => holds() && resolve();
      });
      runProgram("nsenter", {
        args: [`--net=${crowd.paths[round]}`, "ip", "route", "add", "blackhole", `${address}/32`],
      });
      await told;
      seen.push(performance.now() - start);
    }
    return { idle: (user + system) / 1_000 / IDLE, seen: summarize(seen) };
  } finally {
    await watching.close();
  }
}

const cells = ({ time, processor }: Cost): string[] => [time.median, time.p90, processor.median].map(digits);

export function formatObserve({ crowds, ping, watch, memory }: ObserveReport): string {
  const last = crowds.at(-1);
  if (!last) throw new Error("nothing was measured");
  const head = ["median ms", "p90 ms", "processor ms"];
  return [
    `${last.doctor.time.count} rounds each, and ${last.read.time.count} of reading, the first with nothing warm. All namespaces read, whatever is in them:`,
    "",
    table([
      ["containers", ...head, "by ip, nft and ss, ms", "", "one again, ms"],
      ...crowds.map(({ containers, read, programs, one }) => [
        String(containers),
        ...cells(read),
        digits(programs),
        ratio(programs, read.time.median),
        digits(one.time.median),
      ]),
    ]),
    "",
    `A prediction with ${last.containers} containers:`,
    "",
    table([
      ["", ...head, "again, ms", "outcome"],
      ...last.ways.map(({ name, first, again, outcome }) => [
        name,
        ...cells(first),
        digits(again.time.median),
        outcome,
      ]),
    ]),
    "",
    "Its proof, of those that are answered:",
    "",
    table([
      ["", ...head],
      ...last.ways.flatMap(({ name, proof }) => (proof ? [[name, ...cells(proof)]] : [])),
      ["ping -c1 to the same network", digits(ping.time.median), digits(ping.time.p90)],
    ]),
    "",
    "A diagnosis of what was read:",
    "",
    table([
      ["containers", ...head, "of one container, ms"],
      ...crowds.map(({ containers, doctor, doctorOfOne }) => [
        String(containers),
        ...cells(doctor),
        digits(doctorOfOne.time.median),
      ]),
    ]),
    "",
    `A watch of ${last.containers} takes ${digits(watch.idle * 100)} % of a processor while nothing happens, and sees a change after ${digits(watch.seen.median)} ms.`,
    `Memory of all of this: ${digits(memory / 2 ** 20)} MB.`,
    `Containers are on ${NETWORKS.length} bridges of the engine's network core, with its rules, a server in each; one in ${PUBLISHING} publishes it.`,
    `Programs were asked of at most ${MOST_ASKED} namespaces, and the time for all reckoned from that.`,
  ].join("\n");
}
