/** Where a capture's bytes go: a file, or a stream whose reader takes its time and may leave. */
import { closeSync, writeSync } from "node:fs";
import type { Writable } from "node:stream";
import { codeOf } from "../lib/errors.ts";

export interface Outlet {
  /** The bytes are free again when it returns. @throws the error of a write that failed */
  write(bytes: Uint8Array): void;
  /** It wants no more just now; `onRoom` tells when it does. */
  readonly busy: boolean;
  /** @param onClosed the reader is gone: without an error where it just left */
  watch(onRoom: () => void, onClosed: (error?: Error) => void): void;
  /** No more comes. Resolves when all is written, or never will be. */
  end(): Promise<void>;
}

/** A file that is written by the call itself: a disk's page cache takes whatever comes. `fd` is closed at the end. */
export function fileOutlet(fd: number): Outlet {
  return {
    busy: false,
    write: (bytes) => {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    },
    watch: () => {},
    end: async () => closeSync(fd),
  };
}

/** A pipe or a terminal. The stream stays its owner's: it is not ended. */
export function streamOutlet(stream: Writable): Outlet {
  let closed = false;
  return {
    get busy() {
      return !closed && stream.writableNeedDrain;
    },
    write: (bytes) => {
      if (!closed) stream.write(Buffer.from(bytes));
    },
    watch: (onRoom, onClosed) => {
      stream.on("drain", onRoom);
      stream.on("error", (error) => {
        closed = true;
        onClosed(codeOf(error) === "EPIPE" ? undefined : error);
      });
    },
    end: () =>
      new Promise((resolve) => {
        if (closed) resolve();
        else stream.write("", () => resolve());
      }),
  };
}
