/** One container's line of `stats`, from what the engine answers (Engine API, ContainerStatsResponse). */
import { type Column, column } from "./table.ts";
import { formatBinarySize, formatSize } from "./values.ts";

interface CpuAnswer {
  readonly cpu_usage: { readonly total_usage: number };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

export interface StatsAnswer {
  readonly id: string;
  readonly name: string;
  readonly read: string;
  readonly cpu_stats: CpuAnswer;
  readonly precpu_stats: CpuAnswer;
  readonly memory_stats: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
  readonly blkio_stats: {
    readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null;
  };
  readonly pids_stats: { readonly current?: number };
}

export interface StatsRow {
  /** As it was asked for. */
  readonly container: string;
  /** Undefined until the first comes, and where there is none. */
  readonly answer: StatsAnswer | undefined;
}

/** In hundredths of one CPU. */
export function cpuPercent({ cpu_stats: now, precpu_stats: before }: StatsAnswer): number {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  return used > 0 && passed > 0 ? (used / passed) * (now.online_cpus ?? 1) * 100 : 0;
}

/** What the kernel would take back first, of files that nobody uses, is not counted. */
export function memoryUsed({ memory_stats: { usage = 0, stats } }: StatsAnswer): number {
  const idle = stats?.total_inactive_file ?? stats?.inactive_file ?? 0;
  return idle < usage ? usage - idle : usage;
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

const percent = (value: number): string => `${value.toFixed(2)}%`;

const shown = (show: (answer: StatsAnswer) => string, none = "--") => {
  return ({ answer }: StatsRow) => (answer ? show(answer) : none);
};

function blockOf({ blkio_stats: { io_service_bytes_recursive: counts } }: StatsAnswer): string {
  const bytes = (letter: string) =>
    sum(counts ?? [], ({ op, value }) => (op.toLowerCase().startsWith(letter) ? value : 0));
  return `${formatSize(bytes("r"), 3)} / ${formatSize(bytes("w"), 3)}`;
}

export const statsColumns = (whole: boolean): readonly Column<StatsRow>[] => [
  column("Container", "CONTAINER", ({ container }) => container),
  column(
    "ID",
    "CONTAINER ID",
    shown(({ id }) => (whole ? id : id.slice(0, 12))),
  ),
  column(
    "Name",
    "NAME",
    shown(({ name }) => name.replace(/^\//, "")),
  ),
  column(
    "CPUPerc",
    "CPU %",
    shown((answer) => percent(cpuPercent(answer))),
  ),
  column(
    "MemUsage",
    "MEM USAGE / LIMIT",
    shown(
      (answer) =>
        `${formatBinarySize(memoryUsed(answer))} / ${formatBinarySize(answer.memory_stats.limit ?? 0)}`,
      "-- / --",
    ),
  ),
  column(
    "MemPerc",
    "MEM %",
    shown((answer) => {
      const { limit = 0 } = answer.memory_stats;
      return percent(limit > 0 ? (memoryUsed(answer) / limit) * 100 : 0);
    }),
  ),
  column(
    "NetIO",
    "NET I/O",
    shown(({ networks }) => {
      const links = Object.values(networks ?? {});
      const [received, sent] = [sum(links, (link) => link.rx_bytes), sum(links, (link) => link.tx_bytes)];
      return `${formatSize(received, 3)} / ${formatSize(sent, 3)}`;
    }),
  ),
  column("BlockIO", "BLOCK I/O", shown(blockOf)),
  column(
    "PIDs",
    "PIDS",
    shown(({ pids_stats }) => String(pids_stats.current ?? 0)),
  ),
];

export const STATS_FIELDS = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"];
