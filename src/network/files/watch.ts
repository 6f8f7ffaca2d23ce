import { type FSWatcher, realpathSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { codeOf } from "../../lib/errors.ts";

/** Editors and DHCP clients write in several steps. */
const SETTLE_MS = 50;

/**
 * Call `changed` after each change of the file's content, however it comes about: written in place,
 * replaced by another, the target of a symbolic link replaced, or made only now. `changed` may come
 * without a change.
 */
export class FileWatch {
  readonly #path: string;
  readonly #changed: () => void;
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(path: string, changed: () => void) {
    this.#path = path;
    this.#changed = changed;
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#disarm();
  }

  /** The directory tells of replacements, the file itself of writes through a bind mount. */
  #arm(): void {
    this.#disarm();
    this.#add(dirname(this.#path), basename(this.#path));
    const target = targetOf(this.#path);
    if (target === undefined) return;
    if (target !== this.#path) this.#add(dirname(target), basename(target));
    this.#add(target);
  }

  #add(path: string, only?: string): void {
    try {
      const watcher = watch(path, { persistent: false }, (_, name) => {
        if (only === undefined || name === null || name === only) this.#notice();
      });
      watcher.on("error", () => this.#notice());
      this.#watchers.push(watcher);
    } catch (thrown) {
      // Not there (yet): the directory above tells when that changes.
      if (codeOf(thrown) !== "ENOENT") throw thrown;
    }
  }

  #notice(): void {
    if (this.#closed || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#arm();
      this.#changed();
    }, SETTLE_MS);
    this.#timer.unref();
  }

  #disarm(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }
}

function targetOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined; // A link that leads nowhere, or no file at all.
  }
}
