/** The texts of cgroup files, taken apart (Documentation/admin-guide/cgroup-v1, cgroup-v2). Pure. */

/** Use of the processors, nanoseconds. */
export interface CpuUse {
  readonly total: bigint;
  readonly user: bigint;
  readonly system: bigint;
  /** By CPU; version 1 only. */
  readonly perCpu?: readonly bigint[];
  readonly periods: bigint;
  readonly throttledPeriods: bigint;
  readonly throttledTime: bigint;
}

/** Bytes. */
export interface MemoryUse {
  readonly usage: bigint;
  /** Version 1 only. */
  readonly maxUsage?: bigint;
  /** Absent for none. */
  readonly limit?: bigint;
  readonly failures: bigint;
  /** memory.stat, as it is. */
  readonly stat: Readonly<Record<string, bigint>>;
}

export interface PidsUse {
  readonly current: bigint;
  /** Absent for none. */
  readonly limit?: bigint;
}

/** Of one block device and one kind of operation. */
export interface BlockCount {
  readonly major: number;
  readonly minor: number;
  /** `Read` in version 1, `read` in version 2. */
  readonly op: string;
  readonly value: bigint;
}

export interface BlockUse {
  readonly bytes: readonly BlockCount[];
  readonly operations: readonly BlockCount[];
}

/** Of files by name: undefined for one that isn't there. */
export type ReadText = (name: string) => string | undefined;

/** A number alone in a file; 0 where it is none. */
const numberOf = (text: string | undefined): bigint => {
  const digits = text?.trim() ?? "";
  return /^\d+$/.test(digits) ? BigInt(digits) : 0n;
};

/** Likewise, where `max` is none. */
const limitOf = (text: string | undefined): bigint | undefined =>
  text === undefined || text.trim() === "max" ? undefined : numberOf(text);

/** Lines of a name and a number: cpu.stat, memory.stat, memory.events. */
function flatKeyed(text: string | undefined): Readonly<Record<string, bigint>> {
  const pairs = (text ?? "").split("\n").flatMap((line): [string, bigint][] => {
    const [, name, digits] = /^(\S+) (\d+)$/.exec(line) ?? [];
    return name === undefined || digits === undefined ? [] : [[name, BigInt(digits)]];
  });
  return Object.fromEntries(pairs);
}

/** cpuacct.stat counts in ticks of USER_HZ, which is 100 on every machine that Linux tells of (time(7)). */
const TICK = 10_000_000n;

/** Of the controllers cpuacct and cpu, which may lie in one directory or in two. */
export function cpuOfVersion1(accounting: ReadText, scheduling: ReadText): CpuUse {
  const { user = 0n, system = 0n } = flatKeyed(accounting("cpuacct.stat"));
  const stat = flatKeyed(scheduling("cpu.stat"));
  const perCpu = accounting("cpuacct.usage_percpu")?.match(/\d+/g)?.map(BigInt);
  return {
    total: numberOf(accounting("cpuacct.usage")),
    user: user * TICK,
    system: system * TICK,
    ...(perCpu && { perCpu }),
    periods: stat.nr_periods ?? 0n,
    throttledPeriods: stat.nr_throttled ?? 0n,
    throttledTime: stat.throttled_time ?? 0n,
  };
}

export function cpuOfVersion2(read: ReadText): CpuUse {
  const stat = flatKeyed(read("cpu.stat"));
  const nanoseconds = (name: string) => (stat[name] ?? 0n) * 1000n;
  return {
    total: nanoseconds("usage_usec"),
    user: nanoseconds("user_usec"),
    system: nanoseconds("system_usec"),
    periods: stat.nr_periods ?? 0n,
    throttledPeriods: stat.nr_throttled ?? 0n,
    throttledTime: nanoseconds("throttled_usec"),
  };
}

export const memoryOfVersion1 = (read: ReadText): MemoryUse => ({
  usage: numberOf(read("memory.usage_in_bytes")),
  maxUsage: numberOf(read("memory.max_usage_in_bytes")),
  limit: numberOf(read("memory.limit_in_bytes")),
  failures: numberOf(read("memory.failcnt")),
  stat: flatKeyed(read("memory.stat")),
});

export function memoryOfVersion2(read: ReadText): MemoryUse {
  const limit = limitOf(read("memory.max"));
  return {
    usage: numberOf(read("memory.current")),
    ...(limit !== undefined && { limit }),
    failures: flatKeyed(read("memory.events")).oom ?? 0n,
    stat: flatKeyed(read("memory.stat")),
  };
}

/** The same file in both versions. */
export function pidsOf(read: ReadText): PidsUse {
  const limit = limitOf(read("pids.max"));
  return { current: numberOf(read("pids.current")), ...(limit !== undefined && { limit }) };
}

/** What the throttling layer counts; where an I/O scheduler counts by itself, its numbers come first. */
export function blockOfVersion1(read: ReadText): BlockUse {
  const counts = (what: string) =>
    ["blkio.", "blkio.bfq.", "blkio.throttle."]
      .map((prefix) => blockLines(read(`${prefix}${what}_recursive`)))
      .find((lines) => lines.length > 0) ?? [];
  return { bytes: counts("io_service_bytes"), operations: counts("io_serviced") };
}

/** `8:0 Read 4096`; the last line is the sum of all. */
const blockLines = (text: string | undefined): readonly BlockCount[] =>
  (text ?? "").split("\n").flatMap((line) => {
    const [, major, minor, op, value] = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line) ?? [];
    if (op === undefined || value === undefined) return [];
    return [{ major: Number(major), minor: Number(minor), op, value: BigInt(value) }];
  });

/** io.stat: `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`. */
export function blockOfVersion2(read: ReadText): BlockUse {
  const devices = (read("io.stat") ?? "").split("\n").flatMap((line) => {
    const [, major, minor, rest] = /^(\d+):(\d+) (.*)$/.exec(line) ?? [];
    if (rest === undefined) return [];
    const counts = new Map([...rest.matchAll(/(\w+)=(\d+)/g)].map(([, name, value]) => [name, value]));
    const count = (op: string, name: string): BlockCount => ({
      major: Number(major),
      minor: Number(minor),
      op,
      value: BigInt(counts.get(name) ?? 0),
    });
    return [{ count }];
  });
  return {
    bytes: devices.flatMap(({ count }) => [count("read", "rbytes"), count("write", "wbytes")]),
    operations: devices.flatMap(({ count }) => [count("read", "rios"), count("write", "wios")]),
  };
}

/** All processors since boot, nanoseconds, and how many there are (proc_stat(5)). */
export function machineCpuOf(text: string): { readonly cpu: bigint; readonly cpus: number } {
  const lines = text.split("\n").filter((line) => line.startsWith("cpu"));
  const [, ...fields] = lines[0]?.trim().split(/\s+/) ?? [];
  // user nice system idle iowait irq softirq: what comes after is counted in these, or stolen.
  const ticks = fields.slice(0, 7).reduce((sum, field) => sum + BigInt(field), 0n);
  return { cpu: ticks * TICK, cpus: lines.length - 1 };
}
