/**
 * Keeps a log within its limits. conmon writes to the file that it has open, whatever its name: so a full one is
 * renamed, and conmon told to open the log anew. It closes the one before it makes the other, and no line is lost.
 */
import { existsSync, renameSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { asError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { compress, fullLogPath, fullLogs, lastSequence } from "./files.ts";
import type { LogLimits } from "./options.ts";

/** A log is looked at this long after something was written to it. Milliseconds. */
const PAUSE = 100;

export interface Rotated {
  readonly path: string;
  readonly limits: LogLimits;
  /** Have the monitor open the log anew. @returns false where there is no monitor any more */
  readonly reopen: () => boolean;
  readonly logger: Logger;
}

export class LogRotation {
  readonly #log: Rotated;
  #timer: NodeJS.Timeout | undefined;
  #tidying: Promise<void> | undefined;
  #over = false;

  constructor(log: Rotated) {
    this.#log = log;
    this.wrote();
  }

  /** Something was written to the log. */
  wrote(): void {
    if (this.#over || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, PAUSE);
  }

  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #look(): void {
    const { path, limits, logger, reopen } = this.#log;
    try {
      const size = statSync(path, { throwIfNoEntry: false })?.size;
      if (size === undefined) {
        // Renamed, and not opened anew: we were gone in between, or the monitor is busy.
        if (fullLogs(path).length > 0 && reopen()) this.wrote();
        return;
      }
      this.#tidying ??= this.#tidy().finally(() => {
        this.#tidying = undefined;
      });
      if (size >= limits.size) this.#rotate();
    } catch (thrown) {
      logger.error({ err: asError(thrown), log: path }, "a log could not be rotated");
    }
  }

  #rotate(): void {
    const { path, reopen } = this.#log;
    const full = fullLogPath(path, lastSequence(path) + 1);
    renameSync(path, full);
    if (reopen()) {
      this.wrote(); // to see that it did, and what is too much by then
    } else if (!existsSync(path)) {
      renameSync(full, path);
    }
  }

  /** While there is a file that is written to, all that are full are complete. */
  async #tidy(): Promise<void> {
    const { path, limits, logger } = this.#log;
    try {
      const full = fullLogs(path);
      const surplus = full.slice(0, Math.max(0, full.length - (limits.files - 1)));
      for (const each of surplus) await rm(each.path, { force: true });
      if (!limits.compress) return;
      for (const each of full.slice(surplus.length)) {
        if (!each.compressed) await compress(each);
      }
    } catch (thrown) {
      // A container that was removed meanwhile took its log along.
      if (existsSync(path))
        logger.error({ err: asError(thrown), log: path }, "old logs are left as they are");
    }
  }
}
