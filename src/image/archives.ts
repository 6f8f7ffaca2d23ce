/** Images into archives and out of them: which are meant, and what they are called there and here. */
import { Readable } from "node:stream";
import { invalid, notFound } from "../lib/errors.ts";
import type { ImageID } from "../lib/ids.ts";
import { readArchive } from "./archive/load.ts";
import { archiveOf, type Saved } from "./archive/save.ts";
import type { Catalog } from "./catalog.ts";
import { formatPlatform, matchesPlatform, parsePlatform } from "./describe/platform.ts";
import type { Intake } from "./intake.ts";
import type { Trash } from "./layers/trash.ts";
import { keyOf, mustFind } from "./lookup.ts";
import { familiar, parseReference, repositoryOf } from "./reference.ts";
import type { Image, Loaded, OnLayer, OutgoingImage } from "./types.ts";

interface Parts {
  readonly catalog: Catalog;
  readonly intake: Intake;
  readonly trash: Trash;
  readonly contents: (image: ImageID) => Promise<OutgoingImage>;
  readonly publish: (action: "load" | "save", image: Image) => void;
}

export class Archives {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @throws not-found, invalid; later, on the stream, where a layer is damaged */
  async save(references: readonly string[], platform?: string): Promise<Readable> {
    const wanted = platform ? parsePlatform(platform) : undefined;
    const meant = this.#meant(references);
    const images = await Promise.all(
      [...meant].map(async ([id, keys]): Promise<Saved> => {
        const contents = await this.#parts.contents(id);
        if (wanted && !matchesPlatform(wanted, contents.image)) {
          throw notFound(`no suitable export target found for platform ${formatPlatform(wanted)}`);
        }
        return { contents, tags: [...keys].sort().map(tagOf) };
      }),
    );
    const { publish } = this.#parts;
    async function* told() {
      yield* archiveOf(images);
      for (const { contents } of images) publish("save", contents.image);
    }
    return Readable.from(told(), { objectMode: false, highWaterMark: 1 << 18 });
  }

  /** @throws invalid, not-found */
  async load(
    tar: Readable,
    { platform, onLayer }: { readonly platform?: string; readonly onLayer?: OnLayer },
  ): Promise<readonly Loaded[]> {
    const { catalog, intake, trash, publish } = this.#parts;
    const loaded: Loaded[] = [];
    const parents: [Image, ImageID][] = [];
    await readArchive(tar, { platform, trash }, async ({ parent, ...offered }) => {
      const keys = [...new Set(offered.references.map((reference) => keyOf(parseReference(reference))))];
      const before = keys.map((key) => [key, catalog.references().get(key)] as const);
      const image = await intake.add({ ...offered, ...(onLayer && { onLayer }) });
      if (parent) parents.push([image, parent as ImageID]);
      loaded.push({
        image,
        references: keys.map((key) => familiar(parseReference(key))),
        replaced: before.flatMap(([key, id]) =>
          id && id !== image.id ? [{ reference: familiar(parseReference(key)), image: id }] : [],
        ),
      });
      publish("load", image);
    });
    for (const [image, parent] of parents) await intake.adoptParent(image.id, parent);
    return loaded;
  }

  /** Images, and the keys of the tags that each is saved under. */
  #meant(references: readonly string[]): Map<ImageID, Set<string>> {
    if (references.length === 0) throw invalid("name at least one image");
    const { catalog } = this.#parts;
    const meant = new Map<ImageID, Set<string>>();
    const add = (id: ImageID, key?: string) => {
      const keys = meant.get(id) ?? new Set();
      meant.set(id, keys);
      if (key !== undefined && !key.includes("@")) keys.add(key);
    };
    for (const reference of references) {
      const whole = this.#repository(reference);
      for (const [key, id] of whole) add(id, key);
      if (whole.length > 0) continue;
      const { image, key } = mustFind(catalog, reference);
      add(image.id, key);
    }
    return meant;
  }

  /** All tags of a repository, where `reference` is the name of one alone. */
  #repository(reference: string): (readonly [key: string, ImageID])[] {
    // An id is no name, though it may read like one.
    if (/^(sha256:)?[0-9a-f]{64}$/.test(reference)) return [];
    const parsed = parseReference(reference);
    if (parsed.tag !== undefined || parsed.digest !== undefined) return [];
    const { catalog } = this.#parts;
    return [...catalog.references()].filter(
      ([key]) => repositoryOf(parseReference(key)) === repositoryOf(parsed),
    );
  }
}

function tagOf(key: string): Saved["tags"][number] {
  const reference = parseReference(key);
  return { reference, familiar: familiar(reference), tag: reference.tag ?? "" };
}
