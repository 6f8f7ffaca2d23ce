/** What the machine's cgroups can do beyond what every one of their controllers can: told by the files that there are. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hierarchiesOf } from "../../linux/cgroup/hierarchy.ts";
import { mounts } from "../../linux/mount.ts";

/** Files of version 1 that some kernels have and others have not. */
const FILES = {
  "oom-kill-disable": ["memory", "memory.oom_control"],
  swappiness: ["memory", "memory.swappiness"],
  "kernel-memory": ["memory", "memory.kmem.limit_in_bytes"],
  "kernel-memory-tcp": ["memory", "memory.kmem.tcp.limit_in_bytes"],
  "cpu-realtime": ["cpu", "cpu.rt_period_us"],
  "io-weight": ["blkio", "blkio.weight"],
  "io-weight-device": ["blkio", "blkio.weight_device"],
  "io-read-bps": ["blkio", "blkio.throttle.read_bps_device"],
  "io-write-bps": ["blkio", "blkio.throttle.write_bps_device"],
  "io-read-iops": ["blkio", "blkio.throttle.read_iops_device"],
  "io-write-iops": ["blkio", "blkio.throttle.write_iops_device"],
} as const satisfies Readonly<Record<string, readonly [controller: string, file: string]>>;

export type CgroupAbility = keyof typeof FILES;

const ABILITIES = Object.keys(FILES) as readonly CgroupAbility[];

/** Version 2 has all of its controller `io`, and none of the others. */
export function cgroupAbilities(
  version: "1" | "2",
  controllers: ReadonlySet<string>,
): ReadonlySet<CgroupAbility> {
  if (version === "2") {
    return new Set(controllers.has("io") ? ABILITIES.filter((ability) => ability.startsWith("io-")) : []);
  }
  const hierarchies = hierarchiesOf(mounts());
  return new Set(
    ABILITIES.filter((ability) => {
      const [controller, file] = FILES[ability];
      const hierarchy = hierarchies.find(({ controllers: own }) => own.includes(controller));
      return hierarchy !== undefined && existsSync(join(hierarchy.mountpoint, file));
    }),
  );
}

/** Lists of cpuset(7), `0-3`: what the uppermost cgroup has. Empty where there is no such controller. */
export function cpusetAvailable(version: "1" | "2"): { readonly cpus: string; readonly mems: string } {
  const hierarchy = hierarchiesOf(mounts()).find(({ unified, controllers }) =>
    version === "2" ? unified : controllers.includes("cpuset"),
  );
  const read = (name: string): string => {
    const path = join(hierarchy?.mountpoint ?? "/", version === "2" ? `${name}.effective` : name);
    return existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  };
  return { cpus: read("cpuset.cpus"), mems: read("cpuset.mems") };
}
