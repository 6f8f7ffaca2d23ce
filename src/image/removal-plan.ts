/** What removing an image comes to, by Docker's rules and in its words; carried out elsewhere. */
import { conflict } from "../lib/errors.ts";
import { type ImageID, shortId } from "../lib/ids.ts";
import { parseReference, repositoryOf } from "./reference.ts";
import type { UsedBy } from "./types.ts";

export interface Removal {
  /** Whole forms, as the catalog keys them. */
  readonly untag: readonly string[];
  /** How many of them, from the first, are told as events. */
  readonly told: number;
  /** Images that go: the one that was asked for, then its parents. */
  readonly remove: readonly ImageID[];
}

/** Who descends from whom. */
export interface Family {
  parentOf(image: ImageID): ImageID | undefined;
  childrenOf(image: ImageID): readonly ImageID[];
  /** No name means it, and no container stands on it. */
  isFree(image: ImageID): boolean;
}

export interface Asked {
  /** As the user wrote it. */
  readonly reference: string;
  readonly image: ImageID;
  /** Whole form of `reference`; undefined where it is an id or the beginning of one. */
  readonly name: string | undefined;
  /** All names of the image, whole forms. */
  readonly names: readonly string[];
  readonly force: boolean;
  /** Parents that nothing else needs go too. */
  readonly prune: boolean;
  readonly containers: ReturnType<UsedBy>;
  readonly family: Family;
}

/**
 * By name: that name goes, and with the last one the image, if nothing stands on it. By id: the image goes, with
 * its name if it has just one; `force` overrules several names and stopped containers, never running ones nor
 * images that were made from it.
 * @throws conflict
 */
export function planRemoval(asked: Asked): Removal {
  return asked.name === undefined ? byId(asked) : byName(asked, asked.name);
}

function byName(asked: Asked, name: string): Removal {
  const { reference, image, names, force, containers } = asked;
  const [user] = containers;
  if (!force && isSingle(names) && user) {
    throw conflict(
      `conflict: unable to remove repository reference ${JSON.stringify(reference)} (must force) - ` +
        `container ${shortId(user.id)} is using its referenced image ${shortId(image)}`,
    );
  }
  const untag = [name, ...lonelyDigests(name, names)];
  const isLast = names.every((other) => untag.includes(other));
  const goes = isLast && !problem({ ...asked, names: [] });
  return { untag, told: 1, remove: goes ? withParents(asked) : [] };
}

function byId(asked: Asked): Removal {
  const { image, names, force } = asked;
  const found = problem({ ...asked, names: isSingle(names) || force ? [] : names });
  if (found) {
    const remedy = found.hard ? "cannot be forced" : "must be forced";
    throw conflict(`conflict: unable to delete ${shortId(image)} (${remedy}) - ${found.why}`);
  }
  return { untag: names, told: names.length, remove: withParents(asked) };
}

/** An image that nothing stands on, with all its names. */
export const planPrune = (asked: Pick<Asked, "image" | "names" | "family">): Removal => ({
  untag: asked.names,
  told: asked.names.length,
  remove: withParents({ ...asked, prune: true }),
});

/** What stands against deleting it, in the order in which Docker looks. */
function problem({
  image,
  names,
  force,
  containers,
  family,
}: Asked): { readonly hard: boolean; readonly why: string } | undefined {
  if (family.childrenOf(image).length > 0) return { hard: true, why: "image has dependent child images" };
  const running = containers.find((container) => container.running);
  if (running) {
    return { hard: true, why: `image is being used by running container ${shortId(running.id)}` };
  }
  if (names.length > 0) return { hard: false, why: "image is referenced in multiple repositories" };
  const [stopped] = containers;
  if (stopped && !force) {
    return { hard: false, why: `image is being used by stopped container ${shortId(stopped.id)}` };
  }
  return undefined;
}

/** Parents as far up as nothing but what goes here needs them. */
function withParents({ image, prune, family }: Pick<Asked, "image" | "prune" | "family">): ImageID[] {
  const gone = [image];
  for (let parent = family.parentOf(image); prune && parent; parent = family.parentOf(parent)) {
    const needed = family.childrenOf(parent).some((child) => !gone.includes(child));
    if (needed || !family.isFree(parent) || gone.includes(parent)) break;
    gone.push(parent);
  }
  return gone;
}

const isDigest = (name: string): boolean => name.includes("@");

const repository = (name: string): string => repositoryOf(parseReference(name));

/** At most one tag, and all of one repository. */
function isSingle(names: readonly string[]): boolean {
  return (
    names.length > 0 &&
    names.filter((name) => !isDigest(name)).length <= 1 &&
    new Set(names.map(repository)).size === 1
  );
}

/** Names by digest that go with the last tag of their repository. */
function lonelyDigests(name: string, names: readonly string[]): string[] {
  if (isDigest(name)) return [];
  const others = names.filter((other) => other !== name && repository(other) === repository(name));
  return others.every(isDigest) ? others : [];
}
