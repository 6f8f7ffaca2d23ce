/** What a container uses, in Docker's JSON (Engine API, ContainerStatsResponse). */
import type { StatsSample } from "../../container/types.ts";
import { NEVER } from "./time.ts";

/** memory.stat of cgroup version 1, by Docker's names; after these, each again for the whole tree below, `total_…`. */
const MEMORY_1 = (
  "cache rss rss_huge mapped_file dirty writeback pgpgin pgpgout pgfault pgmajfault inactive_anon active_anon " +
  "inactive_file active_file unevictable"
).split(" ");
const MEMORY_1_NAMES = [
  ...MEMORY_1,
  "hierarchical_memory_limit",
  "hierarchical_memsw_limit",
  ...MEMORY_1.map((name) => `total_${name}`),
];

/** Of version 2. */
const MEMORY_2_NAMES = (
  "anon file kernel_stack slab sock shmem file_mapped file_dirty file_writeback anon_thp inactive_anon active_anon " +
  "inactive_file active_file unevictable slab_reclaimable slab_unreclaimable pgfault pgmajfault workingset_refault " +
  "workingset_activate workingset_nodereclaim pgrefill pgscan pgsteal pgactivate pgdeactivate pglazyfree pglazyfreed " +
  "thp_fault_alloc thp_collapse_alloc"
).split(" ");

/** What Go leaves out of JSON where it is zero. */
const unlessZero = <Name extends string>(name: Name, value: bigint | undefined) =>
  value ? ({ [name]: value } as Record<Name, bigint>) : {};

function cpuStats(sample: StatsSample | undefined) {
  const cpu = sample?.cpu;
  return {
    cpu_usage: {
      total_usage: cpu?.total ?? 0n,
      ...(cpu?.perCpu && { percpu_usage: cpu.perCpu }),
      usage_in_kernelmode: cpu?.system ?? 0n,
      usage_in_usermode: cpu?.user ?? 0n,
    },
    ...(sample && { system_cpu_usage: sample.machine.cpu, online_cpus: sample.machine.cpus }),
    throttling_data: {
      periods: cpu?.periods ?? 0n,
      throttled_periods: cpu?.throttledPeriods ?? 0n,
      throttled_time: cpu?.throttledTime ?? 0n,
    },
  };
}

function memoryStats(sample: StatsSample | undefined) {
  if (!sample) return {};
  const { usage, maxUsage, stat, failures, limit } = sample.memory;
  const names = sample.cgroupVersion === "1" ? MEMORY_1_NAMES : MEMORY_2_NAMES;
  return {
    ...unlessZero("usage", usage),
    ...unlessZero("max_usage", maxUsage),
    stats: Object.fromEntries(names.map((name) => [name, stat[name] ?? 0n])),
    ...unlessZero("failcnt", failures),
    ...unlessZero("limit", limit),
  };
}

/** Version 2 counts bytes alone, as far as Docker tells of it; what version 1 counts nowhere any more is empty. */
function blockStats(sample: StatsSample | undefined) {
  const old = sample?.cgroupVersion === "1";
  const none = old ? [] : null;
  const bytes = sample?.block.bytes ?? [];
  return {
    io_service_bytes_recursive: bytes.length > 0 ? bytes : none,
    io_serviced_recursive: old ? sample.block.operations : null,
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  };
}

const networks = (sample: StatsSample | undefined) =>
  Object.fromEntries(
    (sample?.networks ?? []).map((link) => [
      link.name,
      {
        rx_bytes: link.rxBytes,
        rx_packets: link.rxPackets,
        rx_errors: link.rxErrors,
        rx_dropped: link.rxDropped,
        tx_bytes: link.txBytes,
        tx_packets: link.txPackets,
        tx_errors: link.txErrors,
        tx_dropped: link.txDropped,
      },
    ]),
  );

/**
 * One answer, with numbers of 64 bits: for `exactJson`.
 * @param sample undefined of a container that does not run
 * @param before the one that this client had last, from which it tells a rate
 */
export function statsResponse(
  container: { readonly id: string; readonly name: string },
  sample: StatsSample | undefined,
  before: StatsSample | undefined,
) {
  const links = networks(sample);
  return {
    name: `/${container.name}`,
    id: container.id,
    read: sample?.read ?? NEVER,
    preread: before?.read ?? NEVER,
    pids_stats: {
      ...unlessZero("current", sample?.pids.current),
      ...unlessZero("limit", sample?.pids.limit),
    },
    blkio_stats: blockStats(sample),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuStats(sample),
    precpu_stats: cpuStats(before),
    memory_stats: memoryStats(sample),
    ...(Object.keys(links).length > 0 && { networks: links }),
  };
}
