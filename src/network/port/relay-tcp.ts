/** Connections that reach a held port because the kernel could not translate them, passed on by hand. */
import { Socket } from "node:net";
import type { Address } from "../../lib/ip.ts";
import { formatAddress } from "../../lib/ip.ts";
import { acceptConnection } from "../../linux/inet-socket.ts";

/** A place that connections are led to. */
export interface Destination {
  readonly address: Address;
  readonly port: number;
}

/** Of one port: more are refused until others have ended. */
const MOST_CONNECTIONS = 1024;
/** Accepted before others have their turn. */
const PER_TURN = 32;

export class TcpRelay {
  readonly #fd: number;
  readonly #pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Connections wait. @throws KernelError */
  serve(to: Destination | undefined): void {
    for (let turn = 0; turn < PER_TURN; turn += 1) {
      const fd = acceptConnection(this.#fd);
      if (fd === undefined) return;
      const client = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
      if (!to || this.#pairs.size >= MOST_CONNECTIONS) {
        client.on("error", () => {});
        client.resetAndDestroy();
        continue;
      }
      this.#join(client, to);
    }
  }

  /** Cut all of them. */
  close(): void {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    this.#pairs.clear();
  }

  /** Each side's end is passed on by itself; an error or a reset ends both. */
  #join(client: Socket, { address, port }: Destination): void {
    const server = new Socket({ allowHalfOpen: true });
    const pair = { client, server };
    this.#pairs.add(pair);
    const cut = () => {
      if (!this.#pairs.delete(pair)) return;
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", cut);
    }
    let open = 2;
    const closed = () => {
      open -= 1;
      if (open === 0) this.#pairs.delete(pair);
    };
    client.on("close", closed);
    server.on("close", closed);
    server.connect({ host: formatAddress(address), port });
    client.pipe(server);
    server.pipe(client);
  }
}
