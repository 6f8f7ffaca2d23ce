/** Times in Docker's two ways: whole seconds since 1970, and lengths in words. */

export const NEVER = "0001-01-01T00:00:00Z";

/** RFC 3339 to whole seconds since 1970. */
export const unixSeconds = (time: string): number => Math.floor(Date.parse(time) / 1000);

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in words, rounded as Docker's `ps` does: `3 seconds`, `About a minute`, `2 weeks`. */
export function inWords(milliseconds: number): string {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < MINUTE) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.floor(seconds / HOUR + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 2 * 7 * 24) return `${Math.floor(hours / 24)} days`;
  if (hours < 2 * 30 * 24) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 2 * 365 * 24) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / DAY / 365)} years`;
}

/** From one time until another, in words. */
export const since = (time: string, now: number): string => inWords(now - Date.parse(time));
