/** Which images a list or a prune is about (Docker API, "List Images", "Delete unused images"). */
import type { Image } from "../image/types.ts";
import { Filters, matchesLabel } from "./filters.ts";
import { prunable } from "./prune-filters.ts";
import { matchesReference } from "./shapes/reference-pattern.ts";

export const LIST_FILTERS: ReadonlySet<string> = new Set([
  "before",
  "dangling",
  "label",
  "label!",
  "reference",
  "since",
  "until",
]);
export const PRUNE_FILTERS: ReadonlySet<string> = new Set(["dangling", "label", "label!", "until"]);

interface Asked {
  readonly filters: Filters;
  /** Steps between images too, which bear no name. */
  readonly all: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** @throws not-found */
  find(name: string): Image;
}

const isUnnamed = ({ tags, digests }: Image): boolean => tags.length + digests.length === 0;

const parentsOf = (images: readonly Image[]): ReadonlySet<string | undefined> =>
  new Set(images.map(({ parent }) => parent));

/** Newest first, with the names that pass. @throws not-found for `before` and `since`; invalid */
export function selectImages(images: readonly Image[], { filters, all, now, find }: Asked): Image[] {
  const dangling = filters.boolean("dangling");
  const times = (name: string) => filters.of(name).map((value) => Date.parse(find(value).created));
  const [before, since] = [times("before"), times("since")];
  const isOlder = filters.of("until").map((value) => madeBefore(value, now));
  const parents = parentsOf(images);
  const named = (names: readonly string[]) =>
    names.filter((name) => filters.some("reference", (pattern) => matchesReference(pattern, name)));
  return images
    .map((image) => ({ ...image, tags: named(image.tags), digests: named(image.digests) }))
    .filter((image) => {
      const created = Date.parse(image.created);
      const unnamed = isUnnamed(image);
      if (unnamed && ((!all && parents.has(image.id)) || dangling === false || filters.has("reference"))) {
        return false;
      }
      if (dangling && (image.tags.length > 0 || parents.has(image.id))) return false;
      return (
        filters.every("label", (value) => matchesLabel(image.config.Labels, value)) &&
        !filters.of("label!").some((value) => matchesLabel(image.config.Labels, value)) &&
        before.every((time) => created < time) &&
        since.every((time) => created > time) &&
        isOlder.every((passes) => passes(image.created))
      );
    })
    .sort((a, b) => Date.parse(b.created) - Date.parse(a.created));
}

function madeBefore(until: string, now: number): (created: string) => boolean {
  const passes = prunable(new Filters(new Map([["until", [until]]])), now);
  return (created) => passes({ created, labels: undefined });
}

/** Those that bear no tag, unless `dangling` is false: then all; none that is only a step to another. @throws invalid */
export function prunableImages(images: readonly Image[], filters: Filters, now: number): Image[] {
  const dangling = filters.boolean("dangling") ?? true;
  const parents = parentsOf(images);
  const passes = prunable(filters, now);
  return images.filter((image) => {
    if (parents.has(image.id) && (dangling || isUnnamed(image))) return false;
    return (
      !(dangling && image.tags.length > 0) && passes({ created: image.created, labels: image.config.Labels })
    );
  });
}
