/** Points in time as Docker's users write them. */
import { invalid } from "./errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's time.ParseDuration (`1h30m`, `1.5s`), in milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const parts = /^(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)
    ? [...text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)]
    : [];
  if (parts.length === 0) return undefined;
  return parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (UNITS[unit] ?? 0), 0);
}

/**
 * `since` and `until` as users write them, in the API's own way: seconds since 1970 with an optional fraction. Takes those,
 * a Go duration back from `now`, and RFC 3339 with parts left out (local time, as Docker has it).
 * @param now milliseconds since 1970
 * @throws invalid
 */
export function parseTimestamp(text: string, now: number): string {
  if (/^-?\d+(\.\d+)?$/.test(text)) return text;
  const ago = parseDuration(text);
  if (ago !== undefined) return ((now - ago) / 1000).toFixed(3);
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:T(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  if (match) {
    const [, date, hour = "00", minute = "00", second = "00", fraction = "0", zone = ""] = match;
    const at = Date.parse(`${date}T${hour}:${minute}:${second}${zone}`);
    if (!Number.isNaN(at)) return `${Math.trunc(at / 1000)}.${fraction.padEnd(9, "0").slice(0, 9)}`;
  }
  throw invalid(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
}
