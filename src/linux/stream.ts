/** TCP connections served by hand, tcp(7). Never blocking. */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { formatAddress } from "../lib/ip.ts";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { encodeSocketAddress, type SocketAddress } from "./sockaddr.ts";
import {
  AF_INET,
  AF_INET6,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "./socket-constants.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  connect: declare("int connect(int fd, const void *address, uint32_t size)"),
  recv: declare("int64 recv(int fd, void *data, uint64 size, int flags)"),
  send: declare("int64 send(int fd, const void *data, uint64 size, int flags)"),
};

const { EAGAIN, EINPROGRESS } = constants.errno;

/**
 * Begin a connection. It stands when it is writable; whether it failed, the first `readStream` or `writeStream` says.
 * @returns its descriptor, the caller's to close
 * @throws KernelError ENETUNREACH …
 */
export function connectStream(peer: SocketAddress): number {
  const what = `connect to ${formatAddress(peer.address)} port ${peer.port}`;
  const family = peer.address.family === 4 ? AF_INET : AF_INET6;
  const fd = check(what, sys.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const name = encodeSocketAddress(peer);
  if (sys.connect(fd, name, name.length) === 0 || lastErrno() === EINPROGRESS) return fd;
  const errno = lastErrno();
  closeSync(fd);
  throw new KernelError(what, errno);
}

/** How many bytes were read into `buffer`; 0 at the end; undefined where none wait. @throws KernelError */
export function readStream(fd: number, buffer: Uint8Array): number | undefined {
  const length = Number(sys.recv(fd, buffer, buffer.length, 0));
  if (length >= 0) return length;
  if (lastErrno() === EAGAIN) return undefined;
  throw new KernelError("read from a connection", lastErrno());
}

/** How many bytes the connection took: none where it is full. @throws KernelError */
export function writeStream(fd: number, data: Uint8Array): number {
  const sent = Number(sys.send(fd, data, data.length, MSG_NOSIGNAL));
  if (sent >= 0) return sent;
  if (lastErrno() === EAGAIN) return 0;
  throw new KernelError("write to a connection", lastErrno());
}
