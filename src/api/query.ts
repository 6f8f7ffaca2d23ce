/** Query parameters in Docker's ways: all are texts, and what is left out has a default. */
import { invalid } from "../lib/errors.ts";

const FALSE = new Set(["", "0", "no", "false", "none"]);

/** As dockerd reads a boolean: everything but a few words is true. */
export const flag = (text: string | undefined): boolean => !FALSE.has((text ?? "").trim().toLowerCase());

/** A whole number, or undefined where there is none. @throws invalid naming the parameter */
export function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^[-+]?\d{1,15}$/.test(text)) throw invalid(`invalid ${name}: ${JSON.stringify(text)} is no number`);
  return Number(text);
}

/**
 * `seconds[.fraction]` since 1970, in nanoseconds; undefined for none.
 * Times in words are turned into this by the client (Engine API, since and until). @throws invalid
 */
export function timestamp(name: string, text: string | undefined): bigint | undefined {
  if (text === undefined || text === "") return undefined;
  const [, seconds, fraction = ""] = /^(\d{1,12})(?:\.(\d{1,9})\d*)?$/.exec(text) ?? [];
  if (seconds === undefined) {
    throw invalid(`invalid ${name}: ${JSON.stringify(text)}: seconds since 1970, with or without a fraction`);
  }
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0"));
}
