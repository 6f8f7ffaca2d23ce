/** What containers wrote: told, made a layer, and read out with all that it lies on. */
import { Readable } from "node:stream";
import { notFound } from "../lib/errors.ts";
import type { ContainerID } from "../lib/ids.ts";
import type { Catalog } from "./catalog.ts";
import { applyChanges } from "./describe/changes.ts";
import { committed } from "./describe/committed.ts";
import type { Intake } from "./intake.ts";
import { layerItems, mergedItems, tarOf } from "./layers/tree-tar.ts";
import { taggable } from "./lookup.ts";
import { changesOf, itemsOf, shownChange } from "./rootfs/changes.ts";
import type { RootFilesystems } from "./rootfs/rootfs.ts";
import type { CommitRequest, FilesystemChange, Image } from "./types.ts";

export class Written {
  readonly #rootfs: RootFilesystems;
  readonly #catalog: Catalog;
  readonly #intake: Intake;

  constructor(rootfs: RootFilesystems, catalog: Catalog, intake: Intake) {
    this.#rootfs = rootfs;
    this.#catalog = catalog;
    this.#intake = intake;
  }

  async changes(container: ContainerID): Promise<readonly FilesystemChange[]> {
    return (await changesOf(this.#rootfs.stackOf(container))).map(shownChange);
  }

  /** @throws not-found where its image is gone; invalid for changes or a name that can't be */
  async commit(request: CommitRequest): Promise<Image> {
    const base = this.#catalog.images().get(request.base);
    if (!base) throw notFound(`No such image: ${request.base}`);
    const references = request.reference === undefined ? [] : [taggable(request.reference)];
    const config = applyChanges(request.config, request.changes);
    const stack = this.#rootfs.stackOf(request.container);
    const items = stack.whole ? itemsOf(await changesOf(stack)) : layerItems(stack.own);
    return this.#intake.make(tarOf(items), ({ diffId }) => committed(base, { ...request, config }, diffId), {
      references,
      parent: base.id,
      ...(references.length > 0 && { tagged: new Date().toISOString() }),
    });
  }

  /** Read from its layers as they are: nothing has to be mounted, and what is stays so. */
  async export(container: ContainerID): Promise<Readable> {
    const { own, whole, below } = this.#rootfs.stackOf(container);
    const tar = tarOf(mergedItems(whole ? [own] : [own, ...below]));
    return Readable.from(tar, { objectMode: false, highWaterMark: 1 << 18 });
  }
}
