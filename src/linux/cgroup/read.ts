/** What a cgroup uses, and who is in it: read from its files. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../lib/errors.ts";
import type { CgroupLocation, ControllerDirectory } from "./hierarchy.ts";
import {
  type BlockUse,
  blockOfVersion1,
  blockOfVersion2,
  type CpuUse,
  cpuOfVersion1,
  cpuOfVersion2,
  type MemoryUse,
  machineCpuOf,
  memoryOfVersion1,
  memoryOfVersion2,
  type PidsUse,
  pidsOf,
  type ReadText,
} from "./parse.ts";

export interface CgroupUse {
  readonly cpu: CpuUse;
  readonly memory: MemoryUse;
  readonly pids: PidsUse;
  readonly block: BlockUse;
}

/** A file that isn't there, a controller that is not enabled and a cgroup that was removed meanwhile tell nothing. */
export function readIfEnabled(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (["ENOENT", "ENODEV", "EOPNOTSUPP", "ENOTSUP"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

const NOTHING: ReadText = () => undefined;

const reader = (directory: ControllerDirectory | undefined): ReadText =>
  directory ? (name) => readIfEnabled(join(directory.path, name)) : NOTHING;

export function readUse(location: CgroupLocation): CgroupUse {
  const [memory, block] = [location("memory"), location("blkio")];
  return {
    cpu: readCpu(location),
    memory: (memory?.unified ? memoryOfVersion2 : memoryOfVersion1)(reader(memory)),
    pids: pidsOf(reader(location("pids"))),
    block: (block?.unified ? blockOfVersion2 : blockOfVersion1)(reader(block)),
  };
}

function readCpu(location: CgroupLocation): CpuUse {
  const accounting = location("cpuacct");
  return accounting?.unified
    ? cpuOfVersion2(reader(accounting))
    : cpuOfVersion1(reader(accounting), reader(location("cpu")));
}

export const readMachineCpu = () => machineCpuOf(readFileSync("/proc/stat", "utf8"));

/** All processes of the cgroup and of those below it. Empty where it is gone. */
export function readProcesses(location: CgroupLocation): readonly number[] {
  const directory = location("pids") ?? location("memory");
  return directory ? processesBelow(directory.path) : [];
}

function processesBelow(path: string): readonly number[] {
  const own = (readIfEnabled(join(path, "cgroup.procs")) ?? "").split("\n").filter(Boolean).map(Number);
  return [...own, ...cgroupsIn(path).flatMap(processesBelow)];
}

function cgroupsIn(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(path, entry.name));
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw thrown;
    return [];
  }
}
