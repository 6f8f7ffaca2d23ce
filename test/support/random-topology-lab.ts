/** Random topologies made for real, and taken away again. For files that are `isolated`. */
import { execFileSync } from "node:child_process";
import { closeSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { inNamespace, makeNamespace, pinNamespace, unpinNamespace } from "../../src/linux/netns.ts";
import { closeContext, Nft, openContext } from "../../src/linux/nftables/library.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { readTopology } from "../../src/observe/read.ts";
import type { Topology } from "../../src/observe/types.ts";
import type { TopologySpec } from "./random-topology.ts";
import { chainSteps } from "./random-topology-chains.ts";
import { faultSteps } from "./random-topology-faults.ts";
import { firewallSteps } from "./random-topology-firewalls.ts";
import { type Server, serveAt } from "./random-topology-servers.ts";
import { type Step, stepsOf, type World, worldOf } from "./random-topology-world.ts";

const pathOf = (place: string): NetnsPath => `/run/netns/${place}` as NetnsPath;

/** All that makes it. */
export const allSteps = (spec: TopologySpec, world = worldOf(spec)): Step[] => [
  ...stepsOf(spec, world),
  // Of one priority, the later is asked first; predictions have it that xtables' tables are.
  ...chainSteps(world, spec.chains),
  ...firewallSteps(world, spec.firewall),
  ...faultSteps(world, spec.faults),
];

/** As commands to paste into a root's shell, of a machine of one's own. */
export function textOf(steps: readonly Step[]): string {
  const heredoc = (command: string, input: string) => `${command} <<'END'\n${input.trimEnd()}\nEND`;
  return steps
    .flatMap((step): string[] => {
      const where = `nsenter --net=/run/netns/${step.in}`;
      if ("make" in step) return [`ip netns add ${step.in}`];
      if ("sysctls" in step) return [`${where} sysctl -qw ${pairs(step.sysctls).join(" ")}`];
      if ("ip" in step) return [heredoc(`ip -n ${step.in} -force -batch -`, step.ip.join("\n"))];
      if ("nft" in step) return [heredoc(`${where} nft -f -`, step.nft)];
      return [heredoc(`${where} ${step.restore}`, step.input)];
    })
    .join("\n");
}

const pairs = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).map(([key, value]) => `${key}=${value}`);

export class RandomLab {
  readonly world: World;
  readonly steps: readonly Step[];
  readonly #made: string[] = [];
  #servers: readonly Server[] = [];
  #settled: Topology | undefined;

  private constructor(spec: TopologySpec) {
    this.world = worldOf(spec);
    this.steps = allSteps(spec, this.world);
  }

  /** @throws Error where what is not amiss could not be made; then nothing is left */
  static async make(spec: TopologySpec): Promise<RandomLab> {
    const lab = new RandomLab(spec);
    try {
      for (const batch of batches(lab.steps)) lab.#do(batch);
      lab.#servers = await Promise.all(lab.world.places.map((place) => serveAt(pathOf(place))));
      lab.#settled = await lab.#settle();
      return lab;
    } catch (thrown) {
      lab.close();
      throw thrown;
    }
  }

  /** As it is now. */
  read(): Promise<Topology> {
    const first = this.#settled;
    this.#settled = undefined;
    return first ? Promise.resolve(first) : readTopology({ engines: [] });
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const place of this.#made) unpinNamespace(pathOf(place));
  }

  #do(batch: readonly Step[]): void {
    const [step] = batch;
    if (!step) return;
    if ("make" in step) this.#namespace(step.in);
    else if ("sysctls" in step) write(step.in, step.sysctls);
    else if ("nft" in step) load(step.in, step.nft, step.refusable ?? false);
    else if ("restore" in step) {
      execFileSync("nsenter", [`--net=${pathOf(step.in)}`, step.restore], { input: step.input });
    } else configure(batch.filter((one) => "ip" in one));
  }

  #namespace(place: string): void {
    const { fd } = makeNamespace(() => undefined);
    try {
      pinNamespace(fd, pathOf(place));
      this.#made.push(place);
    } finally {
      closeSync(fd);
    }
  }

  /** The kernel tells carriers and ports of bridges a moment later. */
  async #settle(): Promise<Topology> {
    for (let looks = 0; ; looks += 1) {
      const topology = await this.read();
      if (looks === MOST_LOOKS || isSettled(topology)) return topology;
      await sleep(20);
    }
  }
}

/** Some are down for good. */
const MOST_LOOKS = 100;

/** Steps by ip(8) that follow one another are done by one shell. */
function batches(steps: readonly Step[]): Step[][] {
  const batches: Step[][] = [];
  for (const step of steps) {
    const last = batches.at(-1);
    if (last && "ip" in step && last.every((one) => "ip" in one)) last.push(step);
    else batches.push([step]);
  }
  return batches;
}

function configure(steps: readonly Extract<Step, { readonly ip: unknown }>[]): void {
  const script = steps.map(
    ({ in: place, ip, refusable }) =>
      `ip -n ${place} -force -batch - <<'END' ${refusable ? "2>/dev/null || true" : ""}\n${ip.join("\n")}\nEND`,
  );
  execFileSync("sh", ["-ec", script.join("\n")], { stdio: ["ignore", "ignore", "pipe"] });
}

function write(place: string, sysctls: Readonly<Record<string, string | number>>): void {
  inNamespace(pathOf(place), () => {
    for (const [key, value] of Object.entries(sysctls)) {
      const path = `/proc/sys/${key.replaceAll(".", "/")}`;
      try {
        if (readFileSync(path, "utf8").trim() !== String(value)) writeFileSync(path, String(value));
      } catch (thrown) {
        throw new Error(`${key} of ${place} can't be set to ${value}`, { cause: thrown });
      }
    }
  });
}

function load(place: string, text: string, refusable: boolean): void {
  const context = inNamespace(pathOf(place), openContext);
  try {
    new Nft(context).run("load", text);
  } catch (thrown) {
    if (!refusable) throw thrown;
  } finally {
    closeContext(context);
  }
}

/** IF_OPER_UP of all that has its other end up; a port that has not been switched off, forwards. */
function isSettled({ namespaces }: Topology): boolean {
  const all = [...namespaces.values()];
  return all.every(({ links }) =>
    links.every((link) => {
      const other = link.other && namespaces.get(link.other.namespace ?? (0 as never));
      const peer = other?.links.find(({ ifindex }) => ifindex === link.other?.ifindex);
      const ports = links.filter(({ master }) => master === link.ifindex);
      const carries =
        link.kind === "veth"
          ? peer?.up
          : link.kind === "bridge"
            ? ports.some((port) => port.up && port.carrier)
            : false;
      return !link.up || !carries || link.operState === 6;
    }),
  );
}
