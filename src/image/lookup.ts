/** Which image a name, an id or the beginning of one means. */
import { invalid, notFound } from "../lib/errors.ts";
import type { ImageID } from "../lib/ids.ts";
import type { Catalog } from "./catalog.ts";
import { canonical, familiar, parseReference, type Reference, withDefaultTag } from "./reference.ts";
import type { Image } from "./types.ts";

/** A whole id, which is never a name. */
const isId = (reference: string): boolean => /^(sha256:)?[0-9a-f]{64}$/.test(reference);

/** How the catalog keys a name: a digest says all that a tag beside it could. */
export const keyOf = ({ tag, ...reference }: Reference): string =>
  canonical(
    reference.digest === undefined && tag !== undefined ? { ...reference, tag } : withDefaultTag(reference),
  );

/** The whole form of a tag that an image can be given. @throws invalid */
export function taggable(reference: string): string {
  const parsed = parseReference(reference);
  if (parsed.digest !== undefined) throw invalid("refusing to create a tag with a digest reference");
  return keyOf(parsed);
}

/** As people see it, or the id that was asked for. */
const shownForm = (reference: string): string =>
  isId(reference) ? reference : familiar(withDefaultTag(parseReference(reference)));

export interface Lookup {
  readonly image: Image;
  /** The catalog's key, where it was found by name. */
  readonly key: string | undefined;
}

/** @throws invalid for what can't be a reference, and for a beginning that several ids have */
export function lookUp(catalog: Catalog, reference: string): Lookup | undefined {
  const digits = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(reference)?.[1];
  if (digits?.length !== 64) {
    const key = keyOf(parseReference(reference));
    const id = catalog.references().get(key);
    const image = id && catalog.images().get(id);
    if (image) return { image, key };
  }
  if (digits === undefined) return undefined;
  if (digits.length === 64) {
    const image = catalog.images().get(`sha256:${digits}` as ImageID);
    return image && { image, key: undefined };
  }
  const matches = [...catalog.images().values()].filter(({ id }) => id.startsWith(`sha256:${digits}`));
  if (matches.length > 1) throw invalid(`multiple IDs found with provided prefix: ${reference}`);
  return matches[0] && { image: matches[0], key: undefined };
}

/** @throws not-found in Docker's words */
export function mustFind(catalog: Catalog, reference: string): Lookup {
  const found = lookUp(catalog, reference);
  if (!found) throw notFound(`No such image: ${shownForm(reference)}`);
  return found;
}
