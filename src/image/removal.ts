/** What removing an image comes to, by Docker's rules and in its words; carried out elsewhere. */
import { conflict } from "../lib/errors.ts";
import { type ImageID, shortId } from "../lib/ids.ts";
import type { UsedBy } from "./types.ts";

export interface Removal {
  /** Whole forms, as the catalog keys them. */
  readonly untag: readonly string[];
  /** And the image itself goes. */
  readonly deleted: boolean;
}

export interface Asked {
  /** As the user wrote it. */
  readonly reference: string;
  readonly image: ImageID;
  /** Whole form of `reference`; undefined where it is an id or the beginning of one. */
  readonly tag: string | undefined;
  /** All tags of the image, whole forms. */
  readonly tags: readonly string[];
  readonly force: boolean;
  readonly containers: ReturnType<UsedBy>;
}

/**
 * By tag: that tag goes, and with the last one the image, if no container stands on it. By id: the image
 * goes, with a tag if it has just one; `force` overrules several tags and stopped containers, never running ones.
 * @throws conflict
 */
export function planRemoval(asked: Asked): Removal {
  return asked.tag === undefined ? byId(asked) : byTag(asked, asked.tag);
}

function byTag({ reference, image, tags, force, containers }: Asked, tag: string): Removal {
  const [user] = containers;
  if (!force && tags.length === 1 && user) {
    throw conflict(
      `conflict: unable to remove repository reference ${JSON.stringify(reference)} (must force) - ` +
        `container ${shortId(user.id)} is using its referenced image ${shortId(image)}`,
    );
  }
  const last = tags.every((other) => other === tag);
  const held = containers.some(({ running }) => running) || (!force && containers.length > 0);
  return { untag: [tag], deleted: last && !held };
}

function byId({ image, tags, force, containers }: Asked): Removal {
  const running = containers.find((container) => container.running);
  if (running) {
    throw refusal(image, "cannot be forced", `being used by running container ${shortId(running.id)}`);
  }
  if (!force && tags.length > 1) {
    throw refusal(image, "must be forced", "referenced in multiple repositories");
  }
  const [stopped] = containers;
  if (!force && stopped) {
    throw refusal(image, "must be forced", `being used by stopped container ${shortId(stopped.id)}`);
  }
  return { untag: tags, deleted: true };
}

const refusal = (image: ImageID, remedy: string, why: string) =>
  conflict(`conflict: unable to delete ${shortId(image)} (${remedy}) - image is ${why}`);
