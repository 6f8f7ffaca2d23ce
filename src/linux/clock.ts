/** The kernel's clocks, clock_gettime(2). */
import { LITTLE_ENDIAN, viewOf } from "./bytes.ts";
import { check, declare } from "./ffi.ts";

const getTime = declare("int clock_gettime(int clock, void *time)");

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;

/** struct timespec { time_t tv_sec; long tv_nsec; }, of 64-bit machines. */
const time = new Uint8Array(16);

function read(clock: number): bigint {
  check("read the clock", getTime(clock, time));
  const view = viewOf(time);
  return view.getBigInt64(0, LITTLE_ENDIAN) * 1_000_000_000n + view.getBigInt64(8, LITTLE_ENDIAN);
}

/** Nanoseconds since the machine came up: what bpf_ktime_get_ns tells too. */
export const monotonicNow = (): bigint => read(CLOCK_MONOTONIC);

/** What is to be added to a time of CLOCK_REALTIME for that of CLOCK_MONOTONIC, in nanoseconds: as of now, for somebody may set it. */
export function monotonicOffset(): bigint {
  const before = read(CLOCK_MONOTONIC);
  const real = read(CLOCK_REALTIME);
  const after = read(CLOCK_MONOTONIC);
  return (before + after) / 2n - real;
}
