/** What the engine tells the world, in Docker's words (Engine API, "Monitor events"). */
export interface EngineEvent {
  readonly type: "container" | "image" | "network" | "volume" | "daemon" | "builder";
  /** `create`, `start`, `die`, `connect`, `exec_create: sh` … */
  readonly action: string;
  readonly actor: { readonly id: string; readonly attributes: Readonly<Record<string, string>> };
  /** Nanoseconds since 1970. */
  readonly time: bigint;
}

/**
 * Now, in nanoseconds since 1970: never the same value twice in one process, never backwards. The fraction
 * below a millisecond comes from the monotonic clock, which is set by the wall clock again when that jumps.
 */
export function nowNanoseconds(): bigint {
  const wall = Date.now();
  if (Math.abs(origin + performance.now() - wall) > 5) origin = wall - performance.now();
  const now = BigInt(Math.round((origin + performance.now()) * 1000)) * 1000n;
  last = now > last ? now : last + 1n;
  return last;
}
let origin = performance.timeOrigin;
let last = 0n;

/** RFC 3339 with nine digits, as Docker writes times: `2026-01-02T03:04:05.000000006Z`. */
export function formatTime(nanoseconds: bigint): string {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const fraction = (nanoseconds % 1_000_000_000n).toString().padStart(9, "0");
  return `${date.toISOString().slice(0, 19)}.${fraction}Z`;
}
