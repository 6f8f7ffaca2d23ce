/** Memory with an address: for C structs that hold pointers. Node's own buffers don't tell theirs. */
import koffi from "koffi";

export class NativeMemory {
  readonly #pointer: bigint;
  /** Of the first byte. */
  readonly address: bigint;
  readonly bytes: Buffer;

  /** Zeros. */
  constructor(size: number) {
    this.#pointer = koffi.alloc("uint8_t", size);
    this.address = koffi.address(this.#pointer);
    this.bytes = Buffer.from(koffi.view(this.#pointer, size)).fill(0);
  }

  /** `bytes` and everything cut from it must not be touched any more. */
  free(): void {
    koffi.free(this.#pointer);
  }
}
