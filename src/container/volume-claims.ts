/** Volumes of containers that are being made: their records don't say it yet, and nobody is to remove them. */
import type { ContainerID } from "../lib/ids.ts";

export class VolumeClaims {
  readonly #claims = new Map<ContainerID, Set<string>>();

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
