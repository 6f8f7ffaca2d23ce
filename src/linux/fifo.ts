/** Named pipes, written without ever blocking: fifo(7), pipe(7). */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { check, declare, KernelError } from "./ffi.ts";

const ioctl = declare("int ioctl(int fd, unsigned long request, void *value)");

/** Of ioctl_tty(2); for a pipe: bytes written to it and not yet read. */
const FIONREAD = 0x541b;

export class FifoWriter {
  readonly #fd: number;
  readonly #path: string;

  /** @throws KernelError; ENXIO where nobody has it open for reading, ENOENT where there is none */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (thrown) {
      throw KernelError.from(`open ${path}`, thrown);
    }
  }

  /** Whole, or not at all, up to 4096 bytes. @throws KernelError; EAGAIN where it is full */
  write(text: string): void {
    try {
      writeSync(this.#fd, text);
    } catch (thrown) {
      throw KernelError.from(`write to ${this.#path}`, thrown);
    }
  }

  /** Bytes that the reader has not taken yet. @throws KernelError */
  get waiting(): number {
    const count = new Int32Array(1);
    check(`ask what waits in ${this.#path}`, ioctl(this.#fd, FIONREAD, count));
    return count[0] ?? 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
