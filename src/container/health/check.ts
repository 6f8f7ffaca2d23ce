/** What a health check is, and what its results make of a container's health (Docker API, HealthConfig). Pure. */
import type { ImageConfig } from "../../image/types.ts";
import { invalid } from "../../lib/errors.ts";
import type { ContainerConfig, Health, HealthResult } from "../types.ts";

type HealthConfig = NonNullable<ImageConfig["Healthcheck"]>;

/** A check with Docker's defaults filled in. All times in milliseconds. */
export interface HealthCheck {
  readonly command: readonly string[];
  /** From the end of one probe to the begin of the next; and from the container's start to the first. */
  readonly interval: number;
  readonly timeout: number;
  /** So many failures in a row are ill health. */
  readonly retries: number;
  /** While it lasts, failures don't count, until a first probe succeeds. */
  readonly startPeriod: number;
  /** Takes the place of `interval` during the start period, until a first probe succeeds. */
  readonly startInterval: number;
}

const DEFAULTS = { interval: 30_000, timeout: 30_000, retries: 3, startPeriod: 0, startInterval: 5000 };
const SHELL = ["/bin/sh", "-c"];

/** Entries of State.Health.Log that are kept. */
const LOG_LENGTH = 5;

const NANOSECONDS = 1e6;
const milliseconds = (nanoseconds: number | undefined, otherwise: number): number =>
  nanoseconds ? nanoseconds / NANOSECONDS : otherwise;

/** @returns undefined where nothing is to be run: no test, `NONE`, or one of a kind that isn't known */
export function healthCheckOf({ Healthcheck, Shell }: ContainerConfig): HealthCheck | undefined {
  const [kind, ...words] = Healthcheck?.Test ?? [];
  if (!Healthcheck || (kind !== "CMD" && kind !== "CMD-SHELL")) return undefined;
  const shell = Shell?.length ? Shell : SHELL;
  return {
    command: kind === "CMD" || words.length === 0 ? words : [...shell, ...words],
    interval: milliseconds(Healthcheck.Interval, DEFAULTS.interval),
    timeout: milliseconds(Healthcheck.Timeout, DEFAULTS.timeout),
    retries: Healthcheck.Retries || DEFAULTS.retries,
    startPeriod: milliseconds(Healthcheck.StartPeriod, DEFAULTS.startPeriod),
    startInterval: milliseconds(Healthcheck.StartInterval, DEFAULTS.startInterval),
  };
}

/** The container's own check over its image's, field by field. */
export function inheritHealthcheck(
  asked: HealthConfig | undefined,
  image: HealthConfig | undefined,
): HealthConfig | undefined {
  if (!asked || !image) return asked ?? image;
  const given = Object.entries(asked).filter(([, value]) =>
    Array.isArray(value) ? value.length > 0 : Boolean(value),
  );
  return { ...image, ...Object.fromEntries(given) };
}

const DURATIONS = ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const;

/** @throws invalid in Docker's words */
export function validateHealthcheck(config: HealthConfig | undefined): void {
  if (!config) return;
  const tooShort = DURATIONS.find((name) => {
    const given = config[name] ?? 0;
    return given !== 0 && given < NANOSECONDS;
  });
  if (tooShort) throw invalid(`${tooShort} in Healthcheck cannot be less than 1ms`);
  if ((config.Retries ?? 0) < 0) throw invalid("Retries in Healthcheck cannot be negative");
}

/** At a container's start. What the probes of its last run said stays readable. */
export const startingHealth = (before: Health | undefined): Health => ({
  status: "starting",
  failingStreak: 0,
  log: before?.log ?? [],
});

/** What isn't probed (stopped, paused) is not healthy, for Docker and its clients. */
export const unwatchedHealth = (before: Health): Health => ({ ...before, status: "unhealthy" });

/** @param startedAt of the container, milliseconds since 1970 */
export function afterProbe(
  health: Health,
  check: HealthCheck,
  result: HealthResult,
  startedAt: number,
): Health {
  const log = [...health.log, result].slice(-LOG_LENGTH);
  if (result.exitCode === 0) return { status: "healthy", failingStreak: 0, log };
  const isStarting = health.status === "starting";
  if (isStarting && Date.parse(result.start) - startedAt < check.startPeriod) return { ...health, log };
  const failingStreak = health.failingStreak + 1;
  return { status: failingStreak >= check.retries ? "unhealthy" : health.status, failingStreak, log };
}

/** @param ran how long the container has run. Milliseconds, as all */
export function delayBeforeProbe(check: HealthCheck, status: Health["status"], ran: number): number {
  return status === "starting" && ran < check.startPeriod ? check.startInterval : check.interval;
}
