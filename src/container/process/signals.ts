/** Signals by name and number (signal(7)). */
import { constants } from "node:os";
import { invalid } from "../../lib/errors.ts";

export const SIGKILL = 9;
export const SIGTERM = 15;

/** Real-time signals, as C libraries leave them to programs. */
const RTMIN = 34;
const RTMAX = 64;

/** `SIGTERM`, `term`, `15`, `RTMIN+3`. @throws invalid in Docker's words */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number >= 1 && number <= RTMAX) return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const known = Object.entries(constants.signals).find(([key]) => key === `SIG${name}`)?.[1];
  if (known !== undefined) return known;
  const [, from, sign, distance = "0"] = /^(RTMIN|RTMAX)(?:([+-])(\d+))?$/.exec(name) ?? [];
  if (from) {
    const number = (from === "RTMIN" ? RTMIN : RTMAX) + Number(`${sign ?? "+"}${distance}`);
    if (number >= RTMIN && number <= RTMAX) return number;
  }
  throw invalid(`invalid signal: ${text}`);
}
