/** Volumes without a disk: records, and who has them mounted. */
import { conflict, notFound } from "../../src/lib/errors.ts";
import { describe } from "../../src/volume/request.ts";
import type { Volume, VolumeRequest, Volumes, VolumeUsers } from "../../src/volume/types.ts";

export class FakeVolumes implements Volumes {
  readonly #root: string;
  readonly #volumes = new Map<string, Volume>();
  /** `name user`, of those mounted. */
  readonly mounted = new Set<string>();

  /** @param root where their directories would lie */
  constructor(root: string) {
    this.#root = root;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  list(): readonly Volume[] {
    return [...this.#volumes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  find(name: string): Volume | undefined {
    return this.#volumes.get(name);
  }

  get(name: string): Volume {
    const volume = this.find(name);
    if (!volume) throw notFound(`get ${name}: no such volume`);
    return volume;
  }

  async create(request: VolumeRequest): Promise<Volume> {
    const described = describe(request);
    const known = this.find(described.name);
    if (known) return known;
    const mountpoint = `${this.#root}/${described.name}/_data`;
    const volume = { ...described, mountpoint, created: "2026-01-02T03:04:05.000000006Z" };
    this.#volumes.set(volume.name, volume);
    return volume;
  }

  async remove(
    name: string,
    { force, usedBy }: { readonly force: boolean; readonly usedBy: VolumeUsers },
  ): Promise<void> {
    if (!this.#volumes.has(name)) {
      if (force) return;
      throw notFound(`get ${name}: no such volume`);
    }
    const users = usedBy(name);
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(", ")}]`);
    this.#volumes.delete(name);
  }

  async prune(candidates: readonly Volume[], usedBy: VolumeUsers) {
    const unused = candidates.filter(({ name }) => usedBy(name).length === 0);
    for (const { name } of unused) this.#volumes.delete(name);
    return { deleted: unused.map(({ name }) => name), reclaimed: unused.length * 100 };
  }

  async size(name: string): Promise<number> {
    return this.get(name).name.length;
  }

  async mount(name: string, user: string): Promise<string> {
    this.mounted.add(`${name} ${user}`);
    return this.get(name).mountpoint;
  }

  async unmount(name: string, user: string): Promise<void> {
    this.mounted.delete(`${name} ${user}`);
  }
}
