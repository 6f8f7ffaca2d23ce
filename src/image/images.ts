/** Images and containers' root filesystems: the parts of this room put together. */
import * as fs from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { notFound } from "../lib/errors.ts";
import type { EngineEvent } from "../lib/events.ts";
import type { ContainerID, ImageID } from "../lib/ids.ts";
import type { Logger } from "../lib/log.ts";
import { Mutex } from "../lib/mutex.ts";
import type { Store } from "../store/kv.ts";
import { decompress } from "../tar/decompress.ts";
import { Archives } from "./archives.ts";
import { BUILT_IN, BuiltIn } from "./built-in.ts";
import { Catalog } from "./catalog.ts";
import { applyChanges } from "./describe/changes.ts";
import { parsePlatform } from "./describe/platform.ts";
import { Intake } from "./intake.ts";
import { LayerKeeper } from "./layers/keeper.ts";
import { Layers } from "./layers/layers.ts";
import { Trash } from "./layers/trash.ts";
import { keyOf, lookUp, taggable } from "./lookup.ts";
import { familiar, parseReference, withDefaultTag } from "./reference.ts";
import { Removals } from "./removal.ts";
import { probeOverlay } from "./rootfs/overlay.ts";
import { type DriverName, RootFilesystems } from "./rootfs/rootfs.ts";
import type {
  CommitRequest,
  FilesystemChange,
  Image,
  Images,
  ImportRequest,
  IncomingImage,
  Loaded,
  OnLayer,
  OutgoingImage,
  Removed,
  RootFilesystem,
  UsedBy,
} from "./types.ts";
import { Written } from "./written.ts";

export interface ImagesOptions {
  readonly store: Store;
  readonly dataRoot: string;
  readonly logger: Logger;
  readonly publish: (event: Omit<EngineEvent, "time">) => void;
  /** Where to look for the built-in image's busybox; where distributions put it, by default. */
  readonly busyboxPaths?: readonly string[];
}

export const createImages = (options: ImagesOptions): Images => new LocalImages(options);

class LocalImages implements Images {
  readonly #options: ImagesOptions;
  readonly #root: string;
  readonly #catalog: Catalog;
  readonly #trash: Trash;
  readonly #layers: Layers;
  readonly #keeper: LayerKeeper;
  readonly #intake: Intake;
  readonly #removals: Removals;
  readonly #builtIn: BuiltIn;
  readonly #archives: Archives;
  readonly #rootfs: RootFilesystems;
  readonly #written: Written;
  /** What is in use and what goes must not be decided twice at a time. */
  readonly #turn = new Mutex();
  #driver: DriverName = "overlay2";

  constructor(options: ImagesOptions) {
    const { logger } = options;
    this.#options = options;
    this.#root = join(options.dataRoot, "images");
    this.#catalog = new Catalog(options.store);
    this.#trash = new Trash(join(this.#root, "tmp"), logger);
    this.#layers = new Layers(this.#root, this.#trash);
    this.#rootfs = new RootFilesystems(
      join(options.dataRoot, "overlay"),
      join(this.#root, "init"),
      this.#layers,
      this.#trash,
      logger,
    );
    this.#keeper = new LayerKeeper({
      layers: this.#layers,
      catalog: this.#catalog,
      trash: this.#trash,
      logger,
      turn: this.#turn,
      mounted: () => this.#rootfs.layersInUse(),
    });
    this.#intake = new Intake(this.#catalog, this.#keeper, this.#turn);
    this.#removals = new Removals(this.#catalog, this.#keeper, (action, image) =>
      this.#publish(action, image.id, image.id, action === "delete" ? {} : image.config.Labels),
    );
    this.#written = new Written(this.#rootfs, this.#catalog, this.#intake);
    this.#builtIn = new BuiltIn(this.#intake, logger, options.busyboxPaths);
    this.#archives = new Archives({
      catalog: this.#catalog,
      intake: this.#intake,
      trash: this.#trash,
      contents: (image) => this.contents(image),
      publish: (action, image) => this.#publish(action, image.id, image.id, image.config.Labels),
    });
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
    await this.#turn.run(() => this.#keeper.free([...this.#catalog.layers().keys()]));
    await this.#probe();
  }

  async stop(): Promise<void> {
    await this.#turn.run(() => this.#trash.settle());
  }

  list(): readonly Image[] {
    return [...this.#catalog.images().values()];
  }

  find(reference: string): Image | undefined {
    return lookUp(this.#catalog, reference)?.image;
  }

  async resolve(reference: string): Promise<Image> {
    const image = this.find(reference);
    if (image) return image;
    if (/^(sha256:)?[0-9a-f]{64}$/.test(reference)) throw notFound(`No such image: ${reference}`);
    const named = withDefaultTag(parseReference(reference));
    if (keyOf(named) === BUILT_IN) return this.#builtIn.get();
    throw notFound(`No such image: ${familiar(named)}`);
  }

  async import(request: ImportRequest): Promise<Image> {
    const platform = parsePlatform(request.platform ?? "");
    const config = applyChanges({}, request.changes);
    const reference = request.reference === undefined ? undefined : taggable(request.reference);
    const created = new Date().toISOString();
    const comment = request.message;
    const image = await this.#intake.make(
      await decompress(request.tar),
      ({ diffId }) => ({
        ...platform,
        created,
        author: "",
        comment,
        config,
        diffIds: [diffId],
        history: [{ created, createdBy: "", comment, emptyLayer: false }],
      }),
      tagged(reference),
    );
    if (reference !== undefined) this.#tagEvent(image, reference);
    this.#publish("import", image.id, image.id, image.config.Labels);
    return image;
  }

  async tag(image: ImageID, reference: string): Promise<void> {
    const whole = taggable(reference);
    const found = await this.#turn.run(async () => {
      const config = this.#catalog.config(image);
      if (config === undefined) throw notFound(`No such image: ${image}`);
      const add = { id: image, record: { config, tagged: new Date().toISOString() } };
      await this.#catalog.commit({ add, name: { references: [whole], id: image } });
      return this.#catalog.images().get(image);
    });
    if (found) this.#tagEvent(found, whole);
  }

  add(incoming: IncomingImage): Promise<Image> {
    return this.#intake.add(incoming);
  }

  async contents(id: ImageID): Promise<OutgoingImage> {
    const image = this.#catalog.images().get(id);
    const config = this.#catalog.config(id);
    if (!image || config === undefined) throw notFound(`No such image: ${id}`);
    const layers = image.layers.map(async ({ diffId }) => ({
      diffId,
      size: await this.#keeper.tarSize(diffId),
      open: () => this.#keeper.open(diffId),
    }));
    return { image, config: Buffer.from(config), layers: await Promise.all(layers) };
  }

  save(references: readonly string[], { platform }: { readonly platform?: string } = {}): Promise<Readable> {
    return this.#archives.save(references, platform);
  }

  load(
    tar: Readable,
    options: { readonly platform?: string; readonly onLayer?: OnLayer } = {},
  ): Promise<readonly Loaded[]> {
    return this.#archives.load(tar, options);
  }

  async commit(request: CommitRequest): Promise<Image> {
    const image = await this.#written.commit(request);
    this.#publish("create", image.id, image.id, image.config.Labels);
    if (request.reference !== undefined) this.#tagEvent(image, taggable(request.reference));
    return image;
  }

  changes(container: ContainerID): Promise<readonly FilesystemChange[]> {
    return this.#written.changes(container);
  }

  export(container: ContainerID): Promise<Readable> {
    return this.#written.export(container);
  }

  async remove(
    reference: string,
    options: { readonly force: boolean; readonly noprune?: boolean; readonly usedBy: UsedBy },
  ): Promise<readonly Removed[]> {
    return this.#turn.run(() => this.#removals.remove(reference, options));
  }

  async prune(candidates: readonly ImageID[], usedBy: UsedBy) {
    const pruned = await this.#turn.run(() => this.#removals.prune(candidates, usedBy));
    const attributes = { reclaimed: String(pruned.reclaimed) };
    this.#options.publish({ type: "image", action: "prune", actor: { id: "", attributes } });
    return pruned;
  }

  driverOf(id: ImageID): RootFilesystem["driver"] {
    const image = this.#catalog.images().get(id);
    if (!image) throw notFound(`No such image: ${id}`);
    return this.#rootfs.driverOf(
      this.#driver,
      image.layers.map(({ diffId }) => diffId),
    );
  }

  createLayer(container: ContainerID, image: ImageID): Promise<void> {
    return this.#turn.run(async () => {
      const found = this.#catalog.images().get(image);
      if (!found) throw notFound(`No such image: ${image}`);
      const layers = found.layers.map(({ diffId }) => diffId);
      await this.#rootfs.create(container, this.#driver, layers, (layer) => this.#catalog.layer(layer));
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
    await this.#turn.run(() => this.#keeper.free(layers));
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

  #tagEvent({ id, config }: Image, reference: string): void {
    this.#publish("tag", id, familiar(parseReference(reference)), config.Labels);
  }

  #publish(action: string, id: ImageID, name: string, labels: Readonly<Record<string, string>> = {}): void {
    this.#options.publish({ type: "image", action, actor: { id, attributes: { ...labels, name } } });
  }
}

/** Named here and now. */
const tagged = (reference: string | undefined) =>
  reference === undefined
    ? { references: [] }
    : { references: [reference], tagged: new Date().toISOString() };
