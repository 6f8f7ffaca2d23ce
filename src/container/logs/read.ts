/** Reading a container's log: the last lines, a span of time, and what comes. */
import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { codeOf, doing } from "../../lib/errors.ts";
import { onceSettled } from "../../lib/once-settled.ts";
import type { LogEntry, LogOptions } from "../process/monitor-types.ts";
import { LineReader } from "./blocks.ts";
import { fullLogs, lastSequence, openFullLog } from "./files.ts";
import { LineJoiner, type LogLine, parseLine } from "./line.ts";
import { findTail, type TailStart } from "./tail.ts";

const FROM_THE_START: TailStart = { stdout: 0, stderr: 0 };

/** A file of the log that is being read. */
interface Place {
  readonly file: FileHandle;
  /** Its number among the full ones; that it will have, where it is written to. */
  readonly sequence: number;
  readonly current: boolean;
  readonly start: TailStart;
}

/**
 * The entries of the log at `path` and of the full files before it, the pieces of a line joined. What is not there
 * is empty; damaged lines are left out. With `follow`, what comes until the process has ended, through rotation by rename.
 * `return` on the iterator and the signal end it at once, even while it waits.
 * @throws EngineError that names the file, where it can't be read
 */
export function readLog(
  path: string,
  options: LogOptions,
  following: { readonly ended: Promise<unknown> },
): AsyncIterable<LogEntry> {
  return {
    [Symbol.asyncIterator]() {
      const changes = new Changes(path);
      const entries = new LogReading(path, options, changes).entries(following.ended);
      const stop = () => {
        changes.stop();
        // Where it had given an entry that nobody takes any more, only this lets go of the file.
        void entries.return(undefined).catch(() => {}); // nobody is left to be told
      };
      options.signal?.addEventListener("abort", stop, { once: true });
      if (options.signal?.aborted) stop();
      return {
        next: () => doing(`read log ${path}`, () => entries.next()),
        return: async () => {
          options.signal?.removeEventListener("abort", stop);
          changes.stop();
          return entries.return(undefined);
        },
      };
    },
  };
}

class LogReading {
  readonly #path: string;
  readonly #options: LogOptions;
  readonly #changes: Changes;
  readonly #joiner = new LineJoiner();
  #past = false;

  constructor(path: string, options: LogOptions, changes: Changes) {
    this.#path = path;
    this.#options = options;
    this.#changes = changes;
  }

  async *entries(ended: Promise<unknown>): AsyncGenerator<LogEntry, undefined> {
    let place: Place | undefined;
    try {
      if (this.#options.follow) this.#changes.start(ended);
      place = await this.#begin();
      while (place && !this.#past) {
        yield* this.#file(place);
        const next: Place | undefined = await this.#after(place);
        await place.file.close();
        place = next;
      }
      if (!this.#past && !this.#changes.stopped) yield* this.#joiner.flush();
      return undefined;
    } finally {
      this.#changes.stop();
      await place?.file.close();
    }
  }

  /** A container that was never started has no log yet. */
  async #begin(): Promise<Place | undefined> {
    for (;;) {
      const over = !this.#options.follow || this.#changes.over;
      const place =
        this.#options.tail === undefined ? await this.#open(0) : await this.#tail(this.#options.tail);
      if (place || over) return place;
      await this.#changes.next();
    }
  }

  /** In the newest file that the last lines reach back to. */
  async #tail(count: number): Promise<Place | undefined> {
    let place = await this.#open(Number.POSITIVE_INFINITY);
    for (let wanted = count; place; ) {
      const { start, left } = await findTail(
        place.file,
        (await place.file.stat()).size,
        wanted,
        this.#options,
      );
      place = { ...place, start };
      if (left === 0) return place;
      const before = await this.#before(place.sequence);
      if (!before) return place;
      await place.file.close();
      place = before;
      wanted = left;
    }
    return undefined;
  }

  async #before(sequence: number): Promise<Place | undefined> {
    const full = fullLogs(this.#path).findLast((each) => each.sequence < sequence);
    const file = full && (await openFullLog(full));
    return file && { file, sequence: full.sequence, current: false, start: FROM_THE_START };
  }

  /** The first file from this number on; of a number that there is none of yet, the one that is written to. */
  async #open(sequence: number): Promise<Place | undefined> {
    for (;;) {
      const before = fullLogs(this.#path);
      const full = before.find((each) => each.sequence >= sequence);
      const file = await (full ? openFullLog(full) : openIfThere(this.#path));
      if (full && file) return { file, sequence: full.sequence, current: false, start: FROM_THE_START };
      const last = before.at(-1)?.sequence ?? 0;
      if (full || lastSequence(this.#path) !== last) {
        await file?.close(); // it took another place while it was opened
        continue;
      }
      // Between one file and the next there is none that is written to: its lines still go to the one before.
      if (!file && sequence === Number.POSITIVE_INFINITY) return this.#before(sequence);
      return file && { file, sequence: last + 1, current: true, start: FROM_THE_START };
    }
  }

  /** To the file's end; with `follow`, until another takes its place or there is nothing more to wait for. */
  async *#file(place: Place): AsyncGenerator<LogEntry, undefined> {
    const { file } = place;
    let { start } = place;
    let reader = new LineReader(file, Math.min(start.stdout, start.stderr));
    let last = false;
    for (;;) {
      // Asked before reading to the end: nothing is written to this file after that.
      last = !this.#options.follow || this.#changes.over || (await this.#isComplete(place));
      for (let lines = await reader.more(); lines; lines = await reader.more()) {
        for (const { offset, bytes } of lines) {
          const line = parseLine(bytes);
          if (!line || offset < start[line.stream]) continue;
          const entry = this.#entry(line);
          if (entry) yield entry;
          if (this.#past) return undefined;
        }
        if (this.#changes.stopped) return undefined;
      }
      if (last) return undefined;
      await this.#changes.next();
      if ((await file.stat()).size < reader.position) {
        reader = new LineReader(file, 0); // truncated
        start = FROM_THE_START;
      }
    }
  }

  #entry(line: LogLine): LogEntry | undefined {
    const { since, until } = this.#options;
    if (until !== undefined && line.time > until) {
      this.#past = true;
      return undefined;
    }
    if (!this.#options[line.stream] || (since !== undefined && line.time < since)) return undefined;
    return this.#joiner.add(line);
  }

  /** Whether nothing more is written to it: conmon closes a file before it makes the next. */
  async #isComplete({ file, sequence }: Place): Promise<boolean> {
    if (lastSequence(this.#path) > sequence) return true;
    const [now, ours] = await Promise.all([statIfThere(this.#path), file.stat({ bigint: true })]);
    return now !== undefined && (now.ino !== ours.ino || now.dev !== ours.dev);
  }

  async #after(place: Place): Promise<Place | undefined> {
    if (this.#changes.stopped) return undefined;
    const goesOn = this.#options.follow ? await this.#isComplete(place) : !place.current;
    return goesOn ? this.#open(place.sequence + 1) : undefined;
  }
}

/** Tells when there may be something new to read. */
class Changes {
  readonly #path: string;
  #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;
  #forget = () => {};
  /** The process has ended: what is in the log now is all. */
  over = false;
  /** The reader has gone. */
  stopped = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** The directory is watched, since the file may be replaced. */
  start(ended: Promise<unknown>): void {
    if (this.stopped) return;
    const name = basename(this.#path);
    this.#watcher = watch(dirname(this.#path), (_, changed) => {
      if (changed === null || changed === name) this.#tell();
    });
    this.#watcher.on("error", () => this.stop());
    this.#forget = onceSettled(ended, () => {
      this.over = true;
      this.#tell();
    });
  }

  /** Resolves at the next change since the last call. */
  async next(): Promise<void> {
    if (!this.#changed && !this.stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#changed = false;
  }

  stop(): void {
    this.stopped = true;
    this.over = true;
    this.#watcher?.close();
    this.#forget();
    this.#tell();
  }

  #tell(): void {
    this.#changed = true;
    this.#wake?.();
    this.#wake = undefined;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, "r").catch(ifMissing);
}

async function statIfThere(path: string): Promise<{ ino: bigint; dev: bigint } | undefined> {
  return stat(path, { bigint: true }).catch(ifMissing);
}

function ifMissing(error: unknown): undefined {
  if (codeOf(error) === "ENOENT") return undefined;
  throw error;
}
