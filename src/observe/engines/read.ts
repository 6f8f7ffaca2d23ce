/** Names for what the kernel has: engines asked all at once, within a time, and those that don't answer guessed at. */
import { messageOf } from "../../lib/errors.ts";
import { isObject } from "../../lib/is-object.ts";
import type { EngineSocket } from "../types.ts";
import { containersOf } from "./containers.ts";
import { askEngine, greetEngine } from "./http.ts";
import { objectAt, textAt } from "./json.ts";
import { networksOf, podmanNetworksOf } from "./networks.ts";
import { firstProcesses, monitorsOf, readProcesses } from "./processes.ts";
import { silentEngines } from "./silent.ts";
import { engineSockets } from "./sockets.ts";
import type { Engine, EngineContainer } from "./types.ts";

/** Milliseconds. Whether anybody is there is told at once; a list of a thousand containers takes its time. */
const PATIENCE = { greeting: 1_000, list: 1_500 };

export interface EnginesRead {
  readonly engines: readonly Engine[];
  /** Engines that don't answer, a sentence each. */
  readonly unread: readonly string[];
}

/** A few calls an engine, however many containers it has. */
export async function readEngines(sockets: readonly EngineSocket[] = engineSockets()): Promise<EnginesRead> {
  const asked = sockets.map((socket) => readEngine(socket.path));
  // While they think.
  const monitors = monitorsOf(readProcesses());
  const pids = firstProcesses(monitors);
  const answers = await Promise.allSettled(asked);
  const engines = await Promise.all(
    answers.flatMap((one) => (one.status === "fulfilled" ? [engineOf(one.value, pids)] : [])),
  );
  const known = new Set(
    engines.flatMap(({ containers }) => containers.flatMap(({ id, name }) => [id, name])),
  );
  return {
    engines: [...engines, ...silentEngines(monitors, known)],
    unread: answers.flatMap((one, i) => {
      if (one.status === "fulfilled") return [];
      const { kind, path } = sockets[i] ?? {};
      return [`no names from ${kind} at ${path}: ${messageOf(one.reason)}`];
    }),
  };
}

/** What one said. */
interface Answers {
  readonly kind: Engine["kind"];
  readonly socket: string;
  readonly version: string;
  readonly containers: unknown;
  readonly networks: Engine["networks"];
}

/** @throws Error where it does not answer */
async function readEngine(socket: string): Promise<Answers> {
  const { kind, version } = introduced(await greetEngine(socket, PATIENCE.greeting));
  const [containers, networks, told] = await Promise.all([
    askEngine(socket, "/containers/json?all=true", PATIENCE.list),
    kind === "podman"
      ? askEngine(socket, "/v4.0.0/libpod/networks/json", PATIENCE.list).then(podmanNetworksOf)
      : askEngine(socket, "/networks", PATIENCE.list).then(networksOf),
    version === undefined ? askEngine(socket, "/version", PATIENCE.list) : undefined,
  ]);
  const asked = isObject(told) ? textAt(told, "Version") : "";
  return { kind, socket, version: version ?? asked, containers, networks };
}

/**
 * `Docker/20.10.24 (linux)`, `Libpod/4.3.1 (linux)`, `Drawbridge (linux)`. `/version` tells as much, but Podman takes two
 * seconds over it: it asks every program that it works with.
 */
function introduced(server: string): Pick<Engine, "kind"> & { readonly version?: string } {
  const [, name = "", version] = /^(\w+)(?:\/(\S+))?/.exec(server) ?? [];
  const kind = name === "Drawbridge" ? "drawbridge" : name === "Libpod" ? "podman" : "docker";
  return { kind, ...(version !== undefined && { version }) };
}

async function engineOf(answers: Answers, pids: ReadonlyMap<string, number>): Promise<Engine> {
  const { kind, socket, version, networks } = answers;
  const containers = containersOf(kind, answers.containers, pids, networks);
  return { kind, socket, version, networks, containers: await withPids(socket, containers) };
}

/** At most so many are asked for one by one: whose engine counts processes otherwise than we do has none that is found. */
const MOST_INSPECTED = 50;

/** Those that run under a monitor that isn't known, each by a call of its own. */
async function withPids(
  socket: string,
  containers: readonly EngineContainer[],
): Promise<readonly EngineContainer[]> {
  const lost = containers.filter(({ state, pid }) => pid === 0 && /^(running|paused)$/.test(state));
  if (lost.length === 0 || lost.length > MOST_INSPECTED) return containers;
  const found = new Map(
    await Promise.all(lost.map(async ({ id }) => [id, await inspected(socket, id)] as const)),
  );
  return containers.map((container) => ({ ...container, ...found.get(container.id) }));
}

async function inspected(socket: string, id: string): Promise<Partial<EngineContainer>> {
  try {
    const container = await askEngine(socket, `/containers/${id}/json`, PATIENCE.list);
    if (!isObject(container)) return {};
    const sandboxKey = textAt(objectAt(container, "NetworkSettings"), "SandboxKey");
    const pid = objectAt(container, "State").Pid;
    return { ...(typeof pid === "number" && { pid }), ...(sandboxKey && { sandboxKey }) };
  } catch {
    return {}; // gone since it was listed: one that has no pid, as those that don't run
  }
}
