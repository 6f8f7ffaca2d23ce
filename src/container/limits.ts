/** Limits held against what this machine can enforce: refused, dropped with a warning, or kept. Pure. */
import { invalid } from "../lib/errors.ts";
import type { HostAbilities } from "./host.ts";
import type { HostConfig } from "./types.ts";

/** Docker's: below this, nothing starts. */
const MIN_MEMORY = 6 << 20;

export interface Fitted {
  readonly hostConfig: HostConfig;
  readonly warnings: readonly string[];
}

/** @throws invalid in Docker's words */
export function fitLimits(asked: HostConfig, host: HostAbilities): Fitted {
  checkMemory(asked);
  checkCpu(asked, host);
  const warnings: string[] = [];
  let fitted = asked;
  const drop = (wanted: boolean, possible: boolean, warning: string, without: Partial<HostConfig>) => {
    if (!wanted || possible) return;
    warnings.push(warning);
    fitted = { ...fitted, ...without };
  };
  const has = (controller: string) => host.controllers.has(controller);
  const unmounted = (what: string) => `Your kernel does not support ${what} or the cgroup is not mounted.`;
  drop(asked.Memory > 0, has("memory"), `${unmounted("memory limit capabilities")} Limitation discarded.`, {
    Memory: 0,
    MemorySwap: 0,
  });
  drop(
    fitted.Memory > 0 && fitted.MemorySwap > 0,
    host.swapLimit,
    `${unmounted("swap limit capabilities")} Memory limited without swap.`,
    { MemorySwap: 0 },
  );
  drop(
    asked.MemoryReservation > 0,
    has("memory"),
    `${unmounted("memory soft limit capabilities")} Limitation discarded.`,
    { MemoryReservation: 0 },
  );
  drop(
    (asked.PidsLimit ?? 0) > 0,
    has("pids"),
    `${unmounted("PIDs limit capabilities")} PIDs limit discarded.`,
    {
      PidsLimit: null,
    },
  );
  drop(asked.CpuShares > 0, has("cpu"), `${unmounted("CPU shares")} Shares discarded.`, { CpuShares: 0 });
  drop(
    asked.CpuPeriod !== 0 || asked.CpuQuota !== 0,
    has("cpu"),
    "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
    { CpuPeriod: 0, CpuQuota: 0 },
  );
  drop(
    asked.CpusetCpus !== "" || asked.CpusetMems !== "",
    has("cpuset"),
    `${unmounted("cpuset")} Cpuset discarded.`,
    { CpusetCpus: "", CpusetMems: "" },
  );
  return { hostConfig: fitted, warnings };
}

function checkMemory({ Memory, MemorySwap, MemoryReservation, ShmSize }: HostConfig): void {
  if (Memory !== 0 && Memory < MIN_MEMORY) throw invalid("Minimum memory limit allowed is 6MB");
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory) {
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (Memory === 0 && MemorySwap > 0) {
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (MemoryReservation > 0 && MemoryReservation < MIN_MEMORY) {
    throw invalid("Minimum memory reservation allowed is 6MB");
  }
  if (Memory > 0 && Memory < MemoryReservation) {
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  if (ShmSize < 0) throw invalid("SHM size can not be less than 0");
}

function checkCpu(asked: HostConfig, host: HostAbilities): void {
  const { NanoCpus, CpuPeriod, CpuQuota, CpuShares } = asked;
  if (NanoCpus > 0 && CpuPeriod > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (NanoCpus > 0 && CpuQuota > 0) {
    throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  if (NanoCpus > 0 && !host.controllers.has("cpu")) {
    throw invalid(
      "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
    );
  }
  if (NanoCpus < 0 || NanoCpus > host.cpus * 1e9) {
    throw invalid(
      `range of CPUs is from 0.01 to ${host.cpus}.00, as there are only ${host.cpus} CPUs available`,
    );
  }
  if (CpuShares < 0) throw invalid(`invalid CPU shares (${CpuShares}): value must be a positive integer`);
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000)) {
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (CpuQuota > 0 && CpuQuota < 1000) throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  checkCpuset(asked, host.cpus);
}

/** `0-3,5`: lists of numbers and ranges (cpuset(7), "List format"). */
function checkCpuset({ CpusetCpus, CpusetMems }: HostConfig, cpus: number): void {
  for (const [list, what] of [
    [CpusetCpus, "cpus"],
    [CpusetMems, "mems"],
  ]) {
    if (list && !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(list)) {
      throw invalid(`Invalid value ${list} for cpuset ${what}`);
    }
  }
  const highest = Math.max(-1, ...CpusetCpus.split(/[,-]/).filter(Boolean).map(Number));
  if (highest >= cpus) {
    throw invalid(`Requested CPUs are not available - requested ${CpusetCpus}, available: 0-${cpus - 1}`);
  }
}
