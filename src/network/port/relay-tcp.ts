/** Connections that reach a held port because the kernel could not translate them, passed on by hand. */
import { Socket } from "node:net";
import { formatAddress } from "../../lib/ip.ts";
import { acceptConnection, refuseConnection } from "../../linux/inet-socket.ts";
import { type Destination, type Relay, type Slots, sameDestination } from "./relay.ts";

/** Of one port; more are refused until others have ended. */
const MOST_OF_ONE = 1024;
/** Of all ports together: each takes two descriptors, and ports need theirs. */
export const MOST_CONNECTIONS = 2048;
/** Accepted before others have their turn. */
const PER_TURN = 32;
/** Milliseconds of silence before a peer is asked whether it is still there. */
const KEEPALIVE = 60_000;

/** A client and the container's server, each one's data going to the other. */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly to: Destination;
}

export class TcpRelay implements Relay {
  readonly #fd: number;
  readonly #slots: Slots;
  readonly #pairs = new Set<Pair>();

  constructor(fd: number, slots: Slots) {
    this.#fd = fd;
    this.#slots = slots;
  }

  serve(to: Destination | undefined): void {
    for (let turn = 0; turn < PER_TURN; turn += 1) {
      const fd = acceptConnection(this.#fd);
      if (fd === undefined) return;
      if (to && this.#pairs.size < MOST_OF_ONE && this.#slots.take()) this.#join(fd, to);
      else refuseConnection(fd);
    }
  }

  redirect(to: Destination | undefined): void {
    for (const pair of this.#pairs) if (!sameDestination(pair.to, to)) this.#cut(pair);
  }

  close(): void {
    for (const pair of this.#pairs) this.#cut(pair);
  }

  /** Each side's end is passed on by itself; an error or a reset ends both. */
  #join(fd: number, to: Destination): void {
    const client = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    const server = new Socket({ allowHalfOpen: true });
    const pair = { client, server, to };
    this.#pairs.add(pair);
    let open = 2;
    const closed = () => {
      open -= 1;
      if (open === 0) this.#forget(pair);
    };
    for (const socket of [client, server]) {
      socket.on("error", () => this.#cut(pair));
      socket.on("close", closed);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEPALIVE);
    }
    server.connect({ host: formatAddress(to.address), port: to.port });
    client.pipe(server);
    server.pipe(client);
  }

  /** Both hear it at once. One that has no connection yet has nobody to tell. */
  #cut(pair: Pair): void {
    this.#forget(pair);
    for (const socket of [pair.client, pair.server]) {
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  #forget(pair: Pair): void {
    if (this.#pairs.delete(pair)) this.#slots.give();
  }
}
