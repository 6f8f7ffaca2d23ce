import type { Diagnosis } from "./types.ts";

/** 0 nothing is wrong, notes allowed; 1 something is broken, or at risk; 2 nothing was found, and not all could be looked at. */
export function exitCodeOf({ findings, unchecked, unread }: Diagnosis): 0 | 1 | 2 {
  if (findings.some(({ severity }) => severity !== "note")) return 1;
  return unchecked.length > 0 || unread.length > 0 ? 2 : 0;
}
