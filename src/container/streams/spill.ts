/** Output that waits for a slow client: in memory at first, then in files without a name. */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { OutputFrame } from "../process/monitor-types.ts";

/** A file is let go of when all of it was read, so what is on disk stays near what waits. */
const FILE_SIZE = 4 << 20;

/** u8 stream (0 stdout, 1 stderr), u32 length of the data that follows. */
const HEADER_SIZE = 5;

interface SpillFile {
  readonly fd: number;
  written: number;
  read: number;
}

/** First in, first out. Once frames go to a file, all later ones do, until the files are read empty. */
export class FrameQueue {
  readonly #memoryLimit: number;
  readonly #directory: string;
  #frames: OutputFrame[] = [];
  #next = 0;
  #files: SpillFile[] = [];
  #waiting = 0;

  /** @param memoryLimit bytes that wait in memory at most; files are made in `directory` */
  constructor(memoryLimit: number, directory: string) {
    this.#memoryLimit = memoryLimit;
    this.#directory = directory;
  }

  /** Bytes that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  push(frame: OutputFrame): void {
    const full = this.#waiting + frame.data.length > this.#memoryLimit;
    if (this.#files.length > 0 || (full && this.#waiting > 0)) this.#spill(frame);
    else this.#frames.push(frame);
    this.#waiting += frame.data.length;
  }

  shift(): OutputFrame | undefined {
    const frame = this.#fromMemory() ?? this.#fromFile();
    if (frame) this.#waiting -= frame.data.length;
    return frame;
  }

  /** Forget all of it. */
  clear(): void {
    for (const file of this.#files) closeSync(file.fd);
    this.#files = [];
    this.#frames = [];
    this.#next = 0;
    this.#waiting = 0;
  }

  /** An index instead of `Array.shift`, which moves all that follows. */
  #fromMemory(): OutputFrame | undefined {
    const frame = this.#frames[this.#next];
    this.#next += 1;
    if (this.#next < this.#frames.length) return frame;
    this.#frames = [];
    this.#next = 0;
    return frame;
  }

  #spill(frame: OutputFrame): void {
    let file = this.#files.at(-1);
    if (!file || file.written >= FILE_SIZE) {
      file = { fd: openNameless(this.#directory), written: 0, read: 0 };
      this.#files.push(file);
    }
    const record = Buffer.allocUnsafe(HEADER_SIZE + frame.data.length);
    record.writeUInt8(frame.stream === "stdout" ? 0 : 1, 0);
    record.writeUInt32BE(frame.data.length, 1);
    record.set(frame.data, HEADER_SIZE);
    writeWhole(file.fd, record, file.written);
    file.written += record.length;
  }

  #fromFile(): OutputFrame | undefined {
    const file = this.#files[0];
    if (!file) return undefined;
    const header = readWhole(file.fd, HEADER_SIZE, file.read);
    const data = readWhole(file.fd, header.readUInt32BE(1), file.read + HEADER_SIZE);
    file.read += HEADER_SIZE + data.length;
    if (file.read === file.written) {
      closeSync(file.fd);
      this.#files.shift();
    }
    return { stream: header.readUInt8(0) === 0 ? "stdout" : "stderr", data };
  }
}

function openNameless(directory: string): number {
  const path = join(directory, `.spill-${randomUUID()}`);
  const fd = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return fd;
}

function writeWhole(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

function readWhole(fd: number, length: number, position: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const count = readSync(fd, bytes, done, length - done, position + done);
    if (count === 0) throw new Error("a spill file ends early");
    done += count;
  }
  return bytes;
}
