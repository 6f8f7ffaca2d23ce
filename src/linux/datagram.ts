/** UDP sockets served by hand, udp(7): many datagrams a call, into memory that is there already. Never blocking. */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { formatAddress } from "../lib/ip.ts";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { NativeMemory } from "./native-memory.ts";
import { encodeSocketAddress, SOCKADDR_SIZE, type SocketAddress } from "./sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  MSG_TRUNC,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from "./socket-constants.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  connect: declare("int connect(int fd, const void *address, uint32_t size)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
  recv: declare("int64 recv(int fd, void *data, uint64 size, int flags)"),
  send: declare("int64 send(int fd, const void *data, uint64 size, int flags)"),
  sendto: declare(
    "int64 sendto(int fd, const void *data, uint64 size, int flags, const void *address, uint32_t address_size)",
  ),
  recvmmsg: declare("int recvmmsg(int fd, uint64 messages, unsigned int count, int flags, void *timeout)"),
  sendmmsg: declare("int sendmmsg(int fd, uint64 messages, unsigned int count, int flags)"),
};

const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const { EAGAIN } = constants.errno;

/**
 * Room for what waits to be read, in bytes of the kernel's own count: a small datagram takes about 800. Without
 * CAP_NET_ADMIN it is as much as net.core.rmem_max allows.
 * @throws KernelError
 */
export function setReceiveBuffer(fd: number, bytes: number): void {
  const room = Int32Array.of(bytes);
  if (sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, room, 4) === 0) return;
  check("set SO_RCVBUF", sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, room, 4));
}

/**
 * A socket that speaks with one peer alone, from a random port: the kernel drops what others send.
 * @returns its descriptor, the caller's to close
 * @throws KernelError ENETUNREACH …
 */
export function connectDatagram(peer: SocketAddress): number {
  const what = `open a UDP socket to ${formatAddress(peer.address)} port ${peer.port}`;
  const family = peer.address.family === 4 ? AF_INET : AF_INET6;
  const fd = check(what, sys.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const name = encodeSocketAddress(peer);
  if (sys.connect(fd, name, name.length) === 0) return fd;
  const errno = lastErrno();
  closeSync(fd);
  throw new KernelError(what, errno);
}

/** The length of the next datagram, read into `buffer`; undefined where none waits. @throws KernelError ECONNREFUSED … */
export function receiveDatagram(fd: number, buffer: Uint8Array): number | undefined {
  const length = Number(sys.recv(fd, buffer, buffer.length, 0));
  if (length >= 0) return length;
  if (lastErrno() === EAGAIN) return undefined;
  throw new KernelError("receive a datagram", lastErrno());
}

/**
 * To the peer of a connected socket.
 * @throws KernelError ECONNREFUSED where an earlier datagram found nobody: this one was not sent
 */
export function sendDatagram(fd: number, data: Uint8Array): void {
  check("send a datagram", sys.send(fd, data, data.length, 0));
}

/** To whom `name` (a struct sockaddr) says. One that the kernel doesn't take is lost, as on any way. */
export function sendDatagramTo(fd: number, data: Uint8Array, name: Uint8Array): void {
  sys.sendto(fd, data, data.length, 0, name, name.length);
}

/**
 * ```c
 * struct mmsghdr {
 *   struct msghdr {
 *     void *msg_name;         //  0
 *     socklen_t msg_namelen;  //  8
 *     struct iovec *msg_iov;  // 16
 *     size_t msg_iovlen;      // 24
 *     void *msg_control;      // 32
 *     size_t msg_controllen;  // 40
 *     int msg_flags;          // 48
 *   } msg_hdr;
 *   unsigned int msg_len;     // 56
 * };
 * struct iovec { void *iov_base; size_t iov_len; };
 * ```
 * as 64-bit machines lay them out.
 */
const MMSGHDR = 64;
const [NAME, NAMELEN, IOV, IOVLEN, FLAGS, LENGTH] = [0, 8, 16, 24, 48, 56] as const;
const IOVEC = 16;
const NAME_ROOM = 32;

/**
 * Makes the answer to a datagram: writes it into `answer`, and says how long it is; 0 is none. `sender` is the
 * asker's struct sockaddr. All three are good until it returns.
 */
export type OnDatagram = (datagram: Buffer, length: number, answer: Buffer, sender: Uint8Array) => number;

/** One of a batch: where its datagram comes, and its answer goes from. All offsets are into the batch's memory. */
interface Slot {
  readonly question: Buffer;
  readonly answer: Buffer;
  readonly answerAt: number;
  readonly name: Buffer;
  readonly nameAt: number;
  /** A struct mmsghdr each; answers fill those for sending from the first on, whatever slots they are of. */
  readonly receiving: number;
  readonly sending: number;
  readonly sendingVector: number;
}

/** Datagrams in, answers out, a batch at a time. One serves any number of sockets, one after another. */
export class DatagramBatch {
  readonly #memory: NativeMemory;
  readonly #slots: readonly Slot[];
  readonly #firstSending: number;

  /** @param size of the longest datagram and the longest answer; longer ones of others are dropped */
  constructor(count: number, size: number) {
    const slotSize = 2 * MMSGHDR + 2 * IOVEC + NAME_ROOM + 2 * size;
    this.#memory = new NativeMemory(count * slotSize);
    this.#firstSending = count * MMSGHDR;
    const vectors = 2 * count * MMSGHDR;
    const names = vectors + 2 * count * IOVEC;
    const questions = names + count * NAME_ROOM;
    const answers = questions + count * size;
    const { bytes } = this.#memory;
    this.#slots = Array.from({ length: count }, (_, i) => {
      const [nameAt, questionAt, answerAt] = [
        names + i * NAME_ROOM,
        questions + i * size,
        answers + i * size,
      ];
      const slot = {
        question: bytes.subarray(questionAt, questionAt + size),
        answer: bytes.subarray(answerAt, answerAt + size),
        answerAt,
        name: bytes.subarray(nameAt, nameAt + SOCKADDR_SIZE),
        nameAt,
        receiving: i * MMSGHDR,
        sending: this.#firstSending + i * MMSGHDR,
        sendingVector: vectors + (count + i) * IOVEC,
      };
      this.#setVector(vectors + i * IOVEC, questionAt, size);
      this.#setHeader(slot.receiving, nameAt, SOCKADDR_SIZE, vectors + i * IOVEC);
      return slot;
    });
  }

  /** Receive what waits at `fd`, as much as a batch holds, and send the answers. @throws KernelError */
  serve(fd: number, onDatagram: OnDatagram): void {
    const { bytes, address } = this.#memory;
    const received: number = sys.recvmmsg(fd, address, this.#slots.length, 0, null);
    if (received < 0 && lastErrno() !== EAGAIN) throw new KernelError("receive datagrams", lastErrno());
    let answers = 0;
    for (let i = 0; i < received; i += 1) {
      const slot = this.#slots[i];
      const to = this.#slots[answers];
      if (!slot || !to) break;
      const nameLength = bytes.readUInt32LE(slot.receiving + NAMELEN);
      bytes.writeUInt32LE(SOCKADDR_SIZE, slot.receiving + NAMELEN); // what the next one's may have
      if (bytes.readInt32LE(slot.receiving + FLAGS) & MSG_TRUNC) continue;
      const sender = slot.name.subarray(0, nameLength);
      const length = bytes.readUInt32LE(slot.receiving + LENGTH);
      const answer = onDatagram(slot.question, length, slot.answer, sender);
      if (answer === 0) continue;
      this.#setVector(to.sendingVector, slot.answerAt, answer);
      this.#setHeader(to.sending, slot.nameAt, nameLength, to.sendingVector);
      answers += 1;
    }
    this.#send(fd, answers);
  }

  free(): void {
    this.#memory.free();
  }

  /** An answer that the kernel doesn't take is lost, and those after it are not. */
  #send(fd: number, count: number): void {
    const headers = this.#memory.address + BigInt(this.#firstSending);
    for (let done = 0; done < count; ) {
      const sent: number = sys.sendmmsg(fd, headers + BigInt(done * MMSGHDR), count - done, 0);
      done += Math.max(sent, 1);
    }
  }

  #setHeader(at: number, name: number, nameLength: number, vector: number): void {
    const { bytes, address } = this.#memory;
    bytes.writeBigUInt64LE(address + BigInt(name), at + NAME);
    bytes.writeUInt32LE(nameLength, at + NAMELEN);
    bytes.writeBigUInt64LE(address + BigInt(vector), at + IOV);
    bytes.writeUInt32LE(1, at + IOVLEN);
  }

  #setVector(at: number, data: number, size: number): void {
    const { bytes, address } = this.#memory;
    bytes.writeBigUInt64LE(address + BigInt(data), at);
    bytes.writeUInt32LE(size, at + 8);
  }
}
