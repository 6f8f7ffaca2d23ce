/** All that an engine holds of a host while nothing is under way, to compare before and after much has come and gone. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { storedKeys } from "./agreement.ts";
import type { EngineProcess } from "./engine-process.ts";
import type { ThrowawayHost } from "./host.ts";

export interface Footprint {
  /** The engine's, how many of each kind. */
  readonly descriptors: Readonly<Record<string, number>>;
  /** By name, those of the whole host. */
  readonly processes: readonly string[];
  readonly keys: readonly string[];
  /** Below the data and exec roots. */
  readonly files: readonly string[];
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly links: readonly string[];
  /** Lines of the whole rule set, elements of sets and maps included. */
  readonly rules: number;
}

export async function footprintOf(host: ThrowawayHost, engine: EngineProcess): Promise<Footprint> {
  const text = async (command: string, ...args: readonly string[]) => (await host.run(command, args)).stdout;
  const [processes, links, rules] = await Promise.all([
    text("ps", "-eo", "comm="),
    text("ip", "-br", "link"),
    text("nft", "list", "ruleset"),
  ]);
  const mounts = readFileSync(`/proc/${host.pid}/mountinfo`, "utf8").split("\n");
  return {
    descriptors: descriptorsOf(engine.pid),
    // A container's own process may just be between two programs.
    processes: processes.split("\n").filter((name) => /conmon|crun|runc|skopeo|buildah|tar/.test(name)),
    keys: await storedKeys(host),
    files: [host.dataRoot, host.execRoot].flatMap(below),
    mounts: mounts.map((line) => line.split(" ")[4] ?? "").filter((at) => at.startsWith(host.directory)),
    cgroups: readdirSync("/sys/fs/cgroup").flatMap((name) =>
      below(join("/sys/fs/cgroup", name, host.cgroupParent)).filter((path) => path.endsWith("/cgroup.procs")),
    ),
    links: links.split("\n").map((line) => line.split(" ")[0] ?? ""),
    rules: rules.split("\n").length,
  };
}

const below = (path: string): string[] =>
  existsSync(path)
    ? readdirSync(path, { recursive: true, encoding: "utf8" })
        .map((name) => join(path, name))
        .sort()
    : [];

/** Numbers of sockets and pipes are left out, and which file of a directory it is. */
function descriptorsOf(pid: number): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const kind = readlinkSync(`/proc/${pid}/fd/${fd}`).replaceAll(/\d+/g, "N");
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
