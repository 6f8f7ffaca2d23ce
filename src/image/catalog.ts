/**
 * Which images, tags and layers there are: read from the store at start, kept in memory, and changed there
 * and here together. A change is one commit: it stands whole or not at all.
 *
 *     image/<sha256:…>       { config: JSON text whose digest is the key }
 *     layer/<sha256:…>       LayerRecord
 *     reference/<whole form> the image's id
 */
import { internal } from "../lib/errors.ts";
import type { ImageID } from "../lib/ids.ts";
import type { Change, Json, Store } from "../store/kv.ts";
import { type Description, decodeConfig, toImage } from "./describe/oci-config.ts";
import type { LayerRecord } from "./layers/layers.ts";
import { familiar, parseReference } from "./reference.ts";
import type { DiffID, Image } from "./types.ts";

/** What one commit adds and takes away. */
export interface Edit {
  readonly add?: { readonly id: ImageID; readonly config: string };
  readonly addLayer?: { readonly diffId: DiffID; readonly record: LayerRecord };
  readonly tag?: { readonly reference: string; readonly id: ImageID };
  readonly untag?: readonly string[];
  readonly remove?: ImageID;
  readonly removeLayers?: readonly DiffID[];
}

interface Kept {
  readonly config: string;
  readonly description: Description;
}

export class Catalog {
  readonly #store: Store;
  readonly #kept = new Map<ImageID, Kept>();
  readonly #layers = new Map<DiffID, LayerRecord>();
  /** By whole form. */
  readonly #references = new Map<string, ImageID>();
  #images: ReadonlyMap<ImageID, Image> = new Map();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws internal where what is stored is damaged */
  async start(): Promise<void> {
    for (const { key, value } of await this.#store.list("layer/")) {
      this.#layers.set(key.slice("layer/".length) as DiffID, value as unknown as LayerRecord);
    }
    for (const { key, value } of await this.#store.list("image/")) {
      const id = key.slice("image/".length) as ImageID;
      const { config } = value as { readonly config: string };
      this.#kept.set(id, { config, description: decodeConfig(id, config) });
    }
    for (const { key, value } of await this.#store.list("reference/")) {
      this.#references.set(key.slice("reference/".length), value as ImageID);
    }
    this.#refresh();
  }

  images(): ReadonlyMap<ImageID, Image> {
    return this.#images;
  }

  layers(): ReadonlyMap<DiffID, LayerRecord> {
    return this.#layers;
  }

  /** @throws internal */
  layer(diffId: DiffID): LayerRecord {
    const record = this.#layers.get(diffId);
    if (!record) throw internal(`layer ${diffId} is not known`);
    return record;
  }

  tagged(reference: string): ImageID | undefined {
    return this.#references.get(reference);
  }

  /** Whole forms, in order. */
  tagsOf(id: ImageID): string[] {
    return [...this.#references].flatMap(([reference, image]) => (image === id ? [reference] : [])).sort();
  }

  /** Layers that an image other than `except` is made of. */
  layersInUse(except?: ImageID): Set<DiffID> {
    return new Set(
      [...this.#kept].flatMap(([id, { description }]) => (id === except ? [] : description.diffIds)),
    );
  }

  async commit(edit: Edit): Promise<void> {
    const { add, addLayer, tag, untag = [], remove, removeLayers = [] } = edit;
    // Decoded first: what does not decode is not stored.
    const description = add && decodeConfig(add.id, add.config);
    const set = (key: string, value: Json): Change => ({ key, value });
    await this.#store.commit([
      ...(addLayer ? [set(`layer/${addLayer.diffId}`, { ...addLayer.record })] : []),
      ...(add ? [set(`image/${add.id}`, { config: add.config })] : []),
      ...(tag ? [set(`reference/${tag.reference}`, tag.id)] : []),
      ...untag.map((reference) => ({ key: `reference/${reference}` })),
      ...(remove ? [{ key: `image/${remove}` }] : []),
      ...removeLayers.map((diffId) => ({ key: `layer/${diffId}` })),
    ]);
    if (addLayer) this.#layers.set(addLayer.diffId, addLayer.record);
    if (add && description) this.#kept.set(add.id, { config: add.config, description });
    if (tag) this.#references.set(tag.reference, tag.id);
    for (const reference of untag) this.#references.delete(reference);
    if (remove) this.#kept.delete(remove);
    for (const diffId of removeLayers) this.#layers.delete(diffId);
    this.#refresh();
  }

  #refresh(): void {
    const tags = new Map<ImageID, string[]>();
    for (const [reference, id] of this.#references) {
      tags.set(id, [...(tags.get(id) ?? []), familiar(parseReference(reference))]);
    }
    const sizeOf = (diffId: DiffID) => this.#layers.get(diffId)?.size ?? 0;
    this.#images = new Map(
      [...this.#kept].map(([id, { description }]) => [
        id,
        toImage(id, description, (tags.get(id) ?? []).sort(), sizeOf),
      ]),
    );
  }
}
