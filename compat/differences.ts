/**
 * Where this engine answers otherwise than Debian's dockerd (20.10) does, and why. A difference that is not here
 * fails `npm run compat`, and so does a reason that no difference needs any more.
 */
import { OWN } from "./differences-of-engine.ts";
import { AS_28 } from "./differences-of-version.ts";
import type { Explanation } from "./lib/explain.ts";

export const DIFFERENCES: readonly Explanation[] = [...AS_28, ...OWN];
