/** The system calls of a netlink socket, netlink(7): what is said through it is in `socket.ts`. */
import { constants } from "node:os";
import { LITTLE_ENDIAN, viewOf } from "../bytes.ts";
import { check, declare, KernelError, lastErrno } from "../ffi.ts";
import {
  AF_NETLINK,
  IFNAMSIZ,
  MSG_DONTWAIT,
  MSG_TRUNC,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
} from "../socket-constants.ts";
import { type Message, readMessages } from "./message.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
  send: declare("int64 send(int fd, const void *data, size_t size, int flags)"),
  recv: declare("int64 recv(int fd, void *data, size_t size, int flags)"),
  close: declare("int close(int fd)"),
  ioctl: declare("int ioctl(int fd, unsigned long request, void *argument)"),
};

const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const { EAGAIN, EMSGSIZE, ENOBUFS, ENODEV } = constants.errno;

/** Bytes that any send buffer takes. */
const SMALL = 65536;

// The kernel never answers with more than 32 KiB to a dump; everything here is synchronous, so one
// buffer serves all sockets of the thread.
const received = new Uint8Array(65536);

const on = Int32Array.of(1);

/** `struct ifreq { char ifr_name[IFNAMSIZ]; union { int ifr_ifindex; … }; }`: 40 bytes where longs have 8. */
const ifreq = new Uint8Array(40);
const SIOCGIFINDEX = 0x8933;
const encoder = new TextEncoder();

/** What an errno means on a netlink socket, where its own words would lead astray. */
const DETAIL: Readonly<Record<number, string>> = {
  [EAGAIN]: "the kernel gave no answer",
  [ENOBUFS]: "answers were lost: the socket's receive buffer is full",
};

export class Descriptor {
  readonly #fd: number;
  /** What the send buffer was made to take. */
  #room = SMALL;

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

  /** As one datagram. @throws KernelError */
  send(what: string, bytes: Uint8Array): void {
    // The kernel refuses a message beyond the send buffer, whose default is 208 KiB.
    if (bytes.length > this.#room) this.#makeRoom(bytes.length);
    if (sys.send(this.#fd, bytes, bytes.length, 0) >= 0) return;
    const errno = lastErrno();
    const detail =
      errno === EMSGSIZE
        ? `${bytes.length} bytes are more than the socket's send buffer may be made to take`
        : undefined;
    throw new KernelError(what, errno, detail);
  }

  /** On a thread of libuv's pool. `bytes` must hold still meanwhile. */
  sendAsync(what: string, bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) =>
      sys.send.async(this.#fd, bytes, bytes.length, 0, (error: Error | null, sent: number) => {
        if (error) reject(error);
        // An errno of that thread is out of reach; a refusal by the kernel comes as an acknowledgement.
        else if (sent !== bytes.length) reject(new Error(`${what}: the netlink request was not sent`));
        else resolve();
      }),
    );
  }

  /**
   * One datagram's messages, good until the next call. The kernel answers within send, and goes on with a
   * dump within recv: an answer that is not there will not come.
   * @throws KernelError
   */
  receive(what: string): Message[] {
    const size = Number(sys.recv(this.#fd, received, received.length, MSG_DONTWAIT | MSG_TRUNC));
    if (size < 0) {
      const errno = lastErrno();
      throw new KernelError(what, errno, DETAIL[errno]);
    }
    if (size > received.length) throw new KernelError(what, EMSGSIZE, `an answer of ${size} bytes`);
    return readMessages(received.subarray(0, size));
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

  /** Give it away: the caller closes it, and nothing else is done here any more. */
  release(): number {
    return this.#fd;
  }

  #makeRoom(size: number): void {
    const room = Int32Array.of(size * 2);
    const forced = sys.setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, room, 4);
    // Without CAP_NET_ADMIN, as far as net.core.wmem_max lets it; the send tells whether that is enough.
    if (forced < 0) sys.setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUF, room, 4);
    this.#room = size;
  }
}
