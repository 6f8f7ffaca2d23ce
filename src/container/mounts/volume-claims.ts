/** Volumes of containers that are being made: their records don't say it yet, and nobody is to remove them. */
import type { ContainerID } from "../../lib/ids.ts";
import { KeyedMutex } from "../../lib/mutex.ts";

export class VolumeClaims {
  readonly #claims = new Map<ContainerID, Set<string>>();
  /** By volume: of two containers that find one empty, the second finds all that the first has put there. */
  readonly filling = new KeyedMutex<string>();

  claim(container: ContainerID, volume: string): void {
    const names = this.#claims.get(container) ?? new Set();
    this.#claims.set(container, names.add(volume));
  }

  /** Its record is there, or it will never be. */
  release(container: ContainerID): void {
    this.#claims.delete(container);
  }

  claimants(volume: string): readonly ContainerID[] {
    return [...this.#claims].filter(([, names]) => names.has(volume)).map(([container]) => container);
  }
}
