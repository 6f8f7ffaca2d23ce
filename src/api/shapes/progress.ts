/** A line of a progress stream in Docker's JSON (JSONMessage). */
import type { Progress } from "../../registry/types.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const HALF_OF_ALL = 50;

/** Four digits at most, and a decimal unit: `1.5MB`. */
export function humanSize(bytes: number): string {
  const power = Math.min(bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3), UNITS.length - 1);
  return `${Number((bytes / 1000 ** power).toPrecision(4))}${UNITS[power]}`;
}

/** `[=====>      ]  1.5MB/30MB`, for those who show a line as it is. */
export function progressBar({ current = 0, total = 0 }: NonNullable<Progress["progressDetail"]>): string {
  if (current <= 0 && total <= 0) return "";
  const amount = humanSize(current).padStart(8);
  if (total <= 0 || current > total) return amount;
  const done = Math.min(Math.floor((current / total) * 100 * 0.5), HALF_OF_ALL);
  return `[${"=".repeat(done)}>${" ".repeat(HALF_OF_ALL - done)}] ${amount}/${humanSize(total)}`;
}

/** Members in Docker's order; what is empty is left out. */
export function progressLine({ status, id, progressDetail, aux }: Progress): object {
  const progress = progressDetail && progressBar(progressDetail);
  return {
    ...(status && { status }),
    ...(progressDetail && { progressDetail }),
    ...(progress && { progress }),
    ...(id && { id }),
    ...(aux && { aux }),
  };
}
