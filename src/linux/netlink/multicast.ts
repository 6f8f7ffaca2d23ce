/** What the kernel announces to everyone who listens: netlink multicast groups, netlink(7). Never blocking. */
import { constants } from "node:os";
import koffi from "koffi";
import { LITTLE_ENDIAN, viewOf, Writer } from "../bytes.ts";
import { check, declare, KernelError, lastErrno } from "../ffi.ts";
import {
  AF_NETLINK,
  MSG_TRUNC,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from "../socket-constants.ts";
import { type Message, readMessages } from "./message.ts";

/** struct sock_fprog { unsigned short len; struct sock_filter *filter; }, linux/filter.h. */
koffi.struct("sock_fprog", { len: "uint16_t", filter: "void *" });

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  bind: declare("int bind(int fd, const void *address, uint32_t length)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
  attachFilter: declare(
    "int setsockopt(int fd, int level, int name, const sock_fprog *value, uint32_t size)",
  ),
  recv: declare("int64 recv(int fd, void *data, size_t size, int flags)"),
  close: declare("int close(int fd)"),
};

const SO_RCVBUF = 8;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const { EAGAIN, ENOBUFS } = constants.errno;

/** Bytes of the receive buffer: a rule set of a thousand rules that is loaded at once fits. */
const ROOM = 4 << 20;

// All reading is synchronous, and what was read is done with before the next: one buffer serves all.
const received = new Uint8Array(65536);

export class MulticastSocket {
  /** For the reactor. */
  readonly fd: number;

  /**
   * In the namespace that the thread is in at this moment.
   * @param groups of this protocol, by number, 1 to 32
   * @throws KernelError
   */
  constructor(protocol: number, groups: readonly number[]) {
    const what = "listen to the kernel's announcements";
    this.fd = check(what, sys.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    try {
      // Without CAP_NET_ADMIN, as far as net.core.rmem_max lets it; what does not fit is told as lost.
      const room = Int32Array.of(ROOM);
      if (sys.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, room, 4) < 0)
        sys.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUF, room, 4);
      const address = socketAddress(groups);
      check(what, sys.bind(this.fd, address, address.length));
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  /**
   * One datagram's messages, good until the next call.
   * @returns "later" where nothing has come yet; "lost" where more came than there was room for
   * @throws KernelError
   */
  receive(): Message[] | "later" | "lost" {
    const size = Number(sys.recv(this.fd, received, received.length, MSG_TRUNC));
    if (size > received.length) return "lost";
    if (size >= 0) return readMessages(received.subarray(0, size));
    const errno = lastErrno();
    if (errno === EAGAIN) return "later";
    if (errno === ENOBUFS) return "lost";
    throw new KernelError("hear the kernel", errno);
  }

  /**
   * Have the kernel throw away what was brought about through these sockets (nlmsg_pid). What is on its way
   * comes all the same; where there are no filters, everything does.
   */
  ignore(ports: readonly number[]): void {
    const filter = ignoring(ports);
    const program = { len: filter.length / 8, filter };
    sys.attachFilter(this.fd, SOL_SOCKET, SO_ATTACH_FILTER, program, koffi.sizeof("sock_fprog"));
  }

  close(): void {
    sys.close(this.fd);
  }
}

/** struct sockaddr_nl { sa_family_t nl_family; unsigned short nl_pad; __u32 nl_pid; __u32 nl_groups; } */
const socketAddress = (groups: readonly number[]): Uint8Array =>
  new Writer(12)
    .u16(AF_NETLINK)
    .u16(0)
    .u32(0) // the kernel's choice
    .u32(groups.reduce((mask, group) => mask | (1 << (group - 1)), 0))
    .written();

const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
/** Of nlmsg_pid in struct nlmsghdr. */
const PORT_OFFSET = 12;

/**
 * A program of struct sock_filter { __u16 code; __u8 jt; __u8 jf; __u32 k; }. A datagram is of one transaction,
 * so its first message tells the port of all.
 */
function ignoring(ports: readonly number[]): Uint8Array {
  const to = new Writer(8 * (ports.length + 3));
  to.u16(LOAD_WORD).u8(0).u8(0).u32(PORT_OFFSET);
  ports.forEach((port, i) => {
    to.u16(JUMP_EQUAL)
      .u8(ports.length - i)
      .u8(0)
      .u32(networkOrder(port));
  });
  to.u16(RETURN).u8(0).u8(0).u32(0xffffffff);
  to.u16(RETURN).u8(0).u8(0).u32(0);
  return to.written();
}

/** A load takes the word for one in network order, which netlink's aren't. */
function networkOrder(port: number): number {
  const word = new Uint8Array(4);
  viewOf(word).setUint32(0, port, LITTLE_ENDIAN);
  return viewOf(word).getUint32(0);
}
