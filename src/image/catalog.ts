/**
 * Which images, tags and layers there are: read from the store at start, kept in memory, and changed there
 * and here together. A change is one commit: it stands whole or not at all.
 *
 *     image/<sha256:…>       ImageRecord
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

/** What the store keeps of an image. */
export interface ImageRecord {
  /** JSON text, as it came: its digest is the image's id. */
  readonly config: string;
  readonly parent?: ImageID;
  /** RFC 3339: when it was tagged last. */
  readonly tagged?: string;
}

/** What one commit adds and takes away. */
export interface Edit {
  /** A known image keeps what the new record does not say. */
  readonly add?: { readonly id: ImageID; readonly record: ImageRecord };
  readonly addLayer?: { readonly diffId: DiffID; readonly record: LayerRecord };
  /** Names that the image has from now on, whole forms. */
  readonly name?: { readonly references: readonly string[]; readonly id: ImageID };
  readonly untag?: readonly string[];
  readonly remove?: readonly ImageID[];
  readonly removeLayers?: readonly DiffID[];
}

interface Kept {
  readonly record: ImageRecord;
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
      const record = value as unknown as ImageRecord;
      this.#kept.set(id, { record, description: decodeConfig(id, record.config) });
    }
    for (const { key, value } of await this.#store.list("reference/")) {
      this.#references.set(key.slice("reference/".length), value as ImageID);
    }
    this.#refresh();
  }

  images(): ReadonlyMap<ImageID, Image> {
    return this.#images;
  }

  /** Its config as it came. */
  config(id: ImageID): string | undefined {
    return this.#kept.get(id)?.record.config;
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

  /** Whole forms to images. */
  references(): ReadonlyMap<string, ImageID> {
    return this.#references;
  }

  /** Whole forms, tags and digests, in order. */
  namesOf(id: ImageID): string[] {
    return [...this.#references].flatMap(([reference, image]) => (image === id ? [reference] : [])).sort();
  }

  /** Layers that an image is made of; one other than these. */
  layersInUse(but: readonly ImageID[] = []): Set<DiffID> {
    const images = [...this.#kept].filter(([id]) => !but.includes(id));
    return new Set(images.flatMap(([, { description }]) => description.diffIds));
  }

  async commit(edit: Edit): Promise<void> {
    const { add, addLayer, name, untag = [], remove = [], removeLayers = [] } = edit;
    // Decoded first: what does not decode is not stored.
    const kept = add && this.#merged(add.id, add.record);
    const set = (key: string, value: Json): Change => ({ key, value });
    await this.#store.commit([
      ...(addLayer ? [set(`layer/${addLayer.diffId}`, { ...addLayer.record })] : []),
      ...(add && kept ? [set(`image/${add.id}`, { ...kept.record })] : []),
      ...(name ? name.references.map((reference) => set(`reference/${reference}`, name.id)) : []),
      ...untag.map((reference) => ({ key: `reference/${reference}` })),
      ...remove.map((id) => ({ key: `image/${id}` })),
      ...removeLayers.map((diffId) => ({ key: `layer/${diffId}` })),
    ]);
    if (addLayer) this.#layers.set(addLayer.diffId, addLayer.record);
    if (add && kept) this.#kept.set(add.id, kept);
    if (name) for (const reference of name.references) this.#references.set(reference, name.id);
    for (const reference of untag) this.#references.delete(reference);
    for (const id of remove) this.#kept.delete(id);
    for (const diffId of removeLayers) this.#layers.delete(diffId);
    this.#refresh();
  }

  #merged(id: ImageID, record: ImageRecord): Kept {
    const known = this.#kept.get(id);
    return {
      record: { ...known?.record, ...record },
      description: known?.description ?? decodeConfig(id, record.config),
    };
  }

  #refresh(): void {
    const names = new Map<ImageID, string[]>();
    for (const [reference, id] of this.#references) {
      const short = familiar(parseReference(reference));
      const others = names.get(id);
      if (others) others.push(short);
      else names.set(id, [short]);
    }
    const sizeOf = (diffId: DiffID) => this.#layers.get(diffId)?.size ?? 0;
    this.#images = new Map(
      [...this.#kept].map(
        ([
          id,
          {
            description,
            record: { parent, tagged },
          },
        ]) => [id, toImage(id, description, { names: (names.get(id) ?? []).sort(), parent, tagged }, sizeOf)],
      ),
    );
  }
}
