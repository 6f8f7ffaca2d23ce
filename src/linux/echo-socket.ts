/** ICMP echoes by raw sockets, raw(7), icmp(7): of any size, never in fragments. Never blocking. */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { checksum } from "../lib/checksum.ts";
import { type Address, formatAddress } from "../lib/ip.ts";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { encodeSocketAddress } from "./sockaddr.ts";
import { AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from "./socket-constants.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  connect: declare("int connect(int fd, const void *address, uint32_t size)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
  send: declare("int64 send(int fd, const void *data, uint64 size, int flags)"),
  recv: declare("int64 recv(int fd, void *data, uint64 size, int flags)"),
};

const { EAGAIN, EMSGSIZE } = constants.errno;
const [IPPROTO_ICMP, IPPROTO_ICMPV6] = [1, 58] as const;
const [SOL_IP, IP_MTU_DISCOVER] = [0, 10] as const;
const [SOL_IPV6, IPV6_MTU_DISCOVER] = [41, 23] as const;
/** IP_PMTUDISC_PROBE: don't fragment, and don't mind what is known of the path. */
const PROBE = 3;
const HEADER = 8;
const LONGEST = 65_535;

/** What a packet has around the echo's data: of IP without options, and ICMP. */
const OVERHEAD = { 4: 20 + HEADER, 6: 40 + HEADER } as const;

export class EchoSocket {
  readonly #fd: number;
  readonly #to: Address;
  readonly #id: number;
  readonly #buffer = Buffer.alloc(LONGEST);

  constructor(fd: number, to: Address, id: number) {
    this.#fd = fd;
    this.#to = to;
    this.#id = id;
  }

  /**
   * Ask for an echo. What has gone wrong with an earlier one is not an error of this one.
   * @param size of the whole IP packet
   * @returns false where the link takes none of that size
   */
  send(sequence: number, size: number): boolean {
    const bytes = Buffer.alloc(Math.max(size - OVERHEAD[this.#to.family], 0) + HEADER);
    bytes[0] = this.#to.family === 4 ? 8 : 128;
    bytes.writeUInt16BE(this.#id, 4);
    bytes.writeUInt16BE(sequence, 6);
    // Of ICMPv6 the kernel puts it in: RFC 3542, section 3.1.
    if (this.#to.family === 4) bytes.writeUInt16BE(checksum(bytes), 2);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      if (sys.send(this.#fd, bytes, bytes.length, 0) >= 0) return true;
      if (lastErrno() === EMSGSIZE) return false;
    }
    return false;
  }

  /** The next echo's sequence number; undefined where none waits. Whatever else there is, is passed over. */
  receive(): number | undefined {
    for (;;) {
      const length = Number(sys.recv(this.#fd, this.#buffer, LONGEST, 0));
      if (length < 0) {
        if (lastErrno() === EAGAIN) return undefined;
        continue; // told once: an ICMP error of an earlier echo
      }
      const sequence = this.#sequenceOf(length);
      if (sequence !== undefined) return sequence;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** A raw socket of IPv4 is given the packet with its header, one of IPv6 without. */
  #sequenceOf(length: number): number | undefined {
    const start = this.#to.family === 4 ? ((this.#buffer[0] ?? 0) & 0x0f) * 4 : 0;
    if (length < start + HEADER) return undefined;
    if (this.#buffer[start] !== (this.#to.family === 4 ? 0 : 129)) return undefined;
    return this.#buffer.readUInt16BE(start + 4) === this.#id
      ? this.#buffer.readUInt16BE(start + 6)
      : undefined;
  }
}

/**
 * Open one in the namespace that the thread is in at this moment: see `netns.ts`.
 * @param id by which its echoes are known from others'
 * @throws KernelError EPERM without CAP_NET_RAW, ENETUNREACH where no route leads there
 */
export function openEchoSocket(to: Address, id: number): EchoSocket {
  const what = `open an ICMP socket to ${formatAddress(to)}`;
  const four = to.family === 4;
  const fd = check(
    what,
    sys.socket(
      four ? AF_INET : AF_INET6,
      SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
      four ? IPPROTO_ICMP : IPPROTO_ICMPV6,
    ),
  );
  try {
    const [level, name] = four ? [SOL_IP, IP_MTU_DISCOVER] : [SOL_IPV6, IPV6_MTU_DISCOVER];
    check(what, sys.setsockopt(fd, level, name, Int32Array.of(PROBE), 4));
    const address = encodeSocketAddress({ address: to, port: 0 });
    if (sys.connect(fd, address, address.length) < 0) throw new KernelError(what, lastErrno());
    return new EchoSocket(fd, to, id);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}
