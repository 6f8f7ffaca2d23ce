/** UDP sockets served by hand, udp(7): many datagrams a call, into memory that is there already. Never blocking. */
import { closeSync } from "node:fs";
import { formatAddress } from "../lib/ip.ts";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { NativeMemory } from "./native-memory.ts";
import { AF_INET, AF_INET6, encodeSocketAddress, SOCKADDR_SIZE, type SocketAddress } from "./sockaddr.ts";

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

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const MSG_TRUNC = 0x20;
const EAGAIN = 11;

/**
 * Room for what waits to be read, in bytes of the kernel's own count: a small datagram takes about 800.
 * @throws KernelError EPERM without CAP_NET_ADMIN
 */
export function setReceiveBuffer(fd: number, bytes: number): void {
  check("set SO_RCVBUFFORCE", sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, Int32Array.of(bytes), 4));
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

/** Datagrams in, answers out, a batch at a time. One serves any number of sockets, one after another. */
export class DatagramBatch {
  readonly #count: number;
  readonly #size: number;
  readonly #memory: NativeMemory;
  readonly #questions: Buffer[] = [];
  readonly #answers: Buffer[] = [];
  readonly #names: Buffer[] = [];
  /** Where the headers for sending begin; those for receiving stand at 0. */
  readonly #sending: number;

  /** @param size of the longest datagram and the longest answer; longer ones of others are dropped */
  constructor(count: number, size: number) {
    this.#count = count;
    this.#size = size;
    this.#sending = count * MMSGHDR;
    const vectors = 2 * count * MMSGHDR;
    const names = vectors + 2 * count * IOVEC;
    const data = names + count * NAME_ROOM;
    this.#memory = new NativeMemory(data + 2 * count * size);
    const { bytes } = this.#memory;
    for (let i = 0; i < count; i += 1) {
      const name = names + i * NAME_ROOM;
      const [question, answer] = [data + i * size, data + (count + i) * size];
      this.#names.push(bytes.subarray(name, name + SOCKADDR_SIZE));
      this.#questions.push(bytes.subarray(question, question + size));
      this.#answers.push(bytes.subarray(answer, answer + size));
      this.#header(i * MMSGHDR, name, vectors + i * IOVEC, question, size);
      this.#header(this.#sending + i * MMSGHDR, name, vectors + (count + i) * IOVEC, answer, 0);
    }
  }

  /** Receive what waits at `fd`, as much as a batch holds, and send the answers. @throws KernelError */
  serve(fd: number, onDatagram: OnDatagram): void {
    const { bytes, address } = this.#memory;
    const received: number = sys.recvmmsg(fd, address, this.#count, 0, null);
    if (received < 0) {
      if (lastErrno() === EAGAIN) return;
      throw new KernelError("receive datagrams", lastErrno());
    }
    let answers = 0;
    for (let i = 0; i < received; i += 1) {
      const header = i * MMSGHDR;
      const nameLength = bytes.readUInt32LE(header + NAMELEN);
      const whole = (bytes.readInt32LE(header + FLAGS) & MSG_TRUNC) === 0;
      bytes.writeUInt32LE(SOCKADDR_SIZE, header + NAMELEN); // of the last sender, until now
      const [question, answer, name] = [this.#questions[i], this.#answers[i], this.#names[i]];
      if (!whole || !question || !answer || !name) continue;
      const sender = name.subarray(0, nameLength);
      const length = onDatagram(question, bytes.readUInt32LE(header + LENGTH), answer, sender);
      if (length > 0) this.#queue(answers++, i, nameLength, length);
    }
    if (answers > 0) this.#send(fd, answers);
  }

  free(): void {
    this.#memory.free();
  }

  /** Have header `at` of those for sending point at slot `slot`'s name and answer. */
  #queue(at: number, slot: number, nameLength: number, length: number): void {
    const { bytes } = this.#memory;
    const [to, from] = [this.#sending + at * MMSGHDR, slot * MMSGHDR];
    const vectors = 2 * this.#count * MMSGHDR;
    const data = vectors + 2 * this.#count * IOVEC + this.#count * NAME_ROOM;
    bytes.copy(bytes, to + NAME, from + NAME, from + NAME + 8);
    bytes.writeUInt32LE(nameLength, to + NAMELEN);
    const vector = vectors + (this.#count + at) * IOVEC;
    bytes.writeBigUInt64LE(this.#memory.address + BigInt(data + (this.#count + slot) * this.#size), vector);
    bytes.writeUInt32LE(length, vector + 8);
  }

  /** An answer that the kernel doesn't take is lost, and those after it are not. */
  #send(fd: number, count: number): void {
    const headers = this.#memory.address + BigInt(this.#sending);
    for (let done = 0; done < count; ) {
      const sent: number = sys.sendmmsg(fd, headers + BigInt(done * MMSGHDR), count - done, 0);
      done += Math.max(sent, 1);
    }
  }

  #header(at: number, name: number, vector: number, data: number, size: number): void {
    const { bytes, address } = this.#memory;
    bytes.writeBigUInt64LE(address + BigInt(name), at + NAME);
    bytes.writeUInt32LE(SOCKADDR_SIZE, at + NAMELEN);
    bytes.writeBigUInt64LE(address + BigInt(vector), at + IOV);
    bytes.writeUInt32LE(1, at + IOVLEN);
    bytes.writeBigUInt64LE(address + BigInt(data), vector);
    bytes.writeUInt32LE(size, vector + 8);
  }
}
