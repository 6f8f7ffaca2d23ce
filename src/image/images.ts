/** Images and containers' root filesystems: the parts of this room put together. */
import * as fs from "node:fs";
import { join } from "node:path";
import { invalid, notFound } from "../lib/errors.ts";
import type { EngineEvent } from "../lib/events.ts";
import type { ContainerID, ImageID } from "../lib/ids.ts";
import type { Logger } from "../lib/log.ts";
import { Mutex } from "../lib/mutex.ts";
import { undoing } from "../lib/undo.ts";
import type { Store } from "../store/kv.ts";
import { archive, busyboxContents, busyboxDescription, findBusybox } from "./busybox.ts";
import { Catalog } from "./catalog.ts";
import { applyChanges } from "./describe/changes.ts";
import {
  chainIdsOf,
  type Description,
  encodeConfig,
  imageIdOf,
  parsePlatform,
} from "./describe/oci-config.ts";
import { Layers } from "./layers/layers.ts";
import { Trash } from "./layers/trash.ts";
import { type Unpacked, unpack } from "./layers/unpack.ts";
import { canonical, familiar, parseReference, withDefaultTag } from "./reference.ts";
import { planRemoval } from "./removal.ts";
import { probeOverlay } from "./rootfs/overlay.ts";
import { type DriverName, RootFilesystems } from "./rootfs/rootfs.ts";
import { decompress } from "./tar/decompress.ts";
import type { DiffID, Image, Images, ImportRequest, Removed, RootFilesystem, UsedBy } from "./types.ts";

export interface ImagesOptions {
  readonly store: Store;
  readonly dataRoot: string;
  readonly logger: Logger;
  readonly publish: (event: Omit<EngineEvent, "time">) => void;
  /** Where to look for the built-in image's busybox; where distributions put it, by default. */
  readonly busyboxPaths?: readonly string[];
}

export const createImages = (options: ImagesOptions): Images => new LocalImages(options);

const BUILT_IN = "docker.io/library/busybox:latest";

class LocalImages implements Images {
  readonly #options: ImagesOptions;
  readonly #root: string;
  readonly #catalog: Catalog;
  readonly #trash: Trash;
  readonly #layers: Layers;
  readonly #rootfs: RootFilesystems;
  /** What is in use and what goes must not be decided twice at a time. */
  readonly #mutex = new Mutex();
  #driver: DriverName = "overlay2";
  #making: Promise<Image> | undefined;

  constructor(options: ImagesOptions) {
    this.#options = options;
    this.#root = join(options.dataRoot, "images");
    this.#catalog = new Catalog(options.store);
    this.#trash = new Trash(join(this.#root, "tmp"), options.logger);
    this.#layers = new Layers(this.#root, this.#trash);
    this.#rootfs = new RootFilesystems(
      join(options.dataRoot, "overlay"),
      this.#layers,
      this.#trash,
      options.logger,
    );
  }

  get storageDriver(): DriverName {
    return this.#driver;
  }

  async start(): Promise<void> {
    fs.mkdirSync(this.#root, { recursive: true, mode: 0o710 });
    this.#trash.start();
    await this.#catalog.start();
    this.#layers.start(this.#catalog.layers());
    this.#rootfs.start();
    await this.#mutex.run(() => this.#free([...this.#catalog.layers().keys()]));
    await this.#probe();
  }

  async stop(): Promise<void> {
    await this.#mutex.run(() => this.#trash.settle());
  }

  list(): readonly Image[] {
    return [...this.#catalog.images().values()];
  }

  find(reference: string): Image | undefined {
    const digits = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(reference)?.[1];
    const id = digits?.length === 64 ? undefined : this.#tagged(reference);
    if (id) return this.#catalog.images().get(id);
    if (digits === undefined) return undefined;
    const matches = this.list().filter((image) => image.id.startsWith(`sha256:${digits}`));
    if (matches.length > 1) throw invalid(`multiple IDs found with provided prefix: ${reference}`);
    return matches[0];
  }

  async resolve(reference: string): Promise<Image> {
    const image = this.find(reference);
    if (image) return image;
    if (isId(reference)) throw notFound(`No such image: ${reference}`);
    const named = withDefaultTag(parseReference(reference));
    if (canonical(named) === BUILT_IN) return this.#builtIn();
    throw notFound(
      `No such image: ${familiar(named)} (nothing is pulled here yet: bring it with 'docker import FILE ` +
        `${familiar(named)}', FILE being what 'docker export' wrote elsewhere; 'busybox' is built in)`,
    );
  }

  async import(request: ImportRequest): Promise<Image> {
    const platform = parsePlatform(request.platform ?? "");
    const config = applyChanges({}, request.changes);
    const reference = request.reference === undefined ? undefined : taggable(request.reference);
    const unpacked = await this.#stage(async (directory) => unpack(await decompress(request.tar), directory));
    const created = new Date().toISOString();
    const comment = request.message;
    const image = await this.#register(unpacked, reference, {
      ...platform,
      created,
      author: "",
      comment,
      config,
      diffIds: [unpacked.diffId],
      history: [{ created, createdBy: "", comment, emptyLayer: false }],
    });
    this.#publish("import", image.id, image.id, image.config.Labels);
    return image;
  }

  async tag(image: ImageID, reference: string): Promise<void> {
    const whole = taggable(reference);
    await this.#mutex.run(async () => {
      if (!this.#catalog.images().has(image)) throw notFound(`No such image: ${image}`);
      await this.#catalog.commit({ tag: { reference: whole, id: image } });
    });
    this.#tagEvent(image, whole);
  }

  remove(
    reference: string,
    { force, usedBy }: { readonly force: boolean; readonly usedBy: UsedBy },
  ): Promise<readonly Removed[]> {
    return this.#mutex.run(async () => {
      const image = this.find(reference);
      if (!image) {
        throw notFound(`No such image: ${isId(reference) ? reference : shownForm(reference)}`);
      }
      const byId = [image.id, image.id.slice("sha256:".length)].some((id) => id.startsWith(reference));
      const plan = planRemoval({
        reference,
        image: image.id,
        tag: byId ? undefined : canonical(withDefaultTag(parseReference(reference))),
        tags: this.#catalog.tagsOf(image.id),
        force,
        containers: usedBy(image.id),
      });
      await this.#catalog.commit({ untag: plan.untag, ...(plan.deleted && { remove: image.id }) });
      const records: Removed[] = [];
      for (const tag of plan.untag) {
        records.push({ untagged: familiar(parseReference(tag)) });
        this.#publish("untag", image.id, image.id, image.config.Labels);
      }
      if (!plan.deleted) return records;
      const freed = new Set(await this.#free(image.layers.map(({ diffId }) => diffId)));
      this.#publish("delete", image.id, image.id, {});
      const chain = chainIdsOf(image.layers.map(({ diffId }) => diffId));
      records.push({ deleted: image.id });
      // Top first, as they were taken apart.
      for (const [i, { diffId }] of [...image.layers.entries()].reverse()) {
        if (freed.has(diffId)) records.push({ deleted: chain[i] ?? diffId });
      }
      return records;
    });
  }

  createLayer(container: ContainerID, image: ImageID): Promise<void> {
    return this.#mutex.run(async () => {
      const found = this.#catalog.images().get(image);
      if (!found) throw notFound(`No such image: ${image}`);
      const layers = found.layers.map(({ diffId }) => diffId);
      await this.#rootfs.create(container, this.#driver, layers);
    });
  }

  async mount(container: ContainerID): Promise<RootFilesystem> {
    return this.#rootfs.mount(container, (layer) => this.#catalog.layer(layer));
  }

  filesystemOf(container: ContainerID): RootFilesystem {
    return this.#rootfs.of(container);
  }

  async unmount(container: ContainerID): Promise<void> {
    await this.#rootfs.unmount(container);
  }

  async removeLayer(container: ContainerID): Promise<void> {
    if (!this.#rootfs.has(container)) return;
    const layers = this.#rootfs.layersOf(container);
    await this.#rootfs.remove(container);
    // Its image may have been removed by force.
    const kept = this.#catalog.layersInUse();
    if (layers.every((layer) => kept.has(layer))) return;
    await this.#mutex.run(() => this.#free(layers));
  }

  layerOwners(): readonly ContainerID[] {
    return this.#rootfs.containers();
  }

  async layerUsage(container: ContainerID) {
    const layers = this.#rootfs.layersOf(container);
    const below = layers.reduce((sum, layer) => sum + this.#catalog.layer(layer).size, 0);
    const writable = await this.#rootfs.writable(container, below);
    return { writable, total: below + writable };
  }

  #tagged(reference: string): ImageID | undefined {
    return this.#catalog.tagged(canonical(withDefaultTag(parseReference(reference))));
  }

  /** Made once, however many ask at the same time. */
  #builtIn(): Promise<Image> {
    this.#making ??= this.#makeBuiltIn().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #makeBuiltIn(): Promise<Image> {
    const busybox = await findBusybox(this.#options.busyboxPaths);
    const unpacked = await this.#stage((directory) => unpack(archive(busyboxContents(busybox)), directory));
    const image = await this.#register(unpacked, BUILT_IN, busyboxDescription(busybox, unpacked.diffId));
    this.#options.logger.info({ image: image.id }, "made busybox:latest from this machine's static busybox");
    return image;
  }

  /** Fill a directory out of everyone's sight. One that could not be filled is thrown away. */
  async #stage(fill: (directory: string) => Promise<Unpacked>): Promise<Unpacked & { directory: string }> {
    const directory = this.#trash.stage();
    try {
      const unpacked = await fill(directory);
      if (unpacked.leftOut.length > 0) {
        this.#options.logger.warn(
          { attributes: unpacked.leftOut },
          "the data root's file system does not hold these extended attributes: left out",
        );
      }
      return { ...unpacked, directory };
    } catch (thrown) {
      this.#trash.discard(directory);
      throw thrown;
    }
  }

  /** The staged layer and its config become an image, with a tag where one is asked for. */
  async #register(
    { directory, diffId, size }: Unpacked & { directory: string },
    reference: string | undefined,
    description: Description,
  ): Promise<Image> {
    const config = encodeConfig(description);
    const id = imageIdOf(config);
    const image = await this.#mutex.run(() =>
      undoing(async (undo) => {
        const known = this.#catalog.layers().get(diffId);
        const record = known ?? { size, link: this.#layers.newLink() };
        undo.push("stage the layer", () => this.#trash.discard(directory));
        this.#layers.adopt(directory, diffId, record.link);
        if (!known) undo.push("place the layer", () => this.#layers.remove(diffId, record));
        await this.#catalog.commit({
          add: { id, config },
          addLayer: { diffId, record },
          ...(reference !== undefined && { tag: { reference, id } }),
        });
        return this.#catalog.images().get(id);
      }),
    );
    if (!image) throw notFound(`No such image: ${id}`);
    if (reference !== undefined) this.#tagEvent(id, reference);
    return image;
  }

  /** Remove those of `candidates` that no image and no container stands on. @returns which they were */
  async #free(candidates: readonly DiffID[]): Promise<DiffID[]> {
    const used = new Set([...this.#catalog.layersInUse(), ...this.#rootfs.layersInUse()]);
    const free = [...new Set(candidates)].filter((layer) => !used.has(layer));
    if (free.length === 0) return [];
    const records = free.map((layer) => [layer, this.#catalog.layer(layer)] as const);
    await this.#catalog.commit({ removeLayers: free });
    for (const [layer, record] of records) this.#layers.remove(layer, record);
    return free;
  }

  async #probe(): Promise<void> {
    const directory = this.#trash.stage();
    const reason = await probeOverlay(directory);
    this.#trash.discard(directory);
    this.#driver = reason === undefined ? "overlay2" : "vfs";
    if (reason === undefined) return;
    this.#options.logger.warn(
      { reason },
      "overlayfs can't be used under the data root: layers are copied for each container (vfs)",
    );
  }

  #tagEvent(id: ImageID, reference: string): void {
    const labels = this.#catalog.images().get(id)?.config.Labels;
    this.#publish("tag", id, familiar(parseReference(reference)), labels);
  }

  #publish(action: string, id: ImageID, name: string, labels: Readonly<Record<string, string>> = {}): void {
    this.#options.publish({ type: "image", action, actor: { id, attributes: { ...labels, name } } });
  }
}

/** The whole form of a name that an image can be given. @throws invalid */
function taggable(reference: string): string {
  const parsed = parseReference(reference);
  if (parsed.digest !== undefined) throw invalid("refusing to create a tag with a digest reference");
  return canonical(withDefaultTag(parsed));
}

/** A whole id, which is never a name. */
const isId = (reference: string): boolean => /^(sha256:)?[0-9a-f]{64}$/.test(reference);

const shownForm = (reference: string): string => familiar(withDefaultTag(parseReference(reference)));
