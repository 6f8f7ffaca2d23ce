/**
 * Datagrams passed on between a socket that is open to all and sockets with one peer each, udp(7). A host has many
 * addresses, and an answer must leave from the one that was asked: the kernel tells it beside the datagram
 * (recvmsg(2), ip(7) IP_PKTINFO, ipv6(7) IPV6_PKTINFO).
 */
import { LITTLE_ENDIAN, viewOf } from "./bytes.ts";
import { declare, KernelError, lastErrno } from "./ffi.ts";
import { NativeMemory } from "./native-memory.ts";
import { SOCKADDR_SIZE } from "./sockaddr.ts";

const sys = {
  recvmsg: declare("int64 recvmsg(int fd, uint64 message, int flags)"),
  sendmsg: declare("int64 sendmsg(int fd, uint64 message, int flags)"),
  recv: declare("int64 recv(int fd, uint64 data, uint64 size, int flags)"),
  send: declare("int64 send(int fd, uint64 data, uint64 size, int flags)"),
};

const [EAGAIN, EINVAL] = [11, 22];
/** What ICMP said of an earlier datagram, told once: ENOPROTOOPT, ENETUNREACH, ECONNREFUSED, EHOSTUNREACH. */
const OLD_NEWS = new Set([92, 101, 111, 113]);
const [SOL_IP, SOL_IPV6] = [0, 41];

/**
 * ```c
 * struct cmsghdr { size_t cmsg_len; int cmsg_level; int cmsg_type; };  // the data follows
 * struct in_pktinfo {
 *   int ipi_ifindex;
 *   struct in_addr ipi_spec_dst;  // our address; the one to send from
 *   struct in_addr ipi_addr;      // the one in the packet: a broadcast, maybe
 * };
 * struct in6_pktinfo { struct in6_addr ipi6_addr; unsigned int ipi6_ifindex; };
 * ```
 * as 64-bit machines lay them out.
 */
const CMSG_LEVEL = 8;
const CMSG_DATA = 16;
const IFINDEX_OF_6 = CMSG_DATA + 16;

/**
 * The packet's info as an answer is to carry it: its address, and no link, since the way back may be another; but an
 * address of a link alone (fe80::/10) is nothing without it.
 */
export function infoForAnswer(control: Uint8Array): Uint8Array {
  const info = control.slice();
  const view = viewOf(info);
  const level = info.length >= CMSG_DATA ? view.getInt32(CMSG_LEVEL, LITTLE_ENDIAN) : undefined;
  if (level === SOL_IP && info.length >= CMSG_DATA + 12) view.setInt32(CMSG_DATA, 0, LITTLE_ENDIAN);
  if (level === SOL_IPV6 && info.length >= CMSG_DATA + 20) {
    const ofLink = (view.getUint16(CMSG_DATA) & 0xffc0) === 0xfe80;
    if (!ofLink) view.setUint32(IFINDEX_OF_6, 0, LITTLE_ENDIAN);
  }
  return info;
}

/** Whom a datagram came from, and to which address of ours: the kernel's own bytes. */
export interface Way {
  /** struct sockaddr. */
  readonly sender: Uint8Array;
  /** struct cmsghdr, as an answer carries it. */
  readonly info: Uint8Array;
  /** The same for the same way, and for no other. */
  readonly key: string;
}

/**
 * ```c
 * struct msghdr {
 *   void *msg_name;         //  0
 *   socklen_t msg_namelen;  //  8
 *   struct iovec *msg_iov;  // 16
 *   size_t msg_iovlen;      // 24
 *   void *msg_control;      // 32
 *   size_t msg_controllen;  // 40
 *   int msg_flags;          // 48
 * };
 * struct iovec { void *iov_base; size_t iov_len; };
 * ```
 */
const [NAME, NAMELEN, IOV, IOVLEN, CONTROL, CONTROLLEN] = [0, 8, 16, 24, 32, 40] as const;
/** Where things stand in a passage's memory. */
const [VECTOR, SENDER, INFO, DATA] = [56, 72, 104, 168] as const;
const INFO_ROOM = DATA - INFO;
const LARGEST = 65_536;

/** Memory that one datagram at a time passes through, to stay there until the next call. */
export class DatagramPassage {
  readonly #memory = new NativeMemory(DATA + LARGEST);
  readonly #view = viewOf(this.#memory.bytes);
  readonly #data = this.#memory.address + BigInt(DATA);

  constructor() {
    this.#pointer(NAME, SENDER);
    this.#pointer(IOV, VECTOR);
    this.#pointer(CONTROL, INFO);
    this.#pointer(VECTOR, DATA);
    this.#size(IOVLEN, 1);
  }

  /** The next datagram of a socket that is open to all; undefined where none waits. @throws KernelError */
  receive(fd: number): { readonly way: Way; readonly length: number } | undefined {
    this.#view.setUint32(NAMELEN, SOCKADDR_SIZE, LITTLE_ENDIAN);
    this.#size(CONTROLLEN, INFO_ROOM);
    this.#size(VECTOR + 8, LARGEST);
    const length = Number(sys.recvmsg(fd, this.#memory.address, 0));
    if (length < 0) {
      if (lastErrno() === EAGAIN) return undefined;
      throw new KernelError("receive a datagram", lastErrno());
    }
    const { bytes } = this.#memory;
    const sender = bytes.subarray(SENDER, SENDER + this.#view.getUint32(NAMELEN, LITTLE_ENDIAN));
    const told = Number(this.#view.getBigUint64(CONTROLLEN, LITTLE_ENDIAN));
    const info = infoForAnswer(bytes.subarray(INFO, INFO + told));
    const key = [sender, Buffer.from(info)].map((part) => part.toString("latin1")).join("");
    return { way: { sender: Uint8Array.from(sender), info, key }, length };
  }

  /**
   * Send what is here, `length` bytes, the way back. What was asked at an address that can't be sent from (a
   * broadcast) is answered from the one that the kernel chooses.
   * @returns whether it was sent; else it is lost, as datagrams are
   */
  answer(fd: number, { sender, info }: Way, length: number): boolean {
    const { bytes, address } = this.#memory;
    bytes.set(sender, SENDER);
    bytes.set(info, INFO);
    this.#view.setUint32(NAMELEN, sender.length, LITTLE_ENDIAN);
    this.#size(CONTROLLEN, info.length);
    this.#size(VECTOR + 8, length);
    if (sys.sendmsg(fd, address, 0) >= 0) return true;
    if (lastErrno() !== EINVAL) return false;
    this.#size(CONTROLLEN, 0);
    return sys.sendmsg(fd, address, 0) >= 0;
  }

  /**
   * The next datagram of a socket with one peer; undefined where none waits. That an earlier one of ours found
   * nobody is passed over: datagrams get lost.
   * @throws KernelError
   */
  read(fd: number): number | undefined {
    for (;;) {
      const length = Number(sys.recv(fd, this.#data, LARGEST, 0));
      if (length >= 0) return length;
      if (lastErrno() === EAGAIN) return undefined;
      if (!OLD_NEWS.has(lastErrno())) throw new KernelError("read a datagram", lastErrno());
    }
  }

  /** Send what is here, `length` bytes, to a socket's one peer. @returns as `answer` */
  write(fd: number, length: number): boolean {
    if (sys.send(fd, this.#data, length, 0) >= 0) return true;
    // That an earlier one found nobody is told in place of sending this one.
    return OLD_NEWS.has(lastErrno()) && sys.send(fd, this.#data, length, 0) >= 0;
  }

  #pointer(at: number, to: number): void {
    this.#view.setBigUint64(at, this.#memory.address + BigInt(to), LITTLE_ENDIAN);
  }

  #size(at: number, size: number): void {
    this.#view.setBigUint64(at, BigInt(size), LITTLE_ENDIAN);
  }
}
