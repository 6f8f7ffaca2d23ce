/** Sockets that hold a port, socket(7), ip(7), ipv6(7): never blocking. Node opens none for SCTP, and accepts none by hand. */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { type Address, formatAddress } from "../lib/ip.ts";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { raise } from "./high-descriptor.ts";
import { decodeSocketAddress, encodeSocketAddress, SOCKADDR_SIZE, type SocketAddress } from "./sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./socket-constants.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t size)"),
  bind: declare("int bind(int fd, const void *address, uint32_t size)"),
  listen: declare("int listen(int fd, int backlog)"),
  getpeername: declare("int getpeername(int fd, void *address, void *size)"),
  accept4: declare("int accept4(int fd, void *address, void *size, int flags)"),
};

const [SOL_IP, SOL_IPV6] = [0, 41];
const SO_REUSEADDR = 2;
const SO_LINGER = 13;
const IP_PKTINFO = 8;
const [IPV6_V6ONLY, IPV6_RECVPKTINFO] = [26, 49];
const IPPROTO_SCTP = 132;
/** Connections that may wait to be accepted, or as many as the host's somaxconn allows: one too many waits a second. */
const BACKLOG = 4096;
const { EAGAIN } = constants.errno;
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

/** struct linger { int l_onoff; int l_linger; }: a close that sends a reset. */
const RESET = Int32Array.of(1, 0);

/**
 * A socket at an address and a port, listening where its protocol knows that: one that is only bound could be joined
 * by another with SO_REUSEADDR. TCP takes it of its own connections' remains (TIME_WAIT); UDP shares with nobody.
 * Datagrams of it are read with the address that they were sent to (`packet-info.ts`).
 * @returns its descriptor, the caller's to close
 * @throws KernelError EADDRINUSE, EADDRNOTAVAIL; EPROTONOSUPPORT where the kernel has no such sockets
 */
export function holdPort({ protocol, address, port, dual }: PlaceToHold): number {
  const what = `hold ${formatAddress(address)} port ${port}/${protocol}`;
  const { type, protocol: number } = TYPES[protocol];
  const six = address.family === 6;
  const fd = check(what, sys.socket(six ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, number));
  const set = (level: number, name: number, on: boolean) =>
    check(what, sys.setsockopt(fd, level, name, Int32Array.of(on ? 1 : 0), 4));
  try {
    if (type === SOCK_STREAM) set(SOL_SOCKET, SO_REUSEADDR, true);
    else set(six ? SOL_IPV6 : SOL_IP, six ? IPV6_RECVPKTINFO : IP_PKTINFO, true);
    if (six) set(SOL_IPV6, IPV6_V6ONLY, !dual);
    const name = encodeSocketAddress({ address, port });
    check(what, sys.bind(fd, name, name.length));
    if (type === SOCK_STREAM) check(what, sys.listen(fd, BACKLOG));
    return raise(fd);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** The next connection's descriptor; undefined where none waits. @throws KernelError EMFILE … */
export function acceptConnection(fd: number): number | undefined {
  for (;;) {
    const accepted: number = sys.accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) return raise(accepted);
    const errno = lastErrno();
    if (errno === EAGAIN) return undefined;
    const error = new KernelError("accept a connection", errno);
    if (!PASSING.has(error.code)) throw error;
  }
}

/** Who is at a connection's other end; undefined where it is gone already. */
export function peerOf(fd: number): SocketAddress | undefined {
  const name = new Uint8Array(SOCKADDR_SIZE);
  if (sys.getpeername(fd, name, Uint32Array.of(SOCKADDR_SIZE)) < 0) return undefined;
  return decodeSocketAddress(name);
}

/** Have a connection's close be a reset, whatever its state: its peer is told at once. @throws KernelError */
export function resetOnClose(fd: number): void {
  check("set SO_LINGER", sys.setsockopt(fd, SOL_SOCKET, SO_LINGER, RESET, RESET.byteLength));
}

/** Close a connection that nobody serves. @throws KernelError */
export function refuseConnection(fd: number): void {
  try {
    resetOnClose(fd);
  } finally {
    closeSync(fd);
  }
}
