/** A netlink socket, netlink(7): bound for life to the namespace in which it was opened. */
import { constants } from "node:os";
import { readI32, Writer } from "../bytes.ts";
import { KernelError } from "../ffi.ts";
import { Descriptor } from "./descriptor.ts";
import {
  type Acknowledgement,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  putMessage,
  readAcknowledgement,
} from "./message.ts";

const { EBADMSG, EINTR, ENOBUFS } = constants.errno;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** So many acknowledgements fit into a receive buffer of the default size. */
const BATCH = 64;
const DUMP_ATTEMPTS = 16;

// Everything here is synchronous, so one buffer serves all sockets of the thread.
const outgoing = new Writer();

/** One message to send, and what to do with what it is answered. */
export interface Request {
  /** Named in errors: `create bridge docker0`. */
  readonly what: string;
  readonly type: number;
  /** NLM_F_* beyond REQUEST and ACK. */
  readonly flags?: number;
  readonly body: (to: Writer) => void;
  /** Each message of the answer. Views in it are good during the call only. */
  readonly answer?: (message: Message) => void;
}

export class NetlinkSocket {
  readonly #descriptor: Descriptor;
  #sequence = 0;

  /**
   * In the namespace that the thread is in at this moment.
   * @throws KernelError
   */
  constructor(protocol: number) {
    this.#descriptor = new Descriptor(protocol);
  }

  /**
   * Send requests together, in order, and hear each one's acknowledgement. The kernel carries all of them
   * out, those after one that failed too: only put together what does not depend on one another.
   * @returns for each request the error that it met, or undefined
   * @throws KernelError where the talk itself fails
   */
  transact(requests: readonly Request[]): (KernelError | undefined)[] {
    const outcomes: (KernelError | undefined)[] = [];
    for (let at = 0; at < requests.length; at += BATCH) {
      outcomes.push(...this.#exchange(requests.slice(at, at + BATCH)));
    }
    return outcomes;
  }

  /** Of at least one request. */
  #exchange(requests: readonly Request[]): (KernelError | undefined)[] {
    const first = this.#write(requests, NLM_F_ACK);
    this.#descriptor.send(requests[0]?.what ?? "netlink", outgoing.written());
    return this.#collect(requests, first);
  }

  /** Send one request. @throws KernelError with the kernel's own words where it refuses */
  request(request: Request): void {
    const [error] = this.transact([request]);
    if (error) throw error;
  }

  /**
   * Send requests as one nfnetlink transaction between its `ends`: all are carried out, or none.
   * @throws KernelError of the first that was refused
   */
  batch(requests: readonly Request[], ends: readonly [Request, Request]): void {
    const last = requests.at(-1);
    if (!last) return;
    const all = [ends[0], ...requests, ends[1]];
    // One acknowledgement, for the last, whose arrival ends the talk: each would take room in the
    // receive buffer. Refusals come unasked, and before it.
    const first = this.#write(all, 0, last);
    this.#descriptor.send(last.what, outgoing.written());
    let refused: KernelError | undefined;
    let lost: KernelError | undefined;
    for (;;) {
      let messages: Message[];
      try {
        messages = this.#descriptor.receive(last.what);
      } catch (thrown) {
        // Where refusals filled the receive buffer, the first of them are still to be read, and no more follow.
        if (!(thrown instanceof KernelError)) throw thrown;
        if (thrown.errno !== ENOBUFS) throw refused ?? lost ?? thrown;
        lost = thrown;
        continue;
      }
      for (const message of messages) {
        const request: Request | undefined = all[(message.sequence - first) >>> 0];
        if (!request || message.type !== NLMSG_ERROR) continue;
        refused ??= refusal(request === ends[0] ? last.what : request.what, readAcknowledgement(message));
        // Of the transaction itself: it was not looked into, or could not be committed.
        if (request !== last && request !== ends[0]) continue;
        if (refused) throw refused;
        return;
      }
    }
  }

  /**
   * As `request`, with the send on a thread of libuv's pool: for what the kernel takes its time over.
   * Nothing else may use this socket meanwhile.
   */
  async requestAsync(request: Request): Promise<void> {
    const first = this.#write([request], NLM_F_ACK);
    const message = outgoing.written().slice();
    await this.#descriptor.sendAsync(request.what, message);
    const [error] = this.#collect([request], first);
    if (error) throw error;
  }

  /**
   * Ask for a whole table; where it changed meanwhile, again. `decode` is called for each message, and its
   * results are collected, but for undefined.
   * @throws KernelError EINTR where the table does not hold still
   */
  dump<T>(request: Omit<Request, "answer">, decode: (message: Message) => T | undefined): T[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt += 1) {
      const sequence = this.#write([request], NLM_F_DUMP);
      this.#descriptor.send(request.what, outgoing.written());
      const found = this.#collectDump(request.what, sequence, decode);
      if (found) return found;
    }
    throw unstill(request.what);
  }

  /**
   * As `dump`, with the send on a thread of libuv's pool: the kernel looks there for what fills its first
   * answer. Nothing else may use this socket meanwhile.
   */
  async dumpAsync<T>(
    request: Omit<Request, "answer">,
    decode: (message: Message) => T | undefined,
  ): Promise<T[]> {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt += 1) {
      const sequence = this.#write([request], NLM_F_DUMP);
      await this.#descriptor.sendAsync(request.what, outgoing.written().slice());
      const found = this.#collectDump(request.what, sequence, decode);
      if (found) return found;
    }
    throw unstill(request.what);
  }

  /** The index of a link of this namespace by its name. @throws KernelError ENODEV */
  ifindex(what: string, name: string): number {
    return this.#descriptor.ifindex(what, name);
  }

  close(): void {
    this.#descriptor.close();
  }

  /** As `close`, and the descriptor is the caller's to close. */
  release(): number {
    return this.#descriptor.release();
  }

  /** @returns the sequence number of the first */
  #write(requests: readonly Request[], flags: number, acknowledged?: Request): number {
    outgoing.clear();
    const first = this.#sequence + 1;
    for (const request of requests) {
      this.#sequence = (this.#sequence + 1) >>> 0;
      const header = {
        type: request.type,
        flags: NLM_F_REQUEST | flags | (request.flags ?? 0) | (request === acknowledged ? NLM_F_ACK : 0),
        sequence: this.#sequence,
        port: 0,
      };
      putMessage(outgoing, header, request.body);
    }
    return first >>> 0;
  }

  /** Read until each of `requests` is acknowledged. */
  #collect(requests: readonly Request[], first: number): (KernelError | undefined)[] {
    const outcomes: (KernelError | undefined)[] = Array(requests.length).fill(undefined);
    let missing = requests.length;
    while (missing > 0) {
      for (const message of this.#descriptor.receive(requests[0]?.what ?? "netlink")) {
        const index = (message.sequence - first) >>> 0;
        const request = requests[index];
        if (!request) continue; // of an earlier talk that was given up
        if (message.type !== NLMSG_ERROR) {
          request.answer?.(message);
          continue;
        }
        outcomes[index] = refusal(request.what, readAcknowledgement(message));
        missing -= 1;
      }
    }
    return outcomes;
  }

  /** @returns nothing where the table did not hold still */
  #collectDump<T>(
    what: string,
    sequence: number,
    decode: (message: Message) => T | undefined,
  ): T[] | undefined {
    const found: T[] = [];
    let still = true;
    for (;;) {
      for (const message of this.#descriptor.receive(what)) {
        if (message.sequence !== sequence) continue;
        if (message.flags & NLM_F_DUMP_INTR) still = false;
        if (message.type === NLMSG_DONE) {
          // Its payload is an int: a negative errno where the dump broke off.
          const errno = -(readI32(message.payload.subarray(0, 4)) ?? 0);
          if (errno > 0) throw new KernelError(what, errno);
          return still ? found : undefined;
        }
        if (message.type !== NLMSG_ERROR) {
          const one = decode(message);
          if (one !== undefined) found.push(one);
          continue;
        }
        const error = refusal(what, readAcknowledgement(message));
        if (error) throw error;
      }
    }
  }
}

const unstill = (what: string): KernelError =>
  new KernelError(what, EINTR, `the table changed ${DUMP_ATTEMPTS} times while it was read`);

function refusal(what: string, ack: Acknowledgement | undefined): KernelError | undefined {
  if (!ack) return new KernelError(what, EBADMSG, "an acknowledgement that can't be read");
  return ack.errno === 0 ? undefined : new KernelError(what, ack.errno, ack.text);
}
