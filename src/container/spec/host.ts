/** What this machine and this process can give to containers: read once, for it does not change while we run. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, hostname, release } from "node:os";
import { findProgram } from "../../lib/programs.ts";
import { bootId, cgroupVersion, hostFacts } from "../../linux/host.ts";
import { capabilitiesOfMask } from "./capabilities.ts";
import { type CgroupAbility, cgroupAbilities, cpusetAvailable } from "./cgroup-abilities.ts";

export interface HostAbilities {
  /** `uname -m`, `uname -r`. */
  readonly machine: string;
  readonly kernel: string;
  readonly hostname: string;
  readonly bootId: string;
  readonly cpus: number;
  readonly cgroupVersion: "1" | "2";
  /** `memory`, `cpu`, `cpuset`, `pids` …: those that are mounted or delegated. */
  readonly controllers: ReadonlySet<string>;
  /** What else of cgroups there is. */
  readonly cgroupAbilities: ReadonlySet<CgroupAbility>;
  /** Lists of cpuset(7): the processors and the memory nodes that containers can be bound to. */
  readonly cpuset: { readonly cpus: string; readonly mems: string };
  /** Whether swap is counted (memory.memsw, memory.swap.max). */
  readonly swapLimit: boolean;
  /** The engine's own effective capabilities. */
  readonly capabilities: readonly string[];
  /** The engine's own hard limits, by OCI name; Infinity for none. */
  readonly hardLimits: Readonly<Record<string, number>>;
  readonly oomScoreAdj: number;
  /** Which of the kernel's security modules are at work. */
  readonly confinement: { readonly appArmor: boolean; readonly seLinux: boolean };
  /** Of docker-init or tini, where installed. */
  readonly init: string | undefined;
  /** Default masked and read-only paths that exist only on some machines. */
  readonly maskedCpuPaths: readonly string[];
}

/** @throws where /proc is not what it is on Linux */
export function readHostAbilities(): HostAbilities {
  const version = cgroupVersion();
  const controllers = version === "2" ? unifiedControllers() : mountedControllers();
  return {
    machine: hostFacts().architecture,
    kernel: release(),
    hostname: hostname(),
    bootId: bootId(),
    cpus: cpus().length,
    cgroupVersion: version,
    controllers,
    cgroupAbilities: cgroupAbilities(version, controllers),
    cpuset: cpusetAvailable(version),
    swapLimit: version === "2" || existsSync("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
    capabilities: effectiveCapabilities(readFileSync("/proc/self/status", "utf8")),
    hardLimits: parseLimits(readFileSync("/proc/self/limits", "utf8")),
    oomScoreAdj: Number(readFileSync("/proc/self/oom_score_adj", "utf8")),
    confinement: {
      appArmor: existsSync("/sys/kernel/security/apparmor/profiles"),
      seLinux: existsSync("/sys/fs/selinux/enforce"),
    },
    init: findProgram(...INITS),
    maskedCpuPaths: thermalPaths(),
  };
}

/** What `--init` runs as process 1, by the names of its packages. */
const INITS = ["docker-init", "tini-static", "tini"];

/** cgroups(7), "cgroup.controllers". */
function unifiedControllers(): ReadonlySet<string> {
  return new Set(readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim().split(/\s+/));
}

/** cgroups(7): a v1 hierarchy is a directory named by its controllers, with links for each. */
function mountedControllers(): ReadonlySet<string> {
  return new Set(readdirSync("/sys/fs/cgroup").flatMap((name) => name.split(",")));
}

/** proc_pid_status(5), CapEff. */
function effectiveCapabilities(status: string): readonly string[] {
  return capabilitiesOfMask(/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0");
}

/** The names that /proc/<pid>/limits gives to what setrlimit(2) calls RLIMIT_*. */
const LIMITS: Readonly<Record<string, string>> = {
  "Max cpu time": "RLIMIT_CPU",
  "Max file size": "RLIMIT_FSIZE",
  "Max data size": "RLIMIT_DATA",
  "Max stack size": "RLIMIT_STACK",
  "Max core file size": "RLIMIT_CORE",
  "Max resident set": "RLIMIT_RSS",
  "Max processes": "RLIMIT_NPROC",
  "Max open files": "RLIMIT_NOFILE",
  "Max locked memory": "RLIMIT_MEMLOCK",
  "Max address space": "RLIMIT_AS",
  "Max file locks": "RLIMIT_LOCKS",
  "Max pending signals": "RLIMIT_SIGPENDING",
  "Max msgqueue size": "RLIMIT_MSGQUEUE",
  "Max nice priority": "RLIMIT_NICE",
  "Max realtime priority": "RLIMIT_RTPRIO",
  "Max realtime timeout": "RLIMIT_RTTIME",
};

/** Hard limits from the text of /proc/<pid>/limits (proc_pid_limits(5)). */
function parseLimits(text: string): Readonly<Record<string, number>> {
  const limits: Record<string, number> = {};
  for (const [label, name] of Object.entries(LIMITS)) {
    const hard = new RegExp(`^${label}\\s+\\S+\\s+(\\S+)`, "m").exec(text)?.[1];
    if (hard !== undefined) limits[name] = hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
  }
  return limits;
}

/** Counters of the processors' heat, through which a neighbour's work can be watched. */
function thermalPaths(): readonly string[] {
  const root = "/sys/devices/system/cpu";
  return readdirSync(root)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => `${root}/${name}/thermal_throttle`)
    .filter((path) => existsSync(path));
}
