/** What a container's log is told to be: driver and options, checked in Docker's words. Pure. */
import { inContext, invalid } from "../../lib/errors.ts";
import { tryParseGoBoolean, whyNoGoBoolean } from "../../lib/go-boolean.ts";
import type { HostConfig } from "../types.ts";
import { checkLogAttributes } from "./attributes.ts";

export type LogConfig = HostConfig["LogConfig"];

/** How large a log may grow, and what is kept of it. */
export interface LogLimits {
  /** Bytes of one file. */
  readonly size: number;
  /** Files in all, the one that is written to among them. */
  readonly files: number;
  /** Those that are full are compressed. */
  readonly compress: boolean;
}

/** What a container gets that names no driver; its options go to those that name the same one. */
export const DEFAULT_LOG: LogConfig = { Type: "json-file", Config: {} };

/** Of any driver. What caches logs of drivers that can't be read has nothing to do here. */
const COMMON = new Set([
  ...["mode", "max-buffer-size"],
  ...["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"],
]);

const LOCAL = ["max-size", "max-file", "compress"];
const JSON_FILE = [...LOCAL, "labels", "labels-regex", "env", "env-regex", "tag"];

/** By name: their options, and what Docker says of others. */
const DRIVERS: Readonly<Record<string, readonly [ReadonlySet<string>, (option: string) => string]>> = {
  "json-file": [new Set(JSON_FILE), (option) => `unknown log opt '${option}' for json-file log driver`],
  local: [new Set(LOCAL), (option) => `unknown log opt '${option}' for log driver local`],
};

/** The engine's default where the container names no driver, or the same one. */
export function logConfigOf(asked: Partial<LogConfig> | undefined, otherwise: LogConfig): LogConfig {
  const Type = asked?.Type || otherwise.Type;
  const defaults = Type === otherwise.Type ? otherwise.Config : {};
  return { Type, Config: { ...defaults, ...asked?.Config } };
}

/** @throws invalid in Docker's words */
export function validateLog({ Type, Config }: LogConfig): void {
  if (Type === "none") return;
  const { mode = "" } = Config;
  if (!["", "blocking", "non-blocking"].includes(mode)) {
    throw invalid(`logger: logging mode not supported: ${mode}`);
  }
  const buffer = Config["max-buffer-size"];
  if (buffer !== undefined) {
    if (mode !== "non-blocking") {
      throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    }
    if (sizeOf(buffer) === undefined) {
      throw invalid(`error parsing option max-buffer-size: invalid size: '${buffer}'`);
    }
  }
  const uncached = Config["cache-disabled"];
  if (uncached && tryParseGoBoolean(uncached) === undefined) {
    throw invalid(`invalid value for option cache-disabled: ${uncached}`);
  }
  const [options, unknown] = DRIVERS[Type] ?? [];
  if (!options || !unknown) throw invalid(`logger: no log driver named '${Type}' is registered`);
  for (const option of Object.keys(Config)) {
    if (!options.has(option) && !COMMON.has(option)) throw invalid(unknown(option));
  }
  logLimitsOf({ Type, Config });
  checkLogAttributes(Config);
}

/** The engine's own default. @throws invalid in Docker's words */
export function checkDefaultLog(log: LogConfig): void {
  try {
    validateLog(log);
  } catch (thrown) {
    throw inContext("failed to set log opts", thrown);
  }
}

/** @returns undefined where a log grows as it likes. @throws invalid in Docker's words */
export function logLimitsOf({ Type, Config }: LogConfig): LogLimits | undefined {
  if (Type === "local") return localLimits(Config);
  return Type === "json-file" ? jsonFileLimits(Config) : undefined;
}

type Options = LogConfig["Config"];

function jsonFileLimits(options: Options): LogLimits | undefined {
  const size = options["max-size"] === undefined ? undefined : sizeIn(options["max-size"]);
  if (size !== undefined && size <= 0) throw invalid("max-size must be a positive number");
  const files = options["max-file"] === undefined ? 1 : integerIn(options["max-file"]);
  if (files < 1) throw invalid("max-file cannot be less than 1");
  const compress = options.compress !== undefined && booleanIn(options.compress);
  if (compress && (files === 1 || size === undefined)) {
    throw invalid("compress cannot be true when max-file is less than 2 or max-size is not set");
  }
  return size === undefined ? undefined : { size, files, compress };
}

const LOCAL_SIZE = 20 << 20;
const LOCAL_FILES = 5;

function localLimits(options: Options): LogLimits {
  const given = <T>(option: string, prefix: (text: string) => string, read: (text: string) => T) => {
    const text = options[option];
    if (text === undefined) return undefined;
    try {
      return read(text);
    } catch (thrown) {
      throw invalid(`${prefix(text)}: ${thrown instanceof Error ? thrown.message : thrown}`, thrown);
    }
  };
  const size = given("max-size", (text) => `invalid value for max-size: ${text}`, sizeIn) ?? LOCAL_SIZE;
  const files = given("max-file", (text) => `invalid value for max-file: ${text}`, integerIn) ?? LOCAL_FILES;
  const compress = given("compress", () => "error reading compress log option", booleanIn) ?? true;
  if (size < 0) throw invalid("max size should be a positive number");
  if (files < 0) throw invalid("max file count cannot be less than 0");
  if (compress && files <= 1) throw invalid("compression cannot be enabled when max file count is 1");
  return { size, files: Math.max(1, files), compress };
}

function sizeIn(text: string): number {
  const size = sizeOf(text);
  if (size === undefined) throw invalid(`invalid size: '${text}'`);
  return size;
}

const EXPONENTS = "kmgtp";

/** Docker's FromHumanSize: `10m` is ten million bytes. */
function sizeOf(text: string): number | undefined {
  const [, number, unit = ""] = /^(-?\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  const exponent = unit === "" ? 0 : EXPONENTS.indexOf(unit.toLowerCase()) + 1;
  return Math.trunc(Number(number) * 1000 ** exponent);
}

function integerIn(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) {
    throw invalid(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

function booleanIn(text: string): boolean {
  const value = tryParseGoBoolean(text);
  if (value === undefined) throw invalid(whyNoGoBoolean(text));
  return value;
}
