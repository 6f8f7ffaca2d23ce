/** Of limits, those on processors by number and on block devices. Pure. */
import { invalid } from "../../lib/errors.ts";
import type { CgroupAbility } from "../spec/cgroup-abilities.ts";
import { type Fitting, type Limits, unmounted } from "./fitting.ts";

/** A list of numbers and ranges, `0-3,5` (cpuset(7), "List format"). Undefined where it is none. */
export function parseCpuset(list: string): ReadonlySet<number> | undefined {
  if (!/^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/.test(list)) return list === "" ? new Set() : undefined;
  const numbers = new Set<number>();
  for (const part of list.split(",")) {
    const [from = 0, to = from] = part.split("-").map(Number);
    if (to < from) return undefined;
    for (let number = from; number <= to; number += 1) numbers.add(number);
  }
  return numbers;
}

/** @throws invalid in Docker's words */
export function checkCpuset(fitting: Fitting<Limits>): void {
  fitting.drop(
    fitting.limits.CpusetCpus !== "" || fitting.limits.CpusetMems !== "",
    fitting.has("cpuset"),
    `${unmounted("cpuset")} Cpuset discarded.`,
    { CpusetCpus: "", CpusetMems: "" },
  );
  const { cpuset } = fitting.host;
  for (const [asked, available, short, what] of [
    [fitting.limits.CpusetCpus, cpuset.cpus, "cpus", "CPUs"],
    [fitting.limits.CpusetMems, cpuset.mems, "mems", "memory nodes"],
  ] as const) {
    const wanted = parseCpuset(asked);
    if (!wanted) throw invalid(`Invalid value ${asked} for cpuset ${short}`);
    const there = parseCpuset(available) ?? new Set();
    if (![...wanted].every((number) => there.has(number))) {
      throw invalid(`Requested ${what} are not available - requested ${asked}, available: ${available}`);
    }
  }
}

type DeviceLimits =
  | "BlkioWeightDevice"
  | "BlkioDeviceReadBps"
  | "BlkioDeviceWriteBps"
  | "BlkioDeviceReadIOps"
  | "BlkioDeviceWriteIOps";

/** What each needs, and what Docker calls it. */
const DEVICE_LIMITS: readonly (readonly [DeviceLimits, CgroupAbility, string, string])[] = [
  ["BlkioWeightDevice", "io-weight-device", "Block I/O weight_device", "Weight-device"],
  ["BlkioDeviceReadBps", "io-read-bps", "BPS Block I/O read limit", "Block I/O BPS read limit"],
  ["BlkioDeviceWriteBps", "io-write-bps", "BPS Block I/O write limit", "Block I/O BPS write limit"],
  ["BlkioDeviceReadIOps", "io-read-iops", "IOPS Block read limit", "Block I/O IOPS read limit"],
  ["BlkioDeviceWriteIOps", "io-write-iops", "IOPS Block write limit", "Block I/O IOPS write limit"],
];

/** @throws invalid in Docker's words */
export function fitBlock(fitting: Fitting<Limits>): void {
  const { BlkioWeight, IOMaximumBandwidth, IOMaximumIOps } = fitting.limits;
  fitting.drop(
    BlkioWeight > 0,
    fitting.can("io-weight"),
    `${unmounted("Block I/O weight")} Weight discarded.`,
    { BlkioWeight: 0 },
  );
  if (fitting.limits.BlkioWeight !== 0 && (BlkioWeight < 10 || BlkioWeight > 1000)) {
    throw invalid("Range of blkio weight is from 10 to 1000");
  }
  if (IOMaximumBandwidth !== 0) {
    throw invalid("invalid option: QoS maximum bandwidth configuration is not supported on linux");
  }
  if (IOMaximumIOps !== 0) {
    throw invalid("invalid option: QoS maximum IOPs configuration is not supported on linux");
  }
  for (const [name, ability, called, dropped] of DEVICE_LIMITS) {
    fitting.drop(
      fitting.limits[name].length > 0,
      fitting.can(ability),
      `${unmounted(called)} ${dropped} discarded.`,
      { [name]: [] },
    );
  }
}
