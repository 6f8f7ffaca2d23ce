/** Which volumes a list shows, and which a prune removes (Engine API, "List volumes", "Delete unused volumes"). */
import { invalid } from "../lib/errors.ts";
import { tryParseGoBoolean, whyNoGoBoolean } from "../lib/go-boolean.ts";
import type { Volume, VolumeUsers } from "../volume/types.ts";
import { type Filters, matcherOf, matchesLabel } from "./filters.ts";
import { prunableByLabel } from "./prune-filters.ts";
import type { Minor } from "./version.ts";

export const VOLUME_FILTERS: ReadonlySet<string> = new Set(["dangling", "driver", "label", "name"]);
export const PRUNE_FILTERS: ReadonlySet<string> = new Set(["all", "label", "label!"]);

/** @throws invalid */
export function selectVolumes(volumes: readonly Volume[], usedBy: VolumeUsers, filters: Filters): Volume[] {
  const dangling = filters.boolean("dangling");
  const names = filters.of("name").map(matcherOf);
  return volumes.filter(
    ({ name, driver, labels }) =>
      filters.some("driver", (value) => value === driver) &&
      (names.length === 0 || names.some((matches) => matches(name))) &&
      filters.every("label", (value) => matchesLabel(labels, value)) &&
      (dangling === undefined || dangling === (usedBy(name).length === 0)),
  );
}

/**
 * Unused ones that nobody named; with `all=true`, and before 1.42, named ones as well. Those with mount options stay,
 * as with dockerd: nothing of this disk would be made free.
 * @throws invalid
 */
export function prunableVolume(filters: Filters, minor: Minor): (volume: Volume) => boolean {
  const all = minor < 42 || wantsAll(filters);
  const labelled = prunableByLabel(filters);
  return ({ labels, options, anonymous }) =>
    (all || anonymous) && Object.keys(options).length === 0 && labelled(labels);
}

function wantsAll(filters: Filters): boolean {
  const values = filters.of("all");
  const [value] = values;
  if (value === undefined) return false;
  if (values.length > 1) {
    throw invalid(`invalid filter 'all=[${values.join(" ")}]': only one value is expected`);
  }
  const wanted = tryParseGoBoolean(value);
  if (wanted === undefined) throw invalid(`invalid filter 'all': ${whyNoGoBoolean(value)}`);
  return wanted;
}
