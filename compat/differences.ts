/**
 * Where this engine answers otherwise than Debian's dockerd (20.10) does, and why. A difference that is not here
 * fails `npm run compat`, and so does a reason that no difference needs any more.
 */
import type { Explanation } from "./lib/explain.ts";

export const DIFFERENCES: readonly Explanation[] = [];
