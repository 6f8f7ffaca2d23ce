/**
 * Whole blobs that a broken transfer left, by digest: the next try takes them from here. They are hard links
 * to a transfer's files, gone a day later.
 */
import { linkSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../lib/errors.ts";
import { type Descriptor, hexOf } from "./manifest.ts";

const DAY = 24 * 60 * 60 * 1000;

export class BlobShelf {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Make the directory; remove what is older than a day. */
  sweep(now = Date.now()): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(this.#directory)) {
      const path = join(this.#directory, name);
      const info = statSync(path, { throwIfNoEntry: false });
      if (info && now - info.mtimeMs > DAY) rmSync(path, { force: true });
    }
  }

  /** Keep a whole blob's file; one that is kept already is as good. */
  keep(digest: string, file: string): void {
    const path = this.#pathOf(digest);
    try {
      linkSync(file, path);
    } catch (thrown) {
      if (codeOf(thrown) !== "EEXIST") throw thrown;
    }
    const now = new Date();
    utimesSync(path, now, now);
  }

  /** Put a kept blob at `file`. @returns whether there is one */
  take({ digest, size }: Descriptor, file: string): boolean {
    const path = this.#pathOf(digest);
    const info = statSync(path, { throwIfNoEntry: false });
    if (info?.size !== size) return false;
    try {
      linkSync(path, file);
      return true;
    } catch (thrown) {
      if (codeOf(thrown) === "ENOENT") return false; // used up by another transfer meanwhile
      throw thrown;
    }
  }

  drop(digest: string): void {
    rmSync(this.#pathOf(digest), { force: true });
  }

  #pathOf(digest: string): string {
    return join(this.#directory, hexOf(digest));
  }
}
