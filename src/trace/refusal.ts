/** Drops that are answers: the packet arrived, and its receiver refuses it, with a reset or a port unreachable. */
import type { DropReason } from "./types.ts";

const REFUSALS: ReadonlySet<DropReason["code"]> = new Set(["no-socket", "closed", "bound-elsewhere"]);

export const isRefusal = ({ code }: DropReason): boolean => REFUSALS.has(code);
