/**
 * Containers' root filesystems, a directory each under `overlay/<container id>`:
 *
 *     layer.json   how it is made; written last, so without it there is nothing
 *     upper, work  the writable layer and overlayfs's own
 *     merged       where it is mounted, or the whole tree where layers are copied
 *
 * Calls are synchronous where they can be: a few system calls of microseconds each.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { inContext, messageOf, notFound } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import type { Logger } from "../../lib/log.ts";
import { readIfThere } from "../../lib/read-if-there.ts";
import { detach } from "../../linux/detach.ts";
import { treeSize } from "../../linux/tree-size.ts";
import type { LayerRecord, Layers } from "../layers/layers.ts";
import type { Trash } from "../layers/trash.ts";
import type { DiffID, RootFilesystem } from "../types.ts";
import type { Stack } from "./changes.ts";
import { copyLayer } from "./copy-layer.ts";
import { makeInitLayer } from "./init-layer.ts";
import { isMountpoint, mountOverlay } from "./overlay.ts";

export type DriverName = "overlay2" | "vfs";

/** What layer.json holds. */
interface Made {
  readonly driver: DriverName;
  /** Bottom first. */
  readonly layers: readonly DiffID[];
  /** Of copies: the layer below every image was copied too. Older ones have none. */
  readonly init?: boolean;
}

export class RootFilesystems {
  readonly #directory: string;
  /** What lies below every image. */
  readonly #init: string;
  readonly #layers: Layers;
  readonly #trash: Trash;
  readonly #logger: Logger;
  readonly #made = new Map<ContainerID, Made>();

  constructor(directory: string, init: string, layers: Layers, trash: Trash, logger: Logger) {
    this.#directory = directory;
    this.#init = init;
    this.#layers = layers;
    this.#trash = trash;
    this.#logger = logger;
  }

  /** Learn what is there. What is mounted stays so: containers outlive the engine. */
  start(): void {
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o710 });
    makeInitLayer(this.#init);
    for (const name of fs.readdirSync(this.#directory)) {
      const { home, record } = this.#paths(name as ContainerID);
      const text = readIfThere(record);
      if (text === undefined) this.#trash.discard(home);
      else this.#learn(name as ContainerID, text, record);
    }
  }

  /** What can't be read is left where it is: somebody's data lie beside it. */
  #learn(container: ContainerID, text: string, path: string): void {
    try {
      this.#made.set(container, JSON.parse(text) as Made);
    } catch (thrown) {
      this.#logger.error({ path, error: messageOf(thrown) }, "a container's root filesystem can't be used");
    }
  }

  /** Containers that have one. */
  containers(): ContainerID[] {
    return [...this.#made.keys()];
  }

  /** Layers that some container stands on. */
  layersInUse(): Set<DiffID> {
    return new Set([...this.#made.values()].flatMap(({ layers }) => layers));
  }

  has(container: ContainerID): boolean {
    return this.#made.has(container);
  }

  layersOf(container: ContainerID): readonly DiffID[] {
    return this.#get(container).layers;
  }

  async create(
    container: ContainerID,
    driver: DriverName,
    layers: readonly DiffID[],
    recordOf: (layer: DiffID) => LayerRecord,
  ): Promise<void> {
    for (const layer of layers) this.#layers.mustExist(layer);
    const at = this.#paths(container);
    try {
      fs.mkdirSync(at.home, { mode: 0o710 });
      fs.mkdirSync(at.merged);
      if (driver === "overlay2") {
        fs.mkdirSync(at.upper);
        fs.mkdirSync(at.work);
      } else {
        await copyLayer(this.#init, at.merged);
        for (const layer of layers) await copyLayer(this.#layers.path(layer), at.merged);
      }
      this.#takeRootFrom(
        layers.findLast((layer) => recordOf(layer).root !== false),
        driver === "overlay2" ? at.upper : at.merged,
      );
      const made: Made = { driver, layers, init: true };
      fs.writeFileSync(at.record, JSON.stringify(made));
      this.#made.set(container, made);
    } catch (thrown) {
      this.#trash.discard(at.home);
      throw inContext(`make the writable layer of container ${container}`, thrown);
    }
  }

  /** @throws KernelError; internal for more layers than fit */
  mount(container: ContainerID, recordOf: (layer: DiffID) => LayerRecord): RootFilesystem {
    const { driver, layers } = this.#get(container);
    const at = this.#paths(container);
    if (driver === "overlay2" && !isMountpoint(at.merged)) {
      const lower = layers.toReversed().map((layer) => this.#layers.shortPath(recordOf(layer)));
      mountOverlay({ lower: [...lower, this.#init], upper: at.upper, work: at.work, merged: at.merged });
    }
    return this.of(container);
  }

  of(container: ContainerID): RootFilesystem {
    const { driver, layers } = this.#get(container);
    const at = this.#paths(container);
    if (driver === "vfs") return { path: at.merged, driver: { name: driver, data: {} } };
    const data = {
      LowerDir: [...layers.toReversed().map((layer) => this.#layers.path(layer)), this.#init].join(":"),
      MergedDir: at.merged,
      UpperDir: at.upper,
      WorkDir: at.work,
    };
    return { path: at.merged, driver: { name: driver, data } };
  }

  /** Of an image: its topmost layer on the others. Nothing is mounted. */
  driverOf(driver: DriverName, layers: readonly DiffID[]): RootFilesystem["driver"] {
    const [top, ...lower] = layers.toReversed().map((layer) => this.#layers.path(layer));
    if (driver === "vfs" || top === undefined) return { name: driver, data: {} };
    const home = dirname(top);
    return {
      name: driver,
      data: {
        ...(lower.length > 0 && { LowerDir: lower.join(":") }),
        MergedDir: join(home, "merged"),
        UpperDir: top,
        WorkDir: join(home, "work"),
      },
    };
  }

  /** Its files as they lie on the disk, on top of each other. */
  stackOf(container: ContainerID): Stack {
    const { driver, layers, init } = this.#get(container);
    const at = this.#paths(container);
    const whole = driver === "vfs";
    const lower = layers.toReversed().map((layer) => this.#layers.path(layer));
    return {
      own: Buffer.from(whole ? at.merged : at.upper),
      whole,
      below: [...lower, ...(whole && !init ? [] : [this.#init])].map((path) => Buffer.from(path)),
    };
  }

  /** Lazily: out of sight at once, whoever still looks at it. */
  async unmount(container: ContainerID): Promise<void> {
    const { merged } = this.#paths(container);
    if (this.#get(container).driver === "overlay2" && isMountpoint(merged)) await detach(merged);
  }

  /** Unmounted, and its files deleted in their own time. Gone already is no failure. */
  async remove(container: ContainerID): Promise<void> {
    if (!this.#made.has(container)) return;
    await this.unmount(container);
    this.#trash.discard(this.#paths(container).home);
    this.#made.delete(container);
  }

  /** Bytes that the container has written; `below` is the size of its layers. */
  async writable(container: ContainerID, below: number): Promise<number> {
    const at = this.#paths(container);
    if (this.#get(container).driver === "overlay2") return (await treeSize(at.upper)).length;
    // A copy does not tell what is whose: what is more than the image had.
    return Math.max(0, (await treeSize(at.merged)).length - below);
  }

  #get(container: ContainerID): Made {
    const made = this.#made.get(container);
    if (!made) throw notFound(`container ${container} has no root filesystem`);
    return made;
  }

  #paths(container: ContainerID) {
    const home = join(this.#directory, container);
    return {
      home,
      upper: join(home, "upper"),
      work: join(home, "work"),
      merged: join(home, "merged"),
      record: join(home, "layer.json"),
    };
  }

  /** The merged root has the upper directory's owner and mode: those that the image's layers last spoke of. */
  #takeRootFrom(layer: DiffID | undefined, root: string): void {
    const given = layer && fs.statSync(this.#layers.path(layer));
    fs.chownSync(root, given?.uid ?? 0, given?.gid ?? 0);
    fs.chmodSync(root, given ? given.mode & 0o7777 : 0o755);
  }
}
