import { invalid } from "../lib/errors.ts";

/** The minor number of an API version: 41 for `1.41`. There is no other major than 1. */
export type Minor = number;

export const OLDEST: Minor = 24;
export const NEWEST: Minor = 50;

export const formatVersion = (minor: Minor): string => `1.${minor}`;

/** @throws invalid for one that this engine doesn't speak, in Docker's words */
export function parseVersion(text: string): Minor {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})$/.exec(text) ?? [];
  if (major === undefined || minor === undefined) throw invalid(`invalid API version: ${text}`);
  const [release, number] = [Number(major), Number(minor)];
  if (release < 1 || (release === 1 && number < OLDEST)) {
    throw invalid(
      `client version ${text} is too old. Minimum supported API version is ${formatVersion(OLDEST)}, please upgrade your client to a newer version`,
    );
  }
  if (release > 1 || number > NEWEST) {
    throw invalid(
      `client version ${text} is too new. Maximum supported API version is ${formatVersion(NEWEST)}`,
    );
  }
  return number;
}
