/** Layers coming and going: unpacked once however many bring them, held while they are needed, freed after. */
import * as fs from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { invalid } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Mutex } from "../../lib/mutex.ts";
import { undoing } from "../../lib/undo.ts";
import { decompress } from "../../tar/decompress.ts";
import type { Catalog } from "../catalog.ts";
import type { DiffID, IncomingLayer, OnLayer } from "../types.ts";
import type { Layers } from "./layers.ts";
import { type LayerFiles, tarAgain, verified } from "./tar-again.ts";
import type { Trash } from "./trash.ts";
import { treeTar } from "./tree-tar.ts";
import { type Unpacked, unpack } from "./unpack.ts";

interface Parts {
  readonly layers: Layers;
  readonly catalog: Catalog;
  readonly trash: Trash;
  readonly logger: Logger;
  /** What is in use and what goes must not be decided twice at a time. */
  readonly turn: Mutex;
  /** Layers that containers stand on. */
  readonly mounted: () => ReadonlySet<DiffID>;
}

export class LayerKeeper {
  readonly #parts: Parts;
  /** How many hold a layer that no image or container may stand on, yet or any more. */
  readonly #holds = new Map<DiffID, number>();
  readonly #coming = new Map<DiffID, Promise<void>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Have the layer here, and hold it until `release`. Of several that bring it at the same time one does the
   * work; where it fails, the next tries with its own.
   * @throws invalid where what comes is damaged, or has another digest
   */
  async take(layer: IncomingLayer, tell: OnLayer = () => {}): Promise<void> {
    const { diffId } = layer;
    this.#hold(diffId);
    try {
      for (;;) {
        if (await this.#isHere(diffId)) {
          tell(diffId, "exists", this.#parts.catalog.layer(diffId).size);
          return;
        }
        const coming = this.#coming.get(diffId);
        if (!coming) break;
        await coming.catch(() => {}); // whoever brings it hears of the failure
      }
      const work = this.#bring(layer, tell).finally(() => this.#coming.delete(diffId));
      this.#coming.set(diffId, work);
      await work;
    } catch (thrown) {
      await this.release([diffId]);
      throw thrown;
    }
  }

  /** Unpack a tar whose digest nobody knows beforehand; hold the layer until `release`. */
  async make(source: AsyncIterable<Buffer>): Promise<Unpacked> {
    return this.#staged(async (staged) => {
      const unpacked = await this.#unpack(source, staged);
      this.#hold(unpacked.diffId);
      try {
        await this.#adopt(staged, unpacked);
        return unpacked;
      } catch (thrown) {
        await this.release([unpacked.diffId]);
        throw thrown;
      }
    });
  }

  /** What was held may go, unless something stands on it by now. */
  async release(layers: readonly DiffID[]): Promise<void> {
    for (const layer of layers) {
      const others = (this.#holds.get(layer) ?? 0) - 1;
      if (others > 0) this.#holds.set(layer, others);
      else this.#holds.delete(layer);
    }
    const used = this.#used();
    if (layers.some((layer) => !used.has(layer))) await this.#parts.turn.run(() => this.free(layers));
  }

  /** In turn only. Remove those of `candidates` that nothing stands on. @returns which they were */
  async free(candidates: readonly DiffID[]): Promise<DiffID[]> {
    const { catalog, layers } = this.#parts;
    const used = this.#used();
    const free = [...new Set(candidates)].filter((layer) => catalog.layers().has(layer) && !used.has(layer));
    if (free.length === 0) return [];
    const records = free.map((layer) => [layer, catalog.layer(layer)] as const);
    await catalog.commit({ removeLayers: free });
    for (const [layer, record] of records) layers.remove(layer, record);
    return free;
  }

  /** Bytes of the layer's tar. */
  async tarSize(diffId: DiffID): Promise<number> {
    const { tar } = this.#parts.catalog.layer(diffId);
    if (tar !== undefined) return tar;
    let size = 0;
    for await (const chunk of this.#tar(diffId)) size += chunk.length;
    return size;
  }

  /** The layer's tar; the layer stays for as long as it is read. */
  open(diffId: DiffID): Readable {
    const stream = this.#tar(diffId);
    this.#hold(diffId);
    stream.once("close", () => {
      this.release([diffId]).catch((error: unknown) => {
        this.#parts.logger.error({ layer: diffId, error }, "a layer that nobody needs was not freed");
      });
    });
    return stream;
  }

  #tar(diffId: DiffID): Readable {
    const { layers, catalog } = this.#parts;
    const files = layers.files(diffId);
    if (catalog.layer(diffId).tar !== undefined) {
      return verified(
        diffId,
        tarAgain(files),
        "its files were changed or damaged: load or pull its image again",
      );
    }
    const why = "it was made by an older engine, which did not keep its form: import or load its image again";
    return verified(diffId, treeTar(files.tree), why);
  }

  /** In turn, so that nothing that is about to be freed counts. */
  #isHere(diffId: DiffID): Promise<boolean> {
    const { layers, catalog, turn } = this.#parts;
    return turn.run(async () => {
      const record = catalog.layers().get(diffId);
      return record !== undefined && layers.isWhole(diffId, record);
    });
  }

  #bring(layer: IncomingLayer, tell: OnLayer): Promise<void> {
    return this.#staged(async (staged) => {
      let bytes = 0;
      const source = counted(await layer.open(), (length) => {
        bytes += length;
        tell(layer.diffId, "extracting", bytes, layer.size);
      });
      const unpacked = await this.#unpack(await decompress(source), staged);
      if (unpacked.diffId !== layer.diffId) {
        throw invalid(`layer ${layer.diffId} is damaged: what came has the digest ${unpacked.diffId}`);
      }
      await this.#adopt(staged, unpacked);
      tell(layer.diffId, "complete", bytes, layer.size);
    });
  }

  async #unpack(source: AsyncIterable<Buffer>, { tree, recipe }: LayerFiles): Promise<Unpacked> {
    const unpacked = await unpack(source, tree, recipe);
    if (unpacked.leftOut.length > 0) {
      this.#parts.logger.warn(
        { attributes: unpacked.leftOut },
        "the data root's file system does not hold these extended attributes: left out",
      );
    }
    return unpacked;
  }

  /** Directories out of everyone's sight; what is left in them afterwards is thrown away. */
  async #staged<T>(work: (staged: LayerFiles) => Promise<T>): Promise<T> {
    const { trash } = this.#parts;
    const home = trash.stage();
    const staged = { tree: join(home, "tree"), recipe: join(home, "recipe") };
    try {
      for (const path of [staged.tree, staged.recipe]) fs.mkdirSync(path);
      fs.chmodSync(staged.tree, 0o755); // whatever the umask
      return await work(staged);
    } finally {
      trash.discard(home);
    }
  }

  #adopt(staged: LayerFiles, { diffId, size, tarSize, root }: Unpacked): Promise<void> {
    const { layers, catalog, turn } = this.#parts;
    return turn.run(() =>
      undoing(async (undo) => {
        const known = catalog.layers().get(diffId);
        const record = { size, link: known?.link ?? layers.newLink(), tar: tarSize, root };
        layers.adopt(staged, diffId, record.link);
        if (!known) undo.push("place the layer", () => layers.remove(diffId, record));
        await catalog.commit({ addLayer: { diffId, record } });
      }),
    );
  }

  #hold(layer: DiffID): void {
    this.#holds.set(layer, (this.#holds.get(layer) ?? 0) + 1);
  }

  #used(): Set<DiffID> {
    return new Set([...this.#parts.catalog.layersInUse(), ...this.#parts.mounted(), ...this.#holds.keys()]);
  }
}

async function* counted(
  source: AsyncIterable<Buffer>,
  count: (length: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    count(chunk.length);
    yield chunk;
  }
}
