/** What in a host belongs to running containers, as the kernel tells it: to be compared with what the engine says. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../src/lib/errors.ts";
import type { ThrowawayHost } from "./host.ts";
import { portsOf } from "./inspect.ts";

/** Each by its own kind of name; all are empty in a host where nothing runs. */
export interface RunningParts {
  readonly ports: readonly string[];
  /** Elements of the guard's set `ports`. */
  readonly guarded: readonly string[];
  /** Files in EXEC_ROOT/netns, but for the host's own. */
  readonly pins: readonly string[];
  /** Mount points below the data root and the pins'. */
  readonly mounts: readonly string[];
  /** Containers with a monitor. */
  readonly monitored: readonly string[];
  /** Containers that the runtime knows. */
  readonly known: readonly string[];
  /** Containers that have a cgroup. */
  readonly cgroups: readonly string[];
  /** Containers with something in EXEC_ROOT/containers. */
  readonly bundles: readonly string[];
}

const ID = /[0-9a-f]{64}/;

export async function runningParts(host: ThrowawayHost): Promise<RunningParts> {
  const [ports, rules, processes] = await Promise.all([
    portsOf(host, "docker0"),
    host.run("nft", ["list", "set", "bridge", "drawbridge-guard", "ports"]),
    host.run("ps", ["-ww", "-eo", "args"]),
  ]);
  const mountpoints = readFileSync(`/proc/${host.pid}/mountinfo`, "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  const monitors = processes.stdout.split("\n").filter((line) => line.includes(host.execRoot));
  return {
    ports: ports.map(({ ifname }) => ifname).sort(),
    guarded: [...rules.stdout.matchAll(/"(veth\w+)"/g)].map(([, name = ""]) => name).sort(),
    pins: namesIn(join(host.execRoot, "netns")).filter((name) => name !== "default"),
    mounts: mountpoints.filter((at) => at.startsWith(host.dataRoot) || /\/netns\/[0-9a-f]{12}$/.test(at)),
    monitored: monitors.flatMap((line) => ID.exec(line) ?? []).sort(),
    known: namesIn(join(host.execRoot, "runtime")).filter((name) => ID.test(name)),
    cgroups: namesIn(join("/sys/fs/cgroup/pids", host.cgroupParent)).filter((name) => ID.test(name)),
    bundles: namesIn(join(host.execRoot, "containers")).filter(
      (name) => namesIn(join(host.execRoot, "containers", name)).length > 0,
    ),
  };
}

export const NOTHING_RUNS: RunningParts = {
  ports: [],
  guarded: [],
  pins: [],
  mounts: [],
  monitored: [],
  known: [],
  cgroups: [],
  bundles: [],
};

/** In order; none where there is no such directory. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
