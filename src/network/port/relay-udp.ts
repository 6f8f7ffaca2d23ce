/** Datagrams that reach a held port because the kernel could not translate them, passed on by hand. */
import { createSocket, type Socket } from "node:dgram";
import { formatAddress } from "../../lib/ip.ts";
import { receiveFrom, sendTo } from "../../linux/inet-socket.ts";
import type { SocketAddress } from "../../linux/sockaddr.ts";
import type { Destination } from "./relay-tcp.ts";

/** A client's datagrams leave by a socket of their own, so that answers are told apart. */
interface Session {
  readonly socket: Socket;
  /** Milliseconds, of the monotonic clock. */
  lastUsed: number;
}

/** Of one port; the one that was used longest ago makes room. */
const MOST_SESSIONS = 512;
/** Milliseconds without a datagram either way: as long as the kernel tracks a stream of UDP. */
const IDLE = 120_000;
const PER_TURN = 64;
const LARGEST = 65_536;

const buffer = new Uint8Array(LARGEST);

export class UdpRelay {
  readonly #fd: number;
  readonly #sessions = new Map<string, Session>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Datagrams wait. @throws KernelError */
  serve(to: Destination | undefined): void {
    for (let turn = 0; turn < PER_TURN; turn += 1) {
      const received = receiveFrom(this.#fd, buffer);
      if (!received) return;
      if (!to) continue;
      const session = this.#sessionOf(received.sender, to);
      session.socket.send(Buffer.from(buffer.subarray(0, received.length)));
    }
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
    for (const { socket } of this.#sessions.values()) socket.close();
    this.#sessions.clear();
  }

  #sessionOf(client: SocketAddress, to: Destination): Session {
    const key = `${formatAddress(client.address)} ${client.port} ${client.scope ?? 0} ${formatAddress(to.address)}`;
    const known = this.#sessions.get(key);
    // The map keeps the order of use: the first is the one that was used longest ago.
    if (known) this.#sessions.delete(key);
    const session = known ?? this.#open(key, client, to);
    session.lastUsed = performance.now();
    this.#sessions.set(key, session);
    return session;
  }

  #open(key: string, client: SocketAddress, { address, port }: Destination): Session {
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined && this.#sessions.size >= MOST_SESSIONS) this.#end(oldest);
    const socket = createSocket(address.family === 4 ? "udp4" : "udp6");
    const session = { socket, lastUsed: 0 };
    socket.on("message", (message) => {
      session.lastUsed = performance.now();
      sendTo(this.#fd, message, client);
    });
    // Nobody listens there, or not any more: the client hears nothing, as of any datagram that is lost.
    socket.on("error", () => this.#end(key));
    socket.connect(port, formatAddress(address));
    this.#sweep ??= setInterval(() => this.#endIdle(), IDLE / 2).unref();
    return session;
  }

  #endIdle(): void {
    const limit = performance.now() - IDLE;
    for (const [key, { lastUsed }] of this.#sessions) if (lastUsed < limit) this.#end(key);
  }

  #end(key: string): void {
    this.#sessions.get(key)?.socket.close();
    this.#sessions.delete(key);
  }
}
