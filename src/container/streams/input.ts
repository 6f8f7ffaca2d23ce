/** The way to a process's standard input: one writer after another, at the process's own pace. */
import type { SeqpacketSocket } from "../../linux/seqpacket.ts";

/** conmon takes at most 32 KiB of a packet and drops the rest; half of it leaves room in the socket for two. */
const PACKET_SIZE = 16 << 10;

interface Writing {
  readonly data: Uint8Array;
  done: number;
  readonly resolve: () => void;
}

export class Input {
  readonly #socket: SeqpacketSocket;
  readonly #expectRoom: (expected: boolean) => void;
  #queue: Writing[] = [];
  #ending = false;
  #closed = false;

  /** @param expectRoom asks for `pump` to be called when the socket can take more, or takes that back */
  constructor(socket: SeqpacketSocket, expectRoom: (expected: boolean) => void) {
    this.#socket = socket;
    this.#expectRoom = expectRoom;
  }

  /** Resolves when conmon's socket has taken it, or nobody ever will. */
  write(data: Uint8Array): Promise<void> {
    if (this.#closed || this.#ending || data.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#queue.push({ data, done: 0, resolve });
      if (this.#queue.length === 1) this.pump();
    });
  }

  /** End of file, after all that was written. */
  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    if (this.#queue.length === 0) this.#finish();
  }

  /** The other side is gone: what waits will never be taken. */
  close(): void {
    this.#closed = true;
    const waiting = this.#queue;
    this.#queue = [];
    for (const { resolve } of waiting) resolve();
  }

  /** Send what fits. */
  pump(): void {
    for (let writing = this.#queue[0]; writing; writing = this.#queue[0]) {
      const outcome = this.#send(writing);
      if (outcome === "gone") {
        this.#expectRoom(false);
        this.close();
        return;
      }
      if (outcome === "later") {
        this.#expectRoom(true);
        return;
      }
      if (writing.done < writing.data.length) continue;
      this.#queue.shift();
      writing.resolve();
    }
    this.#expectRoom(false);
    if (this.#ending) this.#finish();
  }

  #send(writing: Writing): "sent" | "later" | "gone" {
    const packet = writing.data.subarray(writing.done, writing.done + PACKET_SIZE);
    const outcome = this.#socket.send(packet);
    if (outcome === "sent") writing.done += packet.length;
    return outcome;
  }

  #finish(): void {
    this.#closed = true;
    this.#socket.endWriting();
  }
}
