/** Servers and clients in any namespace, in the test's own process: who is heard, and under which address. */
import { execFileSync } from "node:child_process";
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { once } from "node:events";
import { createServer, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Address, addressBytes, formatAddress, parseAddress } from "../../src/lib/ip.ts";
import { check, declare, lastErrno } from "../../src/linux/ffi.ts";
import { inNamespace } from "../../src/linux/netns.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";

export const sh = (command: string): string =>
  execFileSync("sh", ["-c", command], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** The host, where no namespace is named. */
export interface Place {
  readonly name: string;
  readonly netns: NetnsPath | undefined;
}

export interface Target {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
}

const sys = {
  socket: declare("int socket(int domain, int type, int protocol)"),
  bind: declare("int bind(int fd, const void *address, uint32_t length)"),
  connect: declare("int connect(int fd, const void *address, uint32_t length)"),
  listen: declare("int listen(int fd, int backlog)"),
  setsockopt: declare("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)"),
};

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const EINPROGRESS = 115;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

/** netinet/in.h: sockaddr_in is family, port, address, 8 of padding; sockaddr_in6 family, port, flow, address, scope. */
function sockaddr({ family, ...address }: Address, port: number): Buffer {
  const bytes = Buffer.alloc(family === 4 ? 16 : 28);
  bytes.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(addressBytes({ family, ...address }), family === 4 ? 4 : 8);
  return bytes;
}

const open = (netns: NetnsPath | undefined, family: 4 | 6, type: number): number =>
  inNamespace(netns, () =>
    check("socket", sys.socket(family === 4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
  );

function bound(netns: NetnsPath | undefined, address: Address, port: number, type: number): number {
  const fd = open(netns, address.family, type);
  // With it, two that let the kernel choose may be given the same UDP port, and hear each other's answers.
  if (port !== 0) {
    const one = Buffer.from([1, 0, 0, 0]);
    check("reuse", sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, 4));
  }
  const to = sockaddr(address, port);
  check(`bind to port ${port}`, sys.bind(fd, to, to.length));
  return fd;
}

const plain = (address = ""): string => address.replace(/^::ffff:/, "").replace(/%.*/, "");

/** What servers heard: `web from 203.0.113.1`. */
export const heard: string[] = [];

/**
 * Until the process ends, answer whoever asks with this place's name and the address that the question came from: `web from 203.0.113.1`. On
 * all addresses of both families, or on one.
 */
export async function serve({ name, netns }: Place, ...ports: readonly string[]): Promise<void> {
  for (const spec of ports) {
    const [, address = "::", port, protocol] = /^(?:\[?([0-9a-f.:]+?)\]?:)?(\d+)\/(\w+)$/.exec(spec) ?? [];
    const reply = (from: string | undefined): string => {
      const line = `${name} from ${plain(from)}`;
      heard.push(line);
      return line;
    };
    const at = parseAddress(address);
    if (protocol === "tcp") {
      const fd = bound(netns, at, Number(port), SOCK_STREAM);
      check("listen", sys.listen(fd, 128));
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.end(reply(socket.remoteAddress));
      });
      server.listen({ fd });
      await once(server, "listening");
      server.unref();
    } else {
      const server = createSocket(at.family === 4 ? "udp4" : "udp6");
      server.bind({ fd: bound(netns, at, Number(port), SOCK_DGRAM) });
      server.on("message", (_, from) => server.send(reply(from.address), from.port, from.address));
      server.unref();
    }
  }
}

/** Ask once. @returns what the server says; undefined where it is not heard within `wait` milliseconds, or refused */
export function ask(
  from: Place,
  { protocol, address, port }: Target,
  wait = 5000,
): Promise<string | undefined> {
  const to = parseAddress(address);
  return protocol === "tcp" ? askTcp(from, to, port, wait) : askUdp(from, to, port, wait);
}

async function askTcp(
  { netns }: Place,
  to: Address,
  port: number,
  wait: number,
): Promise<string | undefined> {
  const fd = open(netns, to.family, SOCK_STREAM);
  const address = sockaddr(to, port);
  const connected = sys.connect(fd, address, address.length);
  const errno = connected < 0 ? lastErrno() : 0;
  const socket = new Socket({ fd, readable: true, writable: true });
  try {
    if (errno !== 0 && errno !== EINPROGRESS) return undefined;
    const answer = new Promise<string | undefined>((resolve) => {
      socket.once("data", (data) => resolve(String(data)));
      socket.once("error", () => resolve(undefined));
      socket.once("end", () => resolve(undefined));
    });
    return await Promise.race([answer, sleep(wait, undefined, { ref: false })]);
  } finally {
    socket.destroy();
  }
}

async function askUdp(
  { netns }: Place,
  to: Address,
  port: number,
  wait: number,
): Promise<string | undefined> {
  const socket: Datagrams = createSocket(to.family === 4 ? "udp4" : "udp6");
  const any = parseAddress(to.family === 4 ? "0.0.0.0" : "::");
  try {
    socket.bind({ fd: bound(netns, any, 0, SOCK_DGRAM) });
    const answer = new Promise<string | undefined>((resolve) => {
      socket.once("message", (data) => resolve(String(data)));
      socket.once("error", () => resolve(undefined));
    });
    socket.send("?", port, formatAddress(to), (error) => void error);
    return await Promise.race([answer, sleep(wait, undefined, { ref: false })]);
  } finally {
    socket.close();
  }
}

export function succeeds(command: string): boolean {
  try {
    sh(command);
    return true;
  } catch {
    return false;
  }
}
