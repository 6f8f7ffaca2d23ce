/** Sockets that hold a port, socket(7), ip(7), ipv6(7): never blocking. Node opens none that listens on SCTP, or accepts by hand. */
import { closeSync } from "node:fs";
import { type Address, formatAddress } from "../lib/ip.ts";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import {
  AF_INET,
  AF_INET6,
  decodeSocketAddress,
  encodeSocketAddress,
  SOCKADDR_SIZE,
  type SocketAddress,
} from "./sockaddr.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
  bind: declare("int bind(int fd, const void *address, uint32_t size)"),
  listen: declare("int listen(int fd, int backlog)"),
  accept4: declare("int accept4(int fd, void *address, void *size, int flags)"),
  recvfrom: declare(
    "int64 recvfrom(int fd, void *data, uint64 size, int flags, void *address, void *address_size)",
  ),
  sendto: declare(
    "int64 sendto(int fd, const void *data, uint64 size, int flags, const void *address, uint32_t address_size)",
  ),
};

const [SOCK_STREAM, SOCK_DGRAM] = [1, 2];
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPPROTO_SCTP = 132;
const EAGAIN = 11;
/** What accept(2) says of a connection that is gone already: the next one may be whole. */
const PASSING = new Set(["ECONNABORTED", "EINTR", "ENETDOWN", "EPROTO", "EHOSTDOWN", "ENETUNREACH"]);

const TYPES = {
  tcp: { type: SOCK_STREAM, protocol: 0 },
  udp: { type: SOCK_DGRAM, protocol: 0 },
  sctp: { type: SOCK_STREAM, protocol: IPPROTO_SCTP },
} as const;

export interface PlaceToHold {
  readonly protocol: keyof typeof TYPES;
  /** `::` holds the port of every IPv4 address as well, where `dual`. */
  readonly address: Address;
  readonly port: number;
  readonly dual: boolean;
}

const flag = (on: boolean) => Int32Array.of(on ? 1 : 0);

/**
 * A socket at an address and a port, listening where its protocol knows that: one that is only bound could be joined
 * by another with SO_REUSEADDR. TCP takes it of its own connections' remains (TIME_WAIT).
 * @returns its descriptor, the caller's to close
 * @throws KernelError EADDRINUSE, EADDRNOTAVAIL; EPROTONOSUPPORT where the kernel has no such sockets
 */
export function holdPort({ protocol, address, port, dual }: PlaceToHold): number {
  const what = `hold ${formatAddress(address)} port ${port}/${protocol}`;
  const { type, protocol: number } = TYPES[protocol];
  const family = address.family === 4 ? AF_INET : AF_INET6;
  const fd = check(what, sys.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, number));
  try {
    if (type === SOCK_STREAM) check(what, sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, flag(true), 4));
    if (address.family === 6) check(what, sys.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, flag(!dual), 4));
    const name = encodeSocketAddress({ address, port });
    check(what, sys.bind(fd, name, name.length));
    if (type === SOCK_STREAM) check(what, sys.listen(fd, 128));
    return fd;
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** The next connection's descriptor; undefined where none waits. @throws KernelError EMFILE … */
export function acceptConnection(fd: number): number | undefined {
  for (;;) {
    const accepted: number = sys.accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) return accepted;
    const errno = lastErrno();
    if (errno === EAGAIN) return undefined;
    const error = new KernelError("accept a connection", errno);
    if (!PASSING.has(error.code)) throw error;
  }
}

const from = new Uint8Array(SOCKADDR_SIZE);

/** The next datagram, into `buffer`; undefined where none waits. @throws KernelError */
export function receiveFrom(
  fd: number,
  buffer: Uint8Array,
): { readonly length: number; readonly sender: SocketAddress } | undefined {
  const length = Number(sys.recvfrom(fd, buffer, buffer.length, 0, from, Uint32Array.of(SOCKADDR_SIZE)));
  if (length >= 0) return { length, sender: decodeSocketAddress(from) };
  if (lastErrno() === EAGAIN) return undefined;
  throw new KernelError("receive a datagram", lastErrno());
}

/** A datagram that finds no room is lost, as on any way. @throws KernelError */
export function sendTo(fd: number, data: Uint8Array, to: SocketAddress): void {
  const name = encodeSocketAddress(to);
  const sent = Number(sys.sendto(fd, data, data.length, 0, name, name.length));
  if (sent < 0 && lastErrno() !== EAGAIN) throw new KernelError("send a datagram", lastErrno());
}
