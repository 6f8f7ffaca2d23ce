import { invalid } from "../lib/errors.ts";

/** The minor number of an API version: 41 for `1.41`. There is no other major than 1. */
export type Minor = number;

export const OLDEST: Minor = 24;
export const NEWEST: Minor = 50;

export const formatVersion = (minor: Minor): string => `1.${minor}`;

/**
 * As Docker compares versions: number by number, a missing one is 0. @throws invalid for one that this engine
 * doesn't speak, in Docker's words
 */
export function parseVersion(text: string): Minor {
  const [major = 0, minor = 0, patch = 0] = text.split(".").map(Number);
  if (major < 1 || (major === 1 && minor < OLDEST)) {
    throw invalid(
      `client version ${text} is too old. Minimum supported API version is ${formatVersion(OLDEST)}, please upgrade your client to a newer version`,
    );
  }
  if (major > 1 || minor > NEWEST || (minor === NEWEST && patch > 0)) {
    throw invalid(
      `client version ${text} is too new. Maximum supported API version is ${formatVersion(NEWEST)}`,
    );
  }
  return minor;
}
