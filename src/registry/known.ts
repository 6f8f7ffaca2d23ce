/**
 * Which compressed blob a layer was in which repository: told by pulls and pushes, so that a push sends no
 * layer again, nor compresses it. A file a layer, below the data root.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { type Descriptor, hexOf } from "./manifest.ts";

export interface KnownBlob extends Descriptor {
  /** `docker.io/library/busybox`. */
  readonly repository: string;
}

const MOST_PER_LAYER = 8;

export class KnownBlobs {
  readonly #directory: string;
  readonly #logger: Logger;

  constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** Make the directory; forget layers that no image has. */
  start(diffIds: ReadonlySet<string>): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const kept = new Set([...diffIds].map(hexOf));
    for (const name of readdirSync(this.#directory)) {
      if (!kept.has(name)) rmSync(join(this.#directory, name), { force: true });
    }
  }

  /** Newest first. What can't be read is forgotten: a push sends that layer. */
  of(diffId: string): readonly KnownBlob[] {
    const path = this.#pathOf(diffId);
    try {
      return JSON.parse(readFileSync(path, "utf8")) as readonly KnownBlob[];
    } catch (thrown) {
      if (codeOf(thrown) === "ENOENT") return [];
      this.#logger.warn({ path, err: thrown }, "a note on a layer's blobs is damaged: forgotten");
      rmSync(path, { force: true });
      return [];
    }
  }

  add(diffId: string, { mediaType, digest, size, repository }: KnownBlob): void {
    const others = this.of(diffId).filter((each) => each.digest !== digest || each.repository !== repository);
    const all = [{ mediaType, digest, size, repository }, ...others].slice(0, MOST_PER_LAYER);
    const path = this.#pathOf(diffId);
    writeFileSync(`${path}.new`, JSON.stringify(all), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /** It turned out not to be there. */
  forget(diffId: string, repository: string): void {
    const left = this.of(diffId).filter((each) => each.repository !== repository);
    writeFileSync(this.#pathOf(diffId), JSON.stringify(left), { mode: 0o600 });
  }

  #pathOf(diffId: string): string {
    return join(this.#directory, hexOf(diffId));
  }
}
