/** Layers coming and going: unpacked once however many bring them, held while they are needed, freed after. */
import * as fs from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { invalid, messageOf } from "../../lib/errors.ts";
import type { ImageID } from "../../lib/ids.ts";
import type { Logger } from "../../lib/log.ts";
import type { Mutex } from "../../lib/mutex.ts";
import { undoing } from "../../lib/undo.ts";
import { decompress } from "../../tar/decompress.ts";
import type { Catalog, Edit } from "../catalog.ts";
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

  /**
   * What was held may go, unless something stands on it by now. Never rejects: what it was held for is done, or has
   * failed for a reason of its own, and what could not be freed goes with the next start.
   */
  async release(layers: readonly DiffID[]): Promise<void> {
    for (const layer of layers) {
      const others = (this.#holds.get(layer) ?? 0) - 1;
      if (others > 0) this.#holds.set(layer, others);
      else this.#holds.delete(layer);
    }
    const used = this.#used();
    if (layers.every((layer) => used.has(layer))) return;
    try {
      await this.#parts.turn.run(() => this.free(layers));
    } catch (error) {
      this.#parts.logger.error(
        { layers, error: messageOf(error) },
        "layers that nobody needs were not freed",
      );
    }
  }

  /**
   * In turn only. Remove those of `candidates` that nothing stands on, in one commit with the images and names that
   * `also` takes away. @returns which they were
   */
  async free(candidates: readonly DiffID[], also?: Pick<Edit, "untag" | "remove">): Promise<DiffID[]> {
    const { catalog, layers } = this.#parts;
    const used = this.#used(also?.remove);
    const free = [...new Set(candidates)].filter((layer) => catalog.layers().has(layer) && !used.has(layer));
    if (free.length === 0 && !also) return [];
    const records = free.map((layer) => [layer, catalog.layer(layer)] as const);
    await catalog.commit({ ...also, removeLayers: free });
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
    stream.once("close", () => void this.release([diffId]));
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
        if (!known) undo.push("place the layer", () => layers.remove(diffId, record));
        layers.adopt(staged, diffId, record.link);
        await catalog.commit({ addLayer: { diffId, record } });
      }),
    );
  }

  #hold(layer: DiffID): void {
    this.#holds.set(layer, (this.#holds.get(layer) ?? 0) + 1);
  }

  /** @param but images that go */
  #used(but?: readonly ImageID[]): Set<DiffID> {
    const { catalog, mounted } = this.#parts;
    return new Set([...catalog.layersInUse(but), ...mounted(), ...this.#holds.keys()]);
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
