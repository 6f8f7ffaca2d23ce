/** Sockets of type SOCK_SEQPACKET, which Node can't open: unix(7). Never blocking. */
import { closeSync, constants, openSync } from "node:fs";
import os from "node:os";
import { basename, dirname } from "node:path";
import { check, declare, KernelError, lastErrno } from "./ffi.ts";
import { raise } from "./high-descriptor.ts";
import { AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_SEQPACKET } from "./socket-constants.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  connect: declare("int connect(int fd, void *address, unsigned int length)"),
  recv: declare("int64 recv(int fd, void *buf, uint64 len, int flags)"),
  send: declare("int64 send(int fd, void *buf, uint64 len, int flags)"),
  shutdown: declare("int shutdown(int fd, int how)"),
};

const SHUT_WR = 1;
const { EAGAIN, ECONNRESET, ENOTCONN, EPIPE } = os.constants.errno;

/** Not in node:fs: open the place, not the thing. */
const O_PATH = 0o10000000;

/** struct sockaddr_un { sa_family_t sun_family; char sun_path[108]; } */
const PATH_LIMIT = 108;

export class SeqpacketSocket {
  /** For the reactor. */
  readonly fd: number;
  #open = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Connect to the socket at `path`, however long that is.
   * @throws KernelError; ENOENT and ECONNREFUSED where nobody listens
   */
  static connect(path: string): SeqpacketSocket {
    const what = `connect to ${path}`;
    const type = SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const fd = raise(check(what, sys.socket(AF_UNIX, type, 0)));
    try {
      withShortPath(path, (short) => {
        const address = socketAddress(short);
        check(what, sys.connect(fd, address, address.length));
      });
      return new SeqpacketSocket(fd);
    } catch (thrown) {
      closeSync(fd);
      throw thrown;
    }
  }

  /**
   * One packet into `buffer`; what does not fit of it is lost.
   * @returns its length; 0 at the end, "later" where nothing has come yet
   * @throws KernelError
   */
  receive(buffer: Uint8Array): number | "later" {
    const length = Number(sys.recv(this.fd, buffer, buffer.length, 0));
    if (length >= 0) return length;
    const errno = lastErrno();
    if (errno === EAGAIN) return "later";
    // The other side closed with packets of ours unread: all that it sent was received before.
    if (errno === ECONNRESET) return 0;
    throw new KernelError("receive from a socket", errno);
  }

  /**
   * One packet, whole.
   * @returns "later" where the other side must read first, "gone" where it reads no more
   * @throws KernelError
   */
  send(packet: Uint8Array): "sent" | "later" | "gone" {
    if (sys.send(this.fd, packet, packet.length, MSG_NOSIGNAL) >= 0) return "sent";
    const errno = lastErrno();
    if (errno === EAGAIN) return "later";
    if (errno === EPIPE || errno === ECONNRESET || errno === ENOTCONN) return "gone";
    throw new KernelError("send to a socket", errno);
  }

  /** Half-close: the other side reads an end, and can go on sending. */
  endWriting(): void {
    if (sys.shutdown(this.fd, SHUT_WR) < 0 && lastErrno() !== ENOTCONN) {
      throw new KernelError("half-close a socket", lastErrno());
    }
  }

  close(): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}

function socketAddress(path: string): Buffer {
  const address = Buffer.alloc(2 + Buffer.byteLength(path) + 1);
  new Uint16Array(address.buffer, address.byteOffset, 1)[0] = AF_UNIX;
  address.write(path, 2);
  return address;
}

/** A path that is too long for an address goes by way of its directory's descriptor. */
function withShortPath(path: string, use: (short: string) => void): void {
  if (Buffer.byteLength(path) < PATH_LIMIT) {
    use(path);
    return;
  }
  const directory = openDirectory(dirname(path));
  try {
    use(`/proc/self/fd/${directory}/${basename(path)}`);
  } finally {
    closeSync(directory);
  }
}

function openDirectory(path: string): number {
  try {
    return openSync(path, O_PATH | constants.O_DIRECTORY);
  } catch (thrown) {
    throw KernelError.from(`open ${path}`, thrown);
  }
}
