/** Limits (OCI runtime spec, "Control groups" and "POSIX process"; Docker API, Resources). */
import { ALL_DEVICES, DEFAULT_DEVICE_RULES, type DeviceRule } from "./devices.ts";
import type { HostConfig } from "./types.ts";

/** `linux.resources`; absent parts are the kernel's defaults. Runtimes turn v1's numbers into v2's. */
export interface Resources {
  readonly devices: readonly DeviceRule[];
  readonly memory?: { readonly limit?: number; readonly reservation?: number; readonly swap?: number };
  readonly cpu?: {
    readonly shares?: number;
    readonly quota?: number;
    readonly period?: number;
    readonly cpus?: string;
    readonly mems?: string;
  };
  readonly pids?: { readonly limit: number };
}

/** Microseconds over which `--cpus` is measured. */
const CPU_PERIOD = 100_000;

const whenAny = <T extends object>(parts: T): T | undefined =>
  Object.keys(parts).length > 0 ? parts : undefined;

export function resourcesOf(hostConfig: HostConfig): Resources {
  const { Memory, MemoryReservation, MemorySwap, NanoCpus, PidsLimit } = hostConfig;
  const memory = whenAny({
    ...(Memory > 0 && { limit: Memory }),
    ...(MemoryReservation > 0 && { reservation: MemoryReservation }),
    ...(MemorySwap !== 0 && { swap: MemorySwap }),
  });
  const period = hostConfig.CpuPeriod || (NanoCpus > 0 ? CPU_PERIOD : 0);
  const quota = hostConfig.CpuQuota || Math.floor((NanoCpus * CPU_PERIOD) / 1e9);
  const cpu = whenAny({
    ...(hostConfig.CpuShares > 0 && { shares: hostConfig.CpuShares }),
    ...(period > 0 && { period }),
    ...(quota !== 0 && { quota }),
    ...(hostConfig.CpusetCpus && { cpus: hostConfig.CpusetCpus }),
    ...(hostConfig.CpusetMems && { mems: hostConfig.CpusetMems }),
  });
  return {
    devices: hostConfig.Privileged ? ALL_DEVICES : DEFAULT_DEVICE_RULES,
    ...(memory && { memory }),
    ...(cpu && { cpu }),
    ...(PidsLimit !== null && { pids: { limit: PidsLimit } }),
  };
}

/** `process.rlimits`. */
export interface Rlimit {
  readonly type: string;
  readonly soft: number | object;
  readonly hard: number | object;
}

/** JSON.rawJSON (ECMAScript, "JSON.parse source text access"): in Node since 21, in no type library yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): object };

/** RLIM_INFINITY, 2^64-1: beyond what this language's numbers hold exactly, so it is written as it stands. */
const UNLIMITED = rawJSON("18446744073709551615");

export const rlimitName = (name: string): string => `RLIMIT_${name.toUpperCase()}`;

export function rlimitsOf(ulimits: HostConfig["Ulimits"]): readonly Rlimit[] {
  const limit = (value: number) => (value < 0 ? UNLIMITED : value);
  return ulimits.map(({ Name, Soft, Hard }) => ({
    type: rlimitName(Name),
    soft: limit(Soft),
    hard: limit(Hard),
  }));
}
