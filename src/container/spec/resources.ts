/** Limits (OCI runtime spec, "Control groups" and "POSIX process"; Docker API, Resources). */
import { rawNumber } from "../../lib/exact-json.ts";
import type { DeviceRate, HostConfig } from "../types.ts";
import type { DeviceRule } from "./devices.ts";

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

interface Throttle extends DeviceNumber {
  readonly rate: number;
}

/** `linux.resources`; absent parts are the kernel's defaults. Runtimes turn v1's numbers into v2's. */
export interface Resources {
  readonly devices: readonly DeviceRule[];
  readonly memory?: {
    readonly limit?: number;
    readonly reservation?: number;
    readonly swap?: number;
    readonly kernel?: number;
    readonly kernelTCP?: number;
    readonly swappiness?: number;
    readonly disableOOMKiller?: boolean;
  };
  readonly cpu?: {
    readonly shares?: number;
    readonly quota?: number;
    readonly period?: number;
    readonly realtimePeriod?: number;
    readonly realtimeRuntime?: number;
    readonly cpus?: string;
    readonly mems?: string;
  };
  readonly pids?: { readonly limit: number };
  readonly blockIO?: {
    readonly weight?: number;
    readonly weightDevice?: readonly (DeviceNumber & { readonly weight: number })[];
    readonly throttleReadBpsDevice?: readonly Throttle[];
    readonly throttleWriteBpsDevice?: readonly Throttle[];
    readonly throttleReadIOPSDevice?: readonly Throttle[];
    readonly throttleWriteIOPSDevice?: readonly Throttle[];
  };
}

/** Of the devices that limits name, by path. @throws where there is no such */
export type FindDevice = (path: string) => DeviceNumber;

/** Microseconds over which `--cpus` is measured. */
const CPU_PERIOD = 100_000;

const whenAny = <T extends object>(parts: T): T | undefined =>
  Object.keys(parts).length > 0 ? parts : undefined;

/** @throws what `findDevice` does */
export function resourcesOf(
  hostConfig: HostConfig,
  devices: readonly DeviceRule[],
  findDevice: FindDevice,
): Resources {
  const { PidsLimit } = hostConfig;
  const memory = memoryOf(hostConfig);
  const cpu = cpuOf(hostConfig);
  const blockIO = blockOf(hostConfig, findDevice);
  return {
    devices,
    ...(memory && { memory }),
    ...(cpu && { cpu }),
    // None is not written down: version 1 takes a -1 for a bad number.
    ...(PidsLimit !== null && PidsLimit > 0 && { pids: { limit: PidsLimit } }),
    ...(blockIO && { blockIO }),
  };
}

function memoryOf(hostConfig: HostConfig): Resources["memory"] {
  const { Memory, MemoryReservation, MemorySwap, MemorySwappiness } = hostConfig;
  return whenAny({
    ...(Memory > 0 && { limit: Memory }),
    ...(MemoryReservation > 0 && { reservation: MemoryReservation }),
    ...(MemorySwap !== 0 && { swap: MemorySwap }),
    ...(hostConfig.KernelMemory > 0 && { kernel: hostConfig.KernelMemory }),
    ...(hostConfig.KernelMemoryTCP > 0 && { kernelTCP: hostConfig.KernelMemoryTCP }),
    ...(MemorySwappiness !== null && { swappiness: MemorySwappiness }),
    ...(hostConfig.OomKillDisable && { disableOOMKiller: true }),
  });
}

function cpuOf(hostConfig: HostConfig): Resources["cpu"] {
  const { NanoCpus } = hostConfig;
  const period = hostConfig.CpuPeriod || (NanoCpus > 0 ? CPU_PERIOD : 0);
  const quota = hostConfig.CpuQuota || Math.floor((NanoCpus * CPU_PERIOD) / 1e9);
  return whenAny({
    ...(hostConfig.CpuShares > 0 && { shares: hostConfig.CpuShares }),
    ...(period > 0 && { period }),
    ...(quota !== 0 && { quota }),
    ...(hostConfig.CpuRealtimePeriod > 0 && { realtimePeriod: hostConfig.CpuRealtimePeriod }),
    ...(hostConfig.CpuRealtimeRuntime > 0 && { realtimeRuntime: hostConfig.CpuRealtimeRuntime }),
    ...(hostConfig.CpusetCpus && { cpus: hostConfig.CpusetCpus }),
    ...(hostConfig.CpusetMems && { mems: hostConfig.CpusetMems }),
  });
}

function blockOf(hostConfig: HostConfig, find: FindDevice): Resources["blockIO"] {
  const throttles = (rates: readonly DeviceRate[]): readonly Throttle[] =>
    rates.map(({ Path, Rate }) => ({ ...find(Path), rate: Rate }));
  const weights = hostConfig.BlkioWeightDevice.map(({ Path, Weight }) => ({ ...find(Path), weight: Weight }));
  const [readBps, writeBps, readIops, writeIops] = [
    throttles(hostConfig.BlkioDeviceReadBps),
    throttles(hostConfig.BlkioDeviceWriteBps),
    throttles(hostConfig.BlkioDeviceReadIOps),
    throttles(hostConfig.BlkioDeviceWriteIOps),
  ];
  return whenAny({
    ...(hostConfig.BlkioWeight > 0 && { weight: hostConfig.BlkioWeight }),
    ...(weights.length > 0 && { weightDevice: weights }),
    ...(readBps.length > 0 && { throttleReadBpsDevice: readBps }),
    ...(writeBps.length > 0 && { throttleWriteBpsDevice: writeBps }),
    ...(readIops.length > 0 && { throttleReadIOPSDevice: readIops }),
    ...(writeIops.length > 0 && { throttleWriteIOPSDevice: writeIops }),
  });
}

/** `process.rlimits`. */
export interface Rlimit {
  readonly type: string;
  readonly soft: number | object;
  readonly hard: number | object;
}

/** RLIM_INFINITY, 2^64-1: beyond what this language's numbers hold exactly, so it is written as it stands. */
const UNLIMITED = rawNumber("18446744073709551615");

export const rlimitName = (name: string): string => `RLIMIT_${name.toUpperCase()}`;

export function rlimitsOf(ulimits: HostConfig["Ulimits"]): readonly Rlimit[] {
  const limit = (value: number) => (value < 0 ? UNLIMITED : value);
  return ulimits.map(({ Name, Soft, Hard }) => ({
    type: rlimitName(Name),
    soft: limit(Soft),
    hard: limit(Hard),
  }));
}
