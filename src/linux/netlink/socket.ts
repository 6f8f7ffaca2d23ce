/** A netlink socket, netlink(7): bound for life to the namespace in which it was opened. */
import { LITTLE_ENDIAN, readI32, viewOf, Writer } from "../bytes.ts";
import { check, declare, KernelError, lastErrno } from "../ffi.ts";
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
  readMessages,
} from "./message.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
  send: declare("int64 send(int fd, const void *data, size_t size, int flags)"),
  recv: declare("int64 recv(int fd, void *data, size_t size, int flags)"),
  close: declare("int close(int fd)"),
  ioctl: declare("int ioctl(int fd, unsigned long request, void *argument)"),
};

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const EINTR = 4;
const ENODEV = 19;
const EBADMSG = 74;
const EMSGSIZE = 90;

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** So many acknowledgements fit into a receive buffer of the default size. */
const BATCH = 64;
/** Bytes that any send buffer takes. */
const SMALL = 65536;
const DUMP_ATTEMPTS = 16;

// The kernel never answers with more than 32 KiB to a dump; everything here is synchronous, so one
// buffer each way serves all sockets of the thread.
const received = new Uint8Array(65536);
const outgoing = new Writer();

const on = Int32Array.of(1);

/** `struct ifreq { char ifr_name[IFNAMSIZ]; union { int ifr_ifindex; … }; }`: 40 bytes where longs have 8. */
const ifreq = new Uint8Array(40);
const IFNAMSIZ = 16;
const SIOCGIFINDEX = 0x8933;
const encoder = new TextEncoder();

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
  readonly #fd: number;
  #sequence = 0;

  /**
   * In the namespace that the thread is in at this moment.
   * @throws KernelError
   */
  constructor(protocol: number) {
    this.#fd = check("open a netlink socket", sys.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    // Older kernels know fewer of these; each only makes answers better or checks stricter.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      sys.setsockopt(this.#fd, SOL_NETLINK, option, on, 4);
    }
  }

  /**
   * Send requests together, in order, and hear each one's acknowledgement. The kernel carries all of them
   * out, those after one that failed too: only put together what does not depend on one another.
   * @returns for each request the error that it met, or undefined
   * @throws KernelError where the talk itself fails
   */
  transact(requests: readonly Request[]): (KernelError | undefined)[] {
    if (requests.length <= BATCH) return this.#exchange(requests);
    const outcomes: (KernelError | undefined)[] = [];
    for (let at = 0; at < requests.length; at += BATCH) {
      outcomes.push(...this.#exchange(requests.slice(at, at + BATCH)));
    }
    return outcomes;
  }

  #exchange(requests: readonly Request[]): (KernelError | undefined)[] {
    const first = this.#write(requests, NLM_F_ACK);
    this.#send(requests[0]?.what ?? "netlink", outgoing.written());
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
    this.#send(last.what, outgoing.written());
    let refused: KernelError | undefined;
    for (;;) {
      for (const message of this.#receive(last.what)) {
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
    await new Promise<void>((resolve, reject) =>
      sys.send.async(this.#fd, message, message.length, 0, (error: Error | null, sent: number) => {
        if (error) reject(error);
        // An errno of that thread is out of reach; a refusal by the kernel comes as an acknowledgement.
        else if (sent !== message.length)
          reject(new Error(`${request.what}: the netlink request was not sent`));
        else resolve();
      }),
    );
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
      this.#send(request.what, outgoing.written());
      const found: T[] = [];
      if (
        this.#collectDump(request.what, sequence, (message) => {
          const one = decode(message);
          if (one !== undefined) found.push(one);
        })
      )
        return found;
    }
    throw new KernelError(request.what, EINTR, `the table changed ${DUMP_ATTEMPTS} times while it was read`);
  }

  /**
   * The index of a link of this namespace by its name: SIOCGIFINDEX, netdevice(7). It takes no lock, where
   * RTM_GETLINK waits for every change of links under way.
   * @throws KernelError ENODEV
   */
  ifindex(what: string, name: string): number {
    ifreq.fill(0);
    // A name that is cut short would be another link's.
    const { read, written } = encoder.encodeInto(name, ifreq.subarray(0, IFNAMSIZ - 1));
    if (read < name.length || written === 0)
      throw new KernelError(what, ENODEV, `no link can be named ${name}`);
    check(what, sys.ioctl(this.#fd, SIOCGIFINDEX, ifreq));
    return viewOf(ifreq).getInt32(IFNAMSIZ, LITTLE_ENDIAN);
  }

  close(): void {
    sys.close(this.#fd);
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

  #send(what: string, bytes: Uint8Array): void {
    // The kernel refuses a message beyond the send buffer, whose default is 208 KiB.
    if (bytes.length > SMALL) {
      sys.setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, Int32Array.of(bytes.length * 2), 4);
    }
    check(what, sys.send(this.#fd, bytes, bytes.length, 0));
  }

  /** Read until each of `requests` is acknowledged. */
  #collect(requests: readonly Request[], first: number): (KernelError | undefined)[] {
    const outcomes: (KernelError | undefined)[] = Array(requests.length).fill(undefined);
    let missing = requests.length;
    while (missing > 0) {
      for (const message of this.#receive(requests[0]?.what ?? "netlink")) {
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

  /** @returns whether the table held still */
  #collectDump(what: string, sequence: number, hear: (message: Message) => void): boolean {
    let still = true;
    for (;;) {
      for (const message of this.#receive(what)) {
        if (message.sequence !== sequence) continue;
        if (message.flags & NLM_F_DUMP_INTR) still = false;
        if (message.type === NLMSG_DONE) {
          // Its payload is an int: a negative errno where the dump broke off.
          const errno = -(readI32(message.payload.subarray(0, 4)) ?? 0);
          if (errno > 0) throw new KernelError(what, errno);
          return still;
        }
        if (message.type !== NLMSG_ERROR) {
          hear(message);
          continue;
        }
        const error = refusal(what, readAcknowledgement(message));
        if (error) throw error;
      }
    }
  }

  /**
   * One datagram's messages. The kernel answers within send, and goes on with a dump within recv: an
   * answer that is not there will not come.
   */
  #receive(what: string): Message[] {
    const size = Number(sys.recv(this.#fd, received, received.length, MSG_DONTWAIT | MSG_TRUNC));
    if (size < 0) {
      const errno = lastErrno();
      throw new KernelError(what, errno, errno === EAGAIN ? "the kernel gave no answer" : undefined);
    }
    if (size > received.length) throw new KernelError(what, EMSGSIZE, `an answer of ${size} bytes`);
    return readMessages(received.subarray(0, size));
  }
}

function refusal(what: string, ack: Acknowledgement | undefined): KernelError | undefined {
  if (!ack) return new KernelError(what, EBADMSG, "an acknowledgement that can't be read");
  return ack.errno === 0 ? undefined : new KernelError(what, ack.errno, ack.text);
}
