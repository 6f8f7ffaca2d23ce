/** Limits on their way from what was asked for to what this machine can enforce. Pure. */
import type { CgroupAbility } from "../spec/cgroup-abilities.ts";
import type { HostAbilities } from "../spec/host.ts";
import type { HostConfig } from "../types.ts";

/** The part of HostConfig that limits what a container may use. */
export type Limits = Pick<
  HostConfig,
  | "Memory"
  | "MemorySwap"
  | "MemoryReservation"
  | "MemorySwappiness"
  | "KernelMemory"
  | "KernelMemoryTCP"
  | "OomKillDisable"
  | "PidsLimit"
  | "NanoCpus"
  | "CpuShares"
  | "CpuPeriod"
  | "CpuQuota"
  | "CpuRealtimePeriod"
  | "CpuRealtimeRuntime"
  | "CpuPercent"
  | "CpusetCpus"
  | "CpusetMems"
  | "BlkioWeight"
  | "BlkioWeightDevice"
  | "BlkioDeviceReadBps"
  | "BlkioDeviceWriteBps"
  | "BlkioDeviceReadIOps"
  | "BlkioDeviceWriteIOps"
  | "IOMaximumBandwidth"
  | "IOMaximumIOps"
>;

export const NO_LIMITS: Limits = {
  Memory: 0,
  MemorySwap: 0,
  MemoryReservation: 0,
  MemorySwappiness: null,
  KernelMemory: 0,
  KernelMemoryTCP: 0,
  OomKillDisable: null,
  PidsLimit: null,
  NanoCpus: 0,
  CpuShares: 0,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpuPercent: 0,
  CpusetCpus: "",
  CpusetMems: "",
  BlkioWeight: 0,
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
  IOMaximumBandwidth: 0,
  IOMaximumIOps: 0,
};

/** Limits as they are fitted, one look after another. */
export class Fitting<T extends Limits> {
  readonly warnings: string[] = [];
  limits: T;
  readonly host: HostAbilities;

  constructor(limits: T, host: HostAbilities) {
    this.limits = limits;
    this.host = host;
  }

  /** Without what the machine can't do, and with a word about it. */
  drop(wanted: boolean, possible: boolean, warning: string, without: Partial<Limits>): void {
    if (!wanted || possible) return;
    this.warnings.push(warning);
    this.limits = { ...this.limits, ...without };
  }

  has(controller: string): boolean {
    return this.host.controllers.has(controller);
  }

  can(ability: CgroupAbility): boolean {
    return this.host.cgroupAbilities.has(ability);
  }
}

/** As Docker begins to tell of what there is no controller, or no file, for. */
export const unmounted = (what: string) =>
  `Your kernel does not support ${what} or the cgroup is not mounted.`;
