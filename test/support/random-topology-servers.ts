/** What listens in a namespace of a random topology: TCP and UDP alike, and every datagram is answered. */
import { createSocket, type Socket } from "node:dgram";
import { closeSync } from "node:fs";
import { addressBytes, parseAddress } from "../../src/lib/ip.ts";
import { check, declare } from "../../src/linux/ffi.ts";
import { inNamespace } from "../../src/linux/netns.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  bind: declare("int bind(int fd, const void *address, uint32_t length)"),
  listen: declare("int listen(int fd, int backlog)"),
};
const [AF_INET, AF_INET6] = [2, 10];
const [SOCK_STREAM, SOCK_DGRAM] = [1, 2];
const FLAGS = 0o2004000; // SOCK_NONBLOCK | SOCK_CLOEXEC

/** 80 is open; 81 is open to the place itself alone. */
const OPEN = [
  { address: "::", port: 80 },
  { address: "127.0.0.1", port: 81 },
  { address: "::1", port: 81 },
] as const;

export interface Server {
  close(): void;
}

/** netinet/in.h: sockaddr_in is family, port, address, 8 of padding; sockaddr_in6 family, port, flow, address, scope. */
function bound(text: string, port: number, type: number): number {
  const address = parseAddress(text);
  const family = address.family === 4 ? AF_INET : AF_INET6;
  const bytes = Buffer.alloc(address.family === 4 ? 16 : 28);
  bytes.writeUInt16LE(family, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(addressBytes(address), address.family === 4 ? 4 : 8);
  const fd = check("socket", sys.socket(family, type | FLAGS, 0));
  check(`bind to ${text} port ${port}`, sys.bind(fd, bytes, bytes.length));
  return fd;
}

/** The kernel itself answers for those who listen by TCP. */
export async function serveAt(path: NetnsPath): Promise<Server> {
  const { streams, datagrams } = inNamespace(path, () => ({
    streams: OPEN.map(({ address, port }) => {
      const fd = bound(address, port, SOCK_STREAM);
      check("listen", sys.listen(fd, 64));
      return fd;
    }),
    datagrams: OPEN.map(({ address, port }) => ({ address, fd: bound(address, port, SOCK_DGRAM) })),
  }));
  const sockets = datagrams.map(({ address, fd }): Socket => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.bind({ fd });
    // What can't be answered is not.
    socket.on("message", (_, from) => socket.send("heard", from.port, from.address, (error) => void error));
    socket.on("error", () => undefined);
    return socket;
  });
  return {
    close: () => {
      for (const fd of streams) closeSync(fd);
      for (const socket of sockets) socket.close();
    },
  };
}
