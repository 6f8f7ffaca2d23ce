/**
 * Limits held against what this machine can enforce: refused, dropped with a warning, or kept, in the order in which
 * Docker looks at them. Pure.
 */
import { invalid } from "../../lib/errors.ts";
import type { HostAbilities } from "../spec/host.ts";
import { checkCpuset, fitBlock } from "./block.ts";
import { Fitting, type Limits, unmounted } from "./fitting.ts";

/** Docker's: below this, nothing starts. */
const MIN_MEMORY = 6 << 20;

export interface Fitted<T> {
  readonly limits: T;
  readonly warnings: readonly string[];
}

/**
 * @param change of a container that has limits already: what is not said stays
 * @throws invalid in Docker's words
 */
export function fitLimits<T extends Limits>(
  asked: T,
  host: HostAbilities,
  { change = false }: { readonly change?: boolean } = {},
): Fitted<T> {
  checkRealtime(asked, host);
  const fitting = new Fitting(asked, host);
  fitMemory(fitting, change);
  fitMemoryTuning(fitting);
  fitPids(fitting);
  fitCpu(fitting);
  checkCpuset(fitting);
  fitBlock(fitting);
  return { limits: fitting.limits, warnings: fitting.warnings };
}

function checkRealtime({ CpuRealtimePeriod, CpuRealtimeRuntime }: Limits, host: HostAbilities): void {
  if (CpuRealtimePeriod === 0 && CpuRealtimeRuntime === 0) return;
  if (!host.cgroupAbilities.has("cpu-realtime")) {
    throw invalid("kernel does not support CPU real-time scheduler");
  }
  if (CpuRealtimePeriod !== 0 && CpuRealtimeRuntime > CpuRealtimePeriod) {
    throw invalid("cpu real-time runtime cannot be higher than cpu real-time period");
  }
}

function fitMemory(fitting: Fitting<Limits>, change: boolean): void {
  const { Memory, MemoryReservation } = fitting.limits;
  if (Memory !== 0 && Memory < MIN_MEMORY) throw invalid("Minimum memory limit allowed is 6MB");
  fitting.drop(
    Memory > 0,
    fitting.has("memory"),
    `${unmounted("memory limit capabilities")} Limitation discarded.`,
    { Memory: 0, MemorySwap: 0 },
  );
  fitting.drop(
    fitting.limits.Memory > 0 && fitting.limits.MemorySwap > 0,
    fitting.host.swapLimit,
    `${unmounted("swap limit capabilities")} Memory limited without swap.`,
    { MemorySwap: -1 },
  );
  const { Memory: limit, MemorySwap } = fitting.limits;
  if (limit > 0 && MemorySwap > 0 && MemorySwap < limit) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (limit === 0 && MemorySwap > 0 && !change) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  fitting.drop(
    MemoryReservation > 0,
    fitting.has("memory"),
    `${unmounted("memory soft limit capabilities")} Limitation discarded.`,
    { MemoryReservation: 0 },
  );
  const { MemoryReservation: reservation } = fitting.limits;
  if (reservation > 0 && reservation < MIN_MEMORY) throw invalid("Minimum memory reservation allowed is 6MB");
  if (limit > 0 && limit < reservation) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

function fitMemoryTuning(fitting: Fitting<Limits>): void {
  const { MemorySwappiness, KernelMemory, KernelMemoryTCP, OomKillDisable, Memory } = fitting.limits;
  fitting.drop(
    MemorySwappiness !== null,
    fitting.can("swappiness"),
    `${unmounted("memory swappiness capabilities")} Memory swappiness discarded.`,
    { MemorySwappiness: null },
  );
  const { MemorySwappiness: swappiness } = fitting.limits;
  if (swappiness !== null && (swappiness < 0 || swappiness > 100)) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  const kernelMemory = `${unmounted("kernel memory limit capabilities")} Limitation discarded.`;
  fitting.drop(KernelMemory > 0, fitting.can("kernel-memory"), kernelMemory, { KernelMemory: 0 });
  if (fitting.limits.KernelMemory > 0 && KernelMemory < MIN_MEMORY) {
    throw invalid("Minimum kernel memory limit allowed is 6MB");
  }
  fitting.drop(
    KernelMemoryTCP !== 0,
    fitting.can("kernel-memory-tcp"),
    `${unmounted("kernel memory TCP limit capabilities")} Limitation discarded.`,
    { KernelMemoryTCP: 0 },
  );
  // What is off already needs no word.
  const disables = OomKillDisable === true;
  fitting.drop(
    disables,
    fitting.can("oom-kill-disable"),
    "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
    {},
  );
  if (!fitting.can("oom-kill-disable")) fitting.limits = { ...fitting.limits, OomKillDisable: null };
  if (fitting.limits.OomKillDisable && Memory === 0) {
    fitting.warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
  }
}

function fitPids(fitting: Fitting<Limits>): void {
  fitting.drop(
    (fitting.limits.PidsLimit ?? 0) > 0,
    fitting.has("pids"),
    `${unmounted("PIDs limit capabilities")} PIDs limit discarded.`,
    { PidsLimit: null },
  );
}

/** What the kernel would take for another number without a word; runc refuses it (kernel/sched/sched.h, MIN_SHARES). */
function checkShares(shares: number, { cgroupVersion }: HostAbilities): void {
  if (shares < 0) throw invalid(`invalid CPU shares (${shares}): value must be a positive integer`);
  if (shares === 0 || cgroupVersion === "2") return; // a weight of version 2 has other bounds, and fits in them
  if (shares < 2) throw invalid("the minimum allowed cpu-shares is 2");
  if (shares > 1 << 18) throw invalid(`the maximum allowed cpu-shares is ${1 << 18}`);
}

function fitCpu(fitting: Fitting<Limits>): void {
  const { NanoCpus, CpuPeriod, CpuQuota, CpuShares, CpuPercent } = fitting.limits;
  const { cpus } = fitting.host;
  if (NanoCpus > 0 && CpuPeriod > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (NanoCpus > 0 && CpuQuota > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  if (NanoCpus > 0 && !fitting.has("cpu")) {
    throw invalid(
      "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
    );
  }
  if (NanoCpus < 0 || NanoCpus > cpus * 1e9) {
    throw invalid(`range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
  }
  checkShares(CpuShares, fitting.host);
  fitting.drop(CpuShares > 0, fitting.has("cpu"), `${unmounted("CPU shares")} Shares discarded.`, {
    CpuShares: 0,
  });
  fitting.drop(
    CpuPeriod !== 0 || CpuQuota !== 0,
    fitting.has("cpu"),
    "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
    { CpuPeriod: 0, CpuQuota: 0 },
  );
  const { CpuPeriod: period, CpuQuota: quota } = fitting.limits;
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (quota > 0 && quota < 1000) throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  fitting.drop(CpuPercent > 0, false, "linux does not support CPU percent. Percent discarded.", {
    CpuPercent: 0,
  });
}
