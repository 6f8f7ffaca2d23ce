/** One client's connection and that to the container, each side's data going to the other. */
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { raise } from "../../linux/high-descriptor.ts";
import { refuseConnection, resetOnClose } from "../../linux/inet-socket.ts";
import type { Reactor, Watch } from "../../linux/reactor.ts";
import { connectStream } from "../../linux/stream.ts";
import type { Destination } from "./relay.ts";

/** Milliseconds of silence before a peer is asked whether it is still there. */
const KEEPALIVE = 60_000;

/** While the way to the container isn't open, what the client says waits in the kernel. */
interface Opening {
  readonly client: number;
  readonly server: number;
  readonly watch: Watch;
}

const socketOf = (fd: number): Socket =>
  new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });

export class Conversation {
  readonly to: Destination;
  readonly #onEnd: () => void;
  #opening: Opening | undefined;
  /** With their descriptors. */
  #open: ReadonlyMap<Socket, number> = new Map();
  #ended = false;

  /**
   * @param client the descriptor of an accepted connection, which is this one's from then on
   * @throws KernelError where there is no way to the container; then the client is still the caller's
   */
  constructor(reactor: Reactor, client: number, to: Destination, onEnd: () => void) {
    this.to = to;
    this.#onEnd = onEnd;
    const server = raise(connectStream(to));
    try {
      const watch = reactor.watch(server, { readable: false, writable: true }, () => this.#opened());
      this.#opening = { client, server, watch };
    } catch (thrown) {
      closeSync(server);
      throw thrown;
    }
  }

  /** Both hear it at once. */
  cut(): void {
    this.#end();
    const opening = this.#opening;
    this.#opening = undefined;
    // Node's resetAndDestroy() leaves a socket that is just ending half closed, for good.
    for (const [socket, fd] of this.#open) {
      if (!socket.destroyed) resetOnClose(fd);
      socket.destroy();
    }
    if (!opening) return;
    opening.watch.close();
    closeSync(opening.server);
    refuseConnection(opening.client);
  }

  /** Or failed: the first read says so. Each side's end is passed on by itself; an error or a reset ends both. */
  #opened(): void {
    const opening = this.#opening;
    if (!opening) return;
    this.#opening = undefined;
    opening.watch.close();
    const [client, server] = [socketOf(opening.client), socketOf(opening.server)];
    this.#open = new Map([
      [client, opening.client],
      [server, opening.server],
    ]);
    let open = 2;
    for (const socket of [client, server]) {
      socket.on("error", () => this.cut());
      socket.on("close", () => {
        open -= 1;
        if (open === 0) this.#end();
      });
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEPALIVE);
    }
    client.pipe(server).pipe(client);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
  }
}
