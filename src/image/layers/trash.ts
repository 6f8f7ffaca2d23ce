import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { codeOf, messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";

/**
 * A directory for what is not yet and what is no longer: trees are made here and renamed into place when
 * whole, and renamed to here and deleted in their own time. After a crash, all in it is rubbish.
 */
export class Trash {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #deletions = new Set<Promise<void>>();

  constructor(directory: string, logger: Logger) {
    this.#directory = directory;
    this.#logger = logger;
  }

  /** Make the directory, and begin to delete what is in it. */
  start(): void {
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of fs.readdirSync(this.#directory)) this.#delete(join(this.#directory, name));
  }

  /** A new, empty directory, made as the root of a layer. */
  stage(): string {
    const path = this.#newPath();
    fs.mkdirSync(path);
    fs.chmodSync(path, 0o755);
    return path;
  }

  /** Out of sight at once, whole. No failure where it is not there. */
  discard(path: string): void {
    const here = this.#newPath();
    try {
      fs.renameSync(path, here);
    } catch (thrown) {
      const code = codeOf(thrown);
      if (code === "ENOENT") return;
      // On another file system, somebody's mount below the data root: deleted where it is.
      if (code !== "EXDEV") throw thrown;
      this.#delete(path);
      return;
    }
    this.#delete(here);
  }

  /** Resolves once all is deleted. */
  async settle(): Promise<void> {
    await Promise.all(this.#deletions);
  }

  #newPath(): string {
    return join(this.#directory, randomBytes(8).toString("hex"));
  }

  #delete(path: string): void {
    const deletion = fs.promises
      .rm(path, { recursive: true, force: true })
      .catch((error: unknown) => {
        this.#logger.warn({ path, error: messageOf(error) }, "not deleted; the next start tries again");
      })
      .finally(() => this.#deletions.delete(deletion));
    this.#deletions.add(deletion);
  }
}
