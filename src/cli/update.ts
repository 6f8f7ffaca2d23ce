import { containerPath } from "./container-path.ts";
import { parseRestartPolicy } from "./create-request.ts";
import { forEach } from "./each.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly blkioWeight?: number;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpuRtPeriod?: number;
  readonly cpuRtRuntime?: number;
  readonly cpuShares?: number;
  readonly cpus?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly memory?: number;
  readonly memoryReservation?: number;
  readonly memorySwap?: number;
  readonly pidsLimit?: number;
  readonly restart?: string;
}

const FLAGS = [
  flag(
    "--blkio-weight",
    "int",
    "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
  ),
  flag("--cpu-period", "int", "Limit the CPU CFS (Completely Fair Scheduler) period"),
  flag("--cpu-quota", "int", "Limit the CPU CFS (Completely Fair Scheduler) quota"),
  flag("--cpu-rt-period", "int", "Limit the CPU real-time period in microseconds"),
  flag("--cpu-rt-runtime", "int", "Limit the CPU real-time runtime in microseconds"),
  flag("-c, --cpu-shares", "int", "CPU shares (relative weight)"),
  flag("--cpus", "decimal", "Number of CPUs"),
  flag("--cpuset-cpus", "string", "CPUs in which to allow execution (0-3, 0,1)"),
  flag("--cpuset-mems", "string", "MEMs in which to allow execution (0-3, 0,1)"),
  flag("-m, --memory", "bytes", "Memory limit"),
  flag("--memory-reservation", "bytes", "Memory soft limit"),
  flag("--memory-swap", "bytes", "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
  flag("--pids-limit", "int", "Tune container pids limit (set -1 for unlimited)"),
  flag("--restart", "string", "Restart policy to apply when a container exits"),
];

export default verb<Options>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  about: "Update configuration of one or more containers",
  flags: FLAGS,
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, options) {
    if (Object.values(options).every((value) => value === undefined)) {
      throw new Error("you must provide one or more flags when using this command");
    }
    const body = {
      BlkioWeight: options.blkioWeight,
      CpuPeriod: options.cpuPeriod,
      CpuQuota: options.cpuQuota,
      CpuRealtimePeriod: options.cpuRtPeriod,
      CpuRealtimeRuntime: options.cpuRtRuntime,
      CpuShares: options.cpuShares,
      NanoCpus: options.cpus,
      CpusetCpus: options.cpusetCpus,
      CpusetMems: options.cpusetMems,
      Memory: options.memory,
      MemoryReservation: options.memoryReservation,
      MemorySwap: options.memorySwap,
      PidsLimit: options.pidsLimit,
      ...(options.restart !== undefined && { RestartPolicy: parseRestartPolicy(options.restart) }),
    };
    const warnings: string[] = [];
    await forEach(context, words, async (word) => {
      const answer = await context.client.post<{ readonly Warnings?: readonly string[] | null }>(
        containerPath(word, "update"),
        {},
        body,
      );
      warnings.push(...(answer.Warnings ?? []));
      return word;
    });
    if (warnings.length > 0) context.out(`${warnings.join("\n")}\n`);
  },
});
