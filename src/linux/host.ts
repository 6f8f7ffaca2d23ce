/** What kind of machine this is, read from where the kernel and the distribution say it. */
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { arch, cpus, hostname, release, totalmem } from "node:os";

/** statfs f_type of a cgroup v2 mount (linux/magic.h). */
const CGROUP2_SUPER_MAGIC = 0x63677270;

/** Which cgroup hierarchy is mounted on /sys/fs/cgroup; hybrid set-ups count as 1, as runtimes see them. */
export function cgroupVersion(): "1" | "2" {
  return statfsSync("/sys/fs/cgroup").type === CGROUP2_SUPER_MAGIC ? "2" : "1";
}

/** Who makes cgroups: systemd where it rules the unified hierarchy (sd_booted(3)), the runtime itself elsewhere. */
export function defaultCgroupDriver(): "cgroupfs" | "systemd" {
  return cgroupVersion() === "2" && existsSync("/run/systemd/system") ? "systemd" : "cgroupfs";
}

/** Changes with each boot: what ran under another one runs no more (random(4)). */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** `uname -m` for what Node calls `x64`. */
const MACHINE: Record<string, string> = { x64: "x86_64", arm64: "aarch64", arm: "armv7l", ia32: "i686" };

export interface HostFacts {
  readonly name: string;
  readonly kernel: string;
  /** PRETTY_NAME and VERSION_ID of os-release(5). */
  readonly operatingSystem: string;
  readonly osVersion: string;
  readonly architecture: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
}

export function hostFacts(): HostFacts {
  const os = osRelease();
  return {
    name: hostname(),
    kernel: release(),
    operatingSystem: os.PRETTY_NAME ?? "Linux",
    osVersion: os.VERSION_ID ?? "",
    architecture: MACHINE[arch()] ?? arch(),
    cpus: cpus().length,
    memory: totalmem(),
  };
}

function osRelease(): Partial<Record<string, string>> {
  for (const path of ["/etc/os-release", "/usr/lib/os-release"]) {
    try {
      return parseOsRelease(readFileSync(path, "utf8"));
    } catch {
      // Not there: the next one, and in the end none, as os-release(5) allows.
    }
  }
  return {};
}

/** `KEY=value` lines in shell quoting (os-release(5)); comments and damaged lines are passed over. */
function parseOsRelease(text: string): Record<string, string> {
  const entries: [string, string][] = [];
  for (const line of text.split("\n")) {
    const [, key, value] = /^([A-Z0-9_]+)=(.*)$/.exec(line.trim()) ?? [];
    if (key === undefined || value === undefined) continue;
    const quoted = /^(["'])(.*)\1$/.exec(value);
    entries.push([key, (quoted?.[2] ?? value).replace(/\\(.)/g, "$1")]);
  }
  return Object.fromEntries(entries);
}
