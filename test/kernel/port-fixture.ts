/** Host ports in the namespace of the test, and peers to speak through them. */
import { execFileSync } from "node:child_process";
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { createServer, connect as open, type Server, type Socket } from "node:net";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../../src/lib/errors.ts";
import { type Address, parseAddress } from "../../src/lib/ip.ts";
import { type Logger, silent } from "../../src/lib/log.ts";
import { Reactor } from "../../src/linux/reactor.ts";
import { createHostPorts } from "../../src/network/port/host-ports.ts";
import type { HostPorts, Protocol, PublishRequest } from "../../src/network/port/types.ts";

export const ANY: readonly Address[] = ["0.0.0.0", "::"].map(parseAddress);

/** Ports of a new engine, which all are let go of when the tests end. */
export function hostPorts(logger: Logger = silent): HostPorts {
  const reactor = new Reactor((error) => {
    throw error;
  });
  const ports = createHostPorts({ reactor, logger });
  after(async () => {
    await ports.stop();
    await reactor.close();
  });
  return ports;
}

/** `request(80, "8080-8090", "127.0.0.1")`; port 0 of the host for any. */
export function request(
  port: number,
  host: string | number = 0,
  { at, protocol = "tcp" }: { readonly at?: string; readonly protocol?: Protocol } = {},
): PublishRequest {
  const [first = 0, last = first] = String(host).split("-").map(Number);
  return {
    port,
    protocol,
    ...(at !== undefined && { hostAddress: parseAddress(at) }),
    ...(first !== 0 && { hostPorts: { first, last } }),
  };
}

/** How many sockets this process has open, of those below `limit`. */
export function openSockets(limit = Number.POSITIVE_INFINITY): number {
  const descriptors = readdirSync("/proc/self/fd").filter((fd) => Number(fd) < limit);
  return descriptors.filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch (thrown) {
      if (codeOf(thrown) === "ENOENT") return false; // the one that read the directory
      throw thrown;
    }
  }).length;
}

/** Wait for what comes of its own in a moment. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (holds()) return;
    await sleep(10);
  }
  throw new Error(`not after five seconds: ${what}`);
}

/** More addresses of the host. */
export function addAddresses(...addresses: readonly string[]): void {
  for (const address of addresses) {
    const more = address.includes(":") ? ["nodad"] : [];
    execFileSync("ip", ["addr", "add", address, "dev", "lo", ...more]);
  }
}

/** A server of a container, closed after the tests with all its connections. */
export async function listen(
  host: string,
  port: number,
  onConnection: (socket: Socket) => void,
): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  server.listen({ host, port, backlog: 4096 });
  await once(server, "listening");
  after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return server;
}

/** A client's connection, open. That it is cut later is no failure of the test. */
export async function connect(host: string, port: number): Promise<Socket> {
  const socket = open({ host, port, allowHalfOpen: true });
  await once(socket, "connect");
  socket.on("error", () => {});
  return socket;
}

/** What becomes of a connection that is refused: the code of its error. */
export const attempt = (host: string, port: number): Promise<string> => endOf(open({ host, port }));

/** All that comes until the other side's end; ours stays as it is. */
export function readAll(socket: Socket): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  socket.on("end", () => resolve(Buffer.concat(parts)));
  socket.on("error", reject);
  return promise;
}

/** The code of the error that ends a connection, or `closed`. */
export function endOf(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.on("close", () => resolve("closed"));
  socket.resume();
  return promise;
}

/** A UDP socket at an address; one of a client, with a peer, at any unless `at` says which. */
export async function datagrams(of: {
  readonly at?: string;
  readonly port?: number;
  readonly to?: { readonly host: string; readonly port: number };
}): Promise<Datagrams> {
  const { at, port = 0, to } = of;
  const socket = createSocket((at ?? to?.host ?? "").includes(":") ? "udp6" : "udp4");
  after(() => socket.close());
  if (at !== undefined) {
    socket.bind(port, at);
    await once(socket, "listening");
  }
  if (to) {
    socket.connect(to.port, to.host);
    await once(socket, "connect");
  }
  return socket;
}
