/** Images coming in: their layers held while they come, then config and names in one commit. */
import { doing, invalid, notFound } from "../lib/errors.ts";
import type { ImageID } from "../lib/ids.ts";
import type { Mutex } from "../lib/mutex.ts";
import type { Catalog } from "./catalog.ts";
import { configText, type Description, encodeConfig, imageIdOf, readConfig } from "./describe/oci-config.ts";
import type { LayerKeeper } from "./layers/keeper.ts";
import type { Unpacked } from "./layers/unpack.ts";
import { keyOf } from "./lookup.ts";
import { parseReference } from "./reference.ts";
import type { DiffID, Image, IncomingImage } from "./types.ts";

/** As many as overlayfs shows at once (OVL_MAX_STACK): what has more never runs. */
const MOST_LAYERS = 500;

export interface Standing {
  /** Whole forms. */
  readonly references: readonly string[];
  readonly parent?: ImageID;
  /** RFC 3339, where it counts as tagged here. */
  readonly tagged?: string;
}

export class Intake {
  readonly #catalog: Catalog;
  readonly #keeper: LayerKeeper;
  readonly #turn: Mutex;

  constructor(catalog: Catalog, keeper: LayerKeeper, turn: Mutex) {
    this.#catalog = catalog;
    this.#keeper = keeper;
    this.#turn = turn;
  }

  /** @throws invalid */
  async add({ config: bytes, layers, references, parent, onLayer }: IncomingImage): Promise<Image> {
    const config = configText(bytes);
    const { diffIds } = readConfig(config);
    const names = references.map((reference) => keyOf(parseReference(reference)));
    if (layers.length !== diffIds.length) {
      throw invalid(
        `invalid manifest, layers length mismatch: expected ${layers.length}, got ${diffIds.length}`,
      );
    }
    if (layers.length > MOST_LAYERS) throw invalid("max depth exceeded");
    const held: DiffID[] = [];
    try {
      for (const [i, layer] of layers.entries()) {
        if (layer.diffId !== diffIds[i]) {
          throw invalid(`layer ${layer.diffId} is none of the image's: its config says ${diffIds[i]}`);
        }
        await doing(`layer ${layer.diffId}`, () => this.#keeper.take(layer, onLayer));
        held.push(layer.diffId);
      }
      return await this.#register(config, { references: names, ...(parent && { parent }) });
    } finally {
      await this.#keeper.release(held);
    }
  }

  /** An image made here: the layer out of `tar` on top of what `describe` puts below it. */
  async make(
    tar: AsyncIterable<Buffer>,
    describe: (layer: Unpacked) => Description,
    standing: Standing,
  ): Promise<Image> {
    const layer = await this.#keeper.make(tar);
    try {
      return await this.#register(encodeConfig(describe(layer)), standing);
    } finally {
      await this.#keeper.release([layer.diffId]);
    }
  }

  /** Note what an image was made from, where that is here and its history says so too. */
  adoptParent(id: ImageID, parent: ImageID): Promise<void> {
    return this.#turn.run(async () => {
      const [config, image, above] = [
        this.#catalog.config(id),
        this.#catalog.images().get(id),
        this.#catalog.images().get(parent),
      ];
      if (config === undefined || !image || !above || id === parent) return;
      const steps = image.history.slice(0, above.history.length);
      const grown = image.history.length - above.history.length === 1;
      if (!grown || JSON.stringify(steps) !== JSON.stringify(above.history)) return;
      await this.#catalog.commit({ add: { id, record: { config, parent } } });
    });
  }

  #register(config: string, { references, parent, tagged }: Standing): Promise<Image> {
    const id = imageIdOf(config);
    return this.#turn.run(async () => {
      await this.#catalog.commit({
        add: { id, record: { config, ...(parent && { parent }), ...(tagged && { tagged }) } },
        name: { references, id },
      });
      const image = this.#catalog.images().get(id);
      if (!image) throw notFound(`No such image: ${id}`);
      return image;
    });
  }
}
