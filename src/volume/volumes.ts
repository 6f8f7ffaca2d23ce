/**
 * The local driver: `DATA_ROOT/volumes/<name>/_data`. A record in the store says that a volume is there; what lies on
 * disk without one is a creation or a removal that was cut short.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, realpathSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { asError, codeOf, conflict, inContext, kindOf, messageOf, notFound } from "../lib/errors.ts";
import { type EngineEvent, formatTime, nowNanoseconds } from "../lib/events.ts";
import { randomHex } from "../lib/ids.ts";
import type { Logger } from "../lib/log.ts";
import { KeyedMutex } from "../lib/mutex.ts";
import { undoing } from "../lib/undo.ts";
import { mounts, mountsUnder } from "../linux/mount.ts";
import { treeSize } from "../linux/tree-size.ts";
import type { Store } from "../store/kv.ts";
import { ActiveMount } from "./active-mount.ts";
import { needsMount } from "./driver-options.ts";
import { addition, deletion, readVolumes } from "./record.ts";
import { describe } from "./request.ts";
import type { Volume, VolumeRequest, Volumes, VolumeUsers } from "./types.ts";

export interface VolumesOptions {
  readonly store: Store;
  /** Absolute. */
  readonly dataRoot: string;
  readonly logger: Logger;
  readonly publish: (event: Omit<EngineEvent, "time">) => void;
}

export const createVolumes = (options: VolumesOptions): Volumes => new LocalVolumes(options);

class LocalVolumes implements Volumes {
  readonly #options: VolumesOptions;
  #root: string;
  readonly #volumes = new Map<string, Volume>();
  readonly #active = new Map<string, ActiveMount>();
  /** One change of a volume at a time. */
  readonly #mutex = new KeyedMutex<string>();

  constructor(options: VolumesOptions) {
    this.#options = options;
    this.#root = join(options.dataRoot, "volumes");
  }

  async start(): Promise<void> {
    mkdirSync(this.#root, { recursive: true, mode: 0o701 });
    // As the kernel's table of mounts has it.
    this.#root = realpathSync(this.#root);
    const recorded = await readVolumes(this.#options.store, (name) => this.#mountpoint(name));
    const mounted = new Set(mounts().map(({ target }) => target));
    for (const volume of recorded) {
      this.#volumes.set(volume.name, volume);
      // Another's mount on a plain directory is not ours to undo.
      if (needsMount(volume) && mounted.has(volume.mountpoint)) this.#activeOf(volume).found();
    }
    const known = new Set(await this.#options.store.keys("volume/"));
    const left = readdirSync(this.#root).filter((name) => !known.has(`volume/${name}`));
    for (const name of left) await this.#removeLeftover(join(this.#root, name));
  }

  /** Mounts stay: containers outlive the engine. */
  async stop(): Promise<void> {}

  list(): readonly Volume[] {
    return [...this.#volumes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Volume | undefined {
    return this.#volumes.get(name);
  }

  get(name: string): Volume {
    const volume = this.#volumes.get(name);
    if (!volume) throw notFound(`get ${name}: no such volume`);
    return volume;
  }

  async create(request: VolumeRequest): Promise<Volume> {
    const described = describe(request);
    const { name } = described;
    return this.#mutex.run(name, async () => {
      const known = this.#volumes.get(name);
      if (known) return known;
      const volume = {
        ...described,
        mountpoint: this.#mountpoint(name),
        created: formatTime(nowNanoseconds()),
      };
      await undoing(async (undo) => {
        undo.push("remove the directory", () => rm(this.#directory(name), { recursive: true, force: true }));
        this.#makeDirectory(volume);
        await this.#options.store.commit([addition(volume)]);
      });
      this.#volumes.set(name, volume);
      this.#tell(volume, "create");
      return volume;
    });
  }

  async remove(
    name: string,
    { force, usedBy }: { readonly force: boolean; readonly usedBy: VolumeUsers },
  ): Promise<void> {
    await this.#mutex.run(name, async () => {
      const volume = this.#volumes.get(name);
      if (!volume) {
        if (force) return;
        throw notFound(`get ${name}: no such volume`);
      }
      const active = this.#active.get(name);
      const users = [...new Set([...usedBy(name), ...(active?.users ?? [])])];
      if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(", ")}]`);
      const removed = join(this.#root, `.removed-${randomHex(8)}`);
      await undoing(async (undo) => {
        // A user whose end left it mounted: what is mounted there must not be emptied.
        await active?.release();
        this.#setAside(name, removed);
        undo.push("bring it back", () => this.#bringBack(removed, name));
        await this.#options.store.commit([deletion(name)]);
      });
      this.#volumes.delete(name);
      this.#active.delete(name);
      this.#tell(volume, "destroy");
      await this.#removeLeftover(removed);
    });
  }

  async prune(candidates: readonly Volume[], usedBy: VolumeUsers) {
    const deleted: string[] = [];
    let reclaimed = 0;
    for (const { name } of candidates) {
      try {
        const size = await this.size(name);
        await this.remove(name, { force: false, usedBy });
        reclaimed += size;
        deleted.push(name);
      } catch (thrown) {
        // Taken into use, or removed, meanwhile.
        if (kindOf(thrown) === "conflict" || kindOf(thrown) === "not-found") continue;
        this.#options.logger.warn({ err: asError(thrown), volume: name }, "a volume could not be pruned");
      }
    }
    return { deleted, reclaimed };
  }

  async size(name: string): Promise<number> {
    return (await treeSize(this.get(name).mountpoint)).length;
  }

  async mount(name: string, user: string): Promise<string> {
    return this.#mutex.run(name, async () => {
      const volume = this.get(name);
      this.#makeDirectory(volume);
      await this.#activeOf(volume).add(user);
      return volume.mountpoint;
    });
  }

  async unmount(name: string, user: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      await this.#active.get(name)?.drop(user);
    });
  }

  #activeOf(volume: Volume): ActiveMount {
    const active = this.#active.get(volume.name) ?? new ActiveMount(volume);
    this.#active.set(volume.name, active);
    return active;
  }

  readonly #directory = (name: string): string => join(this.#root, name);
  readonly #mountpoint = (name: string): string => join(this.#root, name, "_data");

  /** There already is no failure: somebody's data are never made anew. */
  #makeDirectory({ name, mountpoint }: Volume): void {
    try {
      if (mkdirSync(mountpoint, { recursive: true, mode: 0o755 }) === undefined) return;
      // Whatever the umask is: passed through by containers of other users, and no list of names for anybody.
      chmodSync(this.#directory(name), 0o701);
      chmodSync(mountpoint, 0o755);
      chownSync(mountpoint, 0, 0);
    } catch (thrown) {
      throw inContext(`error while creating volume data path '${mountpoint}'`, thrown);
    }
  }

  /** At once, and all of it: its name is free for another. @throws EBUSY where something is mounted on it */
  #setAside(name: string, aside: string): void {
    const directory = this.#directory(name);
    try {
      if (mountsUnder(directory).length > 0) throw conflict("something is mounted in it");
      renameSync(directory, aside);
    } catch (thrown) {
      // Somebody took it away by hand: there is nothing left to lose.
      if (codeOf(thrown) !== "ENOENT") throw inContext(`remove ${name}: ${directory}`, thrown);
    }
  }

  #bringBack(aside: string, name: string): void {
    if (existsSync(aside)) renameSync(aside, this.#directory(name));
  }

  /** It is out of sight already: what can't be removed is tried again at the next start. */
  async #removeLeftover(directory: string): Promise<void> {
    try {
      if (mountsUnder(directory).length > 0) throw conflict("something is mounted in it");
      await rm(directory, { recursive: true, force: true });
    } catch (thrown) {
      this.#options.logger.error({ directory, error: messageOf(thrown) }, "a volume's files are left behind");
    }
  }

  #tell({ name, driver }: Volume, action: string): void {
    this.#options.publish({ type: "volume", action, actor: { id: name, attributes: { driver } } });
  }
}
