/** Every check, a line each: those that try something out first, so that they wait while the others read. */
import type { Check } from "../types.ts";

export const ALL_CHECKS: readonly Check[] = [];
