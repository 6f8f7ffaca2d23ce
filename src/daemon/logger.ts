/** The engine's log: lines for people on a terminal, JSON for everything else. */
import { pino } from "pino";
import type { Logger } from "../lib/log.ts";
import type { LogLevel } from "./config.ts";

export interface DaemonLogger extends Logger {
  fatal(fields: object, message: string): void;
  setLevel(level: LogLevel): void;
}

const PAINT: Readonly<Record<string, string>> = { warn: "\x1b[33m", error: "\x1b[31m", fatal: "\x1b[31m" };

/** A value in a human's line: quoted only where it must be. */
function show(value: unknown): string {
  if (typeof value === "string" && /^[^\s"=]+$/.test(value)) return value;
  if (typeof value === "object" && value !== null && "message" in value) return String(value.message);
  return JSON.stringify(value) ?? String(value);
}

/** One JSON line of the log as `12:04:05.123 WARN  message key=value`. An error's stack follows on its own lines. */
export function humanLine(json: string, color: boolean): string {
  const { time, level, message, err, ...rest } = JSON.parse(json);
  const fields = Object.entries(rest).map(([key, value]) => ` ${key}=${show(value)}`);
  const paint = color ? (PAINT[level] ?? "") : "";
  const story = err ? `: ${show(err)}` : "";
  const stack = err?.stack && level === "fatal" ? `\n${err.stack}` : "";
  const label = `${paint}${String(level).toUpperCase().padEnd(5)}${paint && "\x1b[0m"}`;
  return `${String(time).slice(11, 23)} ${label} ${message}${story}${fields.join("")}${stack}\n`;
}

export function createLogger(options: {
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** A terminal that understands colours. */
  readonly color: boolean;
  /** Synchronous, so that nothing is lost in a crash. */
  readonly write: (line: string) => void;
}): DaemonLogger {
  const write =
    options.format === "json"
      ? options.write
      : (line: string) => options.write(humanLine(line, options.color));
  const log = pino(
    {
      level: options.level,
      base: null,
      messageKey: "message",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    fatal: (fields, message) => log.fatal(fields, message),
    setLevel(level) {
      log.level = level;
    },
  };
}
