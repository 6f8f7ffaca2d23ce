/** A volume while containers use it: its file system is mounted with the first and unmounted with the last. */
import { internal, messageOf } from "../lib/errors.ts";
import { mountInBackground } from "../linux/background-mount.ts";
import { detach } from "../linux/detach.ts";
import { mountingOf, needsMount, withoutPassword } from "./driver-options.ts";
import type { Volume } from "./types.ts";

export class ActiveMount {
  readonly #volume: Volume;
  readonly #users = new Set<string>();
  #mounted = false;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  /** Ids of containers. */
  get users(): ReadonlySet<string> {
    return this.#users;
  }

  /** An earlier engine mounted it, and nobody has unmounted it since. */
  found(): void {
    this.#mounted = true;
  }

  /** @throws with mount(2)'s errno */
  async add(user: string): Promise<void> {
    if (!this.#mounted && needsMount(this.#volume)) {
      await this.#mount();
      this.#mounted = true;
    }
    this.#users.add(user);
  }

  /** Nobody's any more, it is unmounted; by whoever is the last, even one that is not known here. */
  async drop(user: string): Promise<void> {
    this.#users.delete(user);
    if (this.#users.size === 0) await this.release();
  }

  async release(): Promise<void> {
    if (!this.#mounted) return;
    await detach(this.#volume.mountpoint);
    this.#mounted = false;
  }

  async #mount(): Promise<void> {
    const { mountpoint } = this.#volume;
    try {
      const { given, options } = await mountingOf(this.#volume);
      await mountInBackground(given, options);
    } catch (thrown) {
      throw internal(
        `error while mounting volume '${mountpoint}': failed to mount local volume: ${withoutPassword(messageOf(thrown))}`,
        thrown,
      );
    }
  }
}
