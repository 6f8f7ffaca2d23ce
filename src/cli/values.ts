/** Values of flags, in and out: numbers, sizes and durations as Docker's users write and read them. */
import { messageOf } from "../lib/errors.ts";
import { parseTimestamp } from "../lib/timestamp.ts";

const syntax = (how: string, text: string) =>
  new Error(`strconv.${how}: parsing ${JSON.stringify(text)}: invalid syntax`);

export function parseGoBoolean(text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw syntax("ParseBool", text);
}

export function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw syntax("ParseInt", text);
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return value;
}

/** A number of CPUs as billionths: `1.5` is 1_500_000_000. */
export function parseDecimal(text: string): number {
  if (!/^\d*\.?\d+$|^\d+\.$/.test(text)) throw new Error(`failed to parse ${text} as a rational number`);
  const [, fraction = ""] = text.split(".");
  if (fraction.replace(/0+$/, "").length > 9) throw new Error("value is too precise");
  return Math.round(Number(text) * 1e9);
}

const BINARY = ["b", "k", "m", "g", "t", "p"];

/** `512m`, `1.5g`, `64MiB`: bytes, in powers of 1024. -1 stands for no limit. */
export function parseBytes(text: string): number {
  if (text === "-1") return -1;
  const match = /^(?<number>\d+(?:\.\d+)?) ?(?<unit>[a-zA-Z]*)$/.exec(text);
  if (!match?.groups) throw new Error(`invalid size: '${text}'`);
  const unit = (match.groups.unit ?? "").toLowerCase();
  const power = unit === "" ? 0 : BINARY.indexOf(unit.replace(/(?<=^[kmgtp])i?b$/, ""));
  if (power < 0) throw new Error(`invalid suffix: '${unit}'`);
  return Math.trunc(Number(match.groups.number) * 1024 ** power);
}

/** Four significant digits in powers of 1000, as `docker images` shows sizes: `1.24MB`. */
export function formatSize(bytes: number, digits = 4): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  let [size, i] = [bytes, 0];
  while (size >= 1000 && i < units.length - 1) [size, i] = [size / 1000, i + 1];
  return `${significant(size, digits)}${units[i]}`;
}

/** Four significant digits in powers of 1024: `1.943GiB`. */
export function formatBinarySize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let [size, i] = [bytes, 0];
  while (size >= 1024 && i < units.length - 1) [size, i] = [size / 1024, i + 1];
  return `${significant(size, 4)}${units[i]}`;
}

/** C's %.{digits}g for numbers below 10^digits. */
const significant = (value: number, digits: number): string => String(Number(value.toPrecision(digits)));

/** How long, for people (go-units HumanDuration): `Less than a second`, `About an hour`, `3 weeks`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  const minutes = Math.trunc(seconds / 60);
  const hours = Math.round(milliseconds / 3_600_000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  const days = hours / 24;
  if (hours < 24 * 7 * 2) return `${Math.trunc(days)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(days / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(days / 30)} months`;
  return `${Math.trunc(days / 365)} years`;
}

/** Of a flag that may be unset. @throws naming it */
export function timestamp(flag: string, text: string | undefined, now: number): string | undefined {
  if (!text) return undefined;
  try {
    return parseTimestamp(text, now);
  } catch (thrown) {
    throw new Error(`invalid value for "${flag}": ${messageOf(thrown)}`);
  }
}
