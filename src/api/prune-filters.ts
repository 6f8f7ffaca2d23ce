/** What every prune asks of what it may remove (Docker API, `until`, `label`, `label!`). */
import { invalid } from "../lib/errors.ts";
import { parseTimestamp } from "../lib/timestamp.ts";
import { type Filters, matchesLabel } from "./filters.ts";
import { timestamp } from "./query.ts";

export const PRUNE_FILTERS: ReadonlySet<string> = new Set(["label", "label!", "until"]);

export interface Prunable {
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/**
 * Made before `until`, to the millisecond, with all of `label` and without all of `label!`.
 * @param now milliseconds since 1970
 * @throws invalid
 */
export function prunable(filters: Filters, now: number): (thing: Prunable) => boolean {
  const [until, ...more] = filters.of("until");
  if (more.length > 0) throw invalid("more than one until filter specified");
  const latest =
    until === undefined
      ? Number.POSITIVE_INFINITY
      : Number((timestamp("until", parseTimestamp(until, now)) ?? 0n) / 1_000_000n);
  const labelled = prunableByLabel(filters);
  return ({ created, labels }) => Date.parse(created) <= latest && labelled(labels);
}

/** With all of `label` and without all of `label!`. */
export const prunableByLabel =
  (filters: Filters) =>
  (labels: Prunable["labels"]): boolean =>
    filters.every("label", (value) => matchesLabel(labels, value)) &&
    !(filters.has("label!") && filters.every("label!", (value) => matchesLabel(labels, value)));
