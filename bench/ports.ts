/** `npm run bench -- ports`: ports published, one or thousands, and what goes through them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PortMap } from "../src/container/types.ts";
import { Engines, IMAGE, type Subject } from "./contestants/engines.ts";
import { compileLoad } from "./contestants/load.ts";
import { createContainer } from "./lib/engines.ts";
import { type Summary, summarize, timed } from "./lib/statistics.ts";
import { digits, ratio, table } from "./lib/table.ts";

/** Ports of the servers, and where others begin. */
const [UDP, TCP, FIRST] = [9000, 9001, 10_000];
const ROUND_TRIPS = 20_000;
const CONNECTIONS = 5_000;
/** dockerd takes half a minute for a thousand, by rule and process. */
const MOST_FOR_PEERS = 100;

const range = (first: number, count: number, outside = first): PortMap =>
  Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`${first + at}/tcp`, [{ HostPort: String(outside + at) }]]),
  );

const SERVERS: PortMap = {
  [`${UDP}/udp`]: [{ HostPort: String(UDP) }],
  [`${TCP}/tcp`]: [{ HostPort: String(TCP) }],
};

interface Times {
  readonly name: string;
  readonly ports: number;
  readonly publish: Summary;
  readonly remove: Summary;
}

interface Traffic {
  readonly name: string;
  readonly ports: number;
  readonly roundTrips: Summary;
  readonly connections: Summary;
}

export interface PortsReport {
  readonly absent: readonly string[];
  /** A container's start and removal with so many ports, less those of one without. */
  readonly starts: readonly Times[];
  /** One port more of a running container, with so many of others present. */
  readonly oneMore: readonly Times[];
  /** So many at once of a running container. */
  readonly live: readonly Times[];
  readonly traffic: readonly Traffic[];
}

async function life(subject: Subject, ports: PortMap): Promise<{ start: number; remove: number }> {
  const { client } = subject;
  const id = await createContainer(client, IMAGE, ["sleep", "1000"], { hostConfig: { PortBindings: ports } });
  const start = await timed(() => client.post(`/containers/${id}/start`));
  return { start, remove: await timed(() => client.delete(`/containers/${id}`, { force: true })) };
}

async function startTimes(subject: Subject, counts: readonly number[], rounds: number): Promise<Times[]> {
  const bare = { start: [] as number[], remove: [] as number[] };
  const times = counts.map((count) => ({ count, publish: [] as number[], remove: [] as number[] }));
  for (let round = 0; round < rounds; round += 1) {
    const without = await life(subject, {});
    bare.start.push(without.start);
    bare.remove.push(without.remove);
    for (const { count, publish, remove } of times) {
      const took = await life(subject, range(FIRST, count));
      publish.push(took.start);
      remove.push(took.remove);
    }
  }
  const [start, gone] = [summarize(bare.start).median, summarize(bare.remove).median];
  return times.map(({ count, publish, remove }) => ({
    name: subject.name,
    ports: count,
    publish: summarize(publish.map((took) => took - start)),
    remove: summarize(remove.map((took) => took - gone)),
  }));
}

/** Ports of a running container, published and closed again. */
async function liveTimes(
  { name, client }: Subject,
  container: string,
  { count, first, present }: { readonly count: number; readonly first: number; readonly present: number },
  rounds: number,
): Promise<Times> {
  const path = `/drawbridge/containers/${container}/ports`;
  const body = { PortBindings: range(first, count) };
  const [publish, remove]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    publish.push(await timed(() => client.post(path, undefined, body)));
    remove.push(await timed(() => client.delete(path, undefined, body)));
  }
  return { name, ports: present, publish: summarize(publish), remove: summarize(remove) };
}

/** From outside the host, through a published port. */
async function measureTraffic(
  { name, host }: Subject,
  load: string,
  ports: number,
  rounds: number,
): Promise<Traffic> {
  const ask = async (what: string, port: number, count: number) =>
    Number((await host.runOutside(load, [what, "203.0.113.2", String(port), String(count)])).stdout);
  const [roundTrips, connections]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    roundTrips.push(await ask("udp", UDP, ROUND_TRIPS));
    connections.push(await ask("tcp", TCP, CONNECTIONS));
  }
  return { name, ports, roundTrips: summarize(roundTrips), connections: summarize(connections) };
}

const startServers = (subject: Subject): Promise<string> =>
  startWith(subject, SERVERS, ["sh", "-c", `load udp-echo ${UDP} & exec load tcp-accept ${TCP}`]);

async function startWith(
  { client }: Subject,
  ports: PortMap,
  command: readonly string[] = ["sleep", "1000"],
): Promise<string> {
  const id = await createContainer(client, IMAGE, command, { hostConfig: { PortBindings: ports } });
  await client.post(`/containers/${id}/start`);
  return id;
}

export async function benchPorts(rounds: number): Promise<PortsReport> {
  const directory = mkdtempSync(join(tmpdir(), "drawbridge-bench-"));
  try {
    const load = compileLoad(directory);
    if ("absent" in load) throw new Error(load.absent);
    await using engines = await Engines.start([load.path]);
    const [own, ...peers] = engines.subjects;
    if (!own) throw new Error("nothing to measure");
    const starts = [...(await startTimes(own, [1, 100, 1_000, 10_000], rounds))];
    for (const peer of peers)
      starts.push(...(await startTimes(peer, [1, MOST_FOR_PEERS], Math.min(rounds, 3))));
    const traffic: Traffic[] = [];
    const servers = await startServers(own);
    const liveRounds = rounds * 5;
    const live = [await liveTimes(own, servers, { count: 1_000, first: FIRST, present: 1_000 }, rounds)];
    const oneMore = [await liveTimes(own, servers, { count: 1, first: FIRST - 1, present: 1 }, liveRounds)];
    traffic.push(await measureTraffic(own, load.path, 2, rounds));
    await startWith(own, range(FIRST, 10_000));
    oneMore.push(await liveTimes(own, servers, { count: 1, first: FIRST - 1, present: 10_000 }, liveRounds));
    traffic.push(await measureTraffic(own, load.path, 10_000, rounds));
    for (const peer of peers) {
      await startServers(peer);
      traffic.push(await measureTraffic(peer, load.path, 2, rounds));
    }
    return { absent: engines.absent, starts, live, oneMore, traffic };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function formatPorts({ absent, starts, live, oneMore, traffic }: PortsReport): string {
  const times = (rows: readonly Times[]) =>
    rows.map(({ name, ports, publish, remove }) => [
      name,
      String(ports),
      digits(publish.median),
      digits(remove.median),
    ]);
  const reference = traffic[0];
  return [
    "A container's start and removal with ports, less one's without; milliseconds:",
    "",
    table([["", "ports", "publish", "remove"], ...times(starts)]),
    "",
    "Ports of a running container, through the API:",
    "",
    table([["", "at once", "publish", "remove"], ...times(live)]),
    "",
    table([["one more", "present", "publish", "remove"], ...times(oneMore)]),
    "",
    "From outside the host through a published port, one client:",
    "",
    table([
      ["", "ports", "UDP round trips/s", "", "TCP connections/s", ""],
      ...traffic.map(({ name, ports, roundTrips, connections }) => [
        name,
        String(ports),
        digits(roundTrips.median),
        ratio(roundTrips.median, reference?.roundTrips.median ?? Number.NaN),
        digits(connections.median),
        ratio(connections.median, reference?.connections.median ?? Number.NaN),
      ]),
    ]),
    ...absent.map((why) => `Not here: ${why}.`),
  ].join("\n");
}
