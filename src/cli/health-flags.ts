/** The health check that `run`'s flags ask for (Engine API, HealthConfig). */
import { parseDuration } from "../lib/timestamp.ts";
import { UsageError } from "./errors.ts";

export interface HealthOptions {
  readonly healthCmd?: string;
  readonly healthInterval?: string;
  readonly healthRetries?: number;
  readonly healthStartInterval?: string;
  readonly healthStartPeriod?: string;
  readonly healthTimeout?: string;
  readonly noHealthcheck: boolean;
}

const NANOSECONDS = 1e6;

const DURATIONS = [
  ["healthInterval", "--health-interval", "Interval"],
  ["healthTimeout", "--health-timeout", "Timeout"],
  ["healthStartPeriod", "--health-start-period", "StartPeriod"],
  ["healthStartInterval", "--health-start-interval", "StartInterval"],
] as const;

/** @returns undefined where there is no word of it: then the image's own is run */
export function healthcheckOf(options: HealthOptions): object | undefined {
  const { healthCmd, healthRetries } = options;
  const durations = DURATIONS.flatMap(([option, flag, field]) => {
    const text = options[option];
    return text === undefined ? [] : [[field, nanoseconds(flag, text)] as const];
  });
  const given = durations.length > 0 || healthRetries !== undefined || healthCmd !== undefined;
  if (options.noHealthcheck) {
    if (given) throw new Error("--no-healthcheck conflicts with --health-* options");
    return { Test: ["NONE"] };
  }
  if (!given) return undefined;
  if (healthRetries !== undefined && healthRetries < 0) {
    throw new Error("--health-retries cannot be negative");
  }
  return {
    ...(healthCmd !== undefined && healthCmd !== "" && { Test: ["CMD-SHELL", healthCmd] }),
    ...Object.fromEntries(durations),
    ...(healthRetries !== undefined && { Retries: healthRetries }),
  };
}

function nanoseconds(flag: string, text: string): number {
  const milliseconds = parseDuration(text.replace(/^-/, ""));
  if (milliseconds === undefined) {
    throw new UsageError(
      `invalid argument "${text}" for "${flag}" flag: time: invalid duration ${JSON.stringify(text)}`,
    );
  }
  if (text.startsWith("-")) throw new Error(`${flag} cannot be negative`);
  return Math.round(milliseconds * NANOSECONDS);
}
