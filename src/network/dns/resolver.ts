/** The resolver of one sandbox: its sockets, and what it says. */
import { closeSync } from "node:fs";
import { DatagramBatch, sendDatagramTo, setReceiveBuffer } from "../../linux/datagram.ts";
import { KernelError } from "../../linux/ffi.ts";
import { acceptConnection, holdPort } from "../../linux/inet-socket.ts";
import { inNamespace } from "../../linux/netns.ts";
import { READABLE } from "../../linux/poller.ts";
import { ClientConnection } from "./client-connection.ts";
import { type Asker, Forwarder } from "./forwarder.ts";
import { CLASS_ANY, CLASS_IN, type Query, Rcode, readQuery, TCP_SIZE, Type, UDP_SIZE } from "./message.ts";
import { OUR_UDP_SIZE, type Response, udpLimit, writeResponse } from "./response.ts";
import { type NameTable, type View, viewOf } from "./table.ts";
import { type DnsSandbox, RESOLVER_ADDRESS, RESOLVER_PORT } from "./types.ts";
import type { Loop } from "./upstream.ts";

/** Bytes of queries that may wait while the thread is busy, by the kernel's count: about 10,000 small ones. */
const RECEIVE_BUFFER = 4 << 20;
/** TCP clients of a sandbox; the one that came first makes place for one more. */
const MOST_CLIENTS = 128;
const DATAGRAMS_PER_TURN = 32;
const ACCEPTS_PER_TURN = 16;
/** Milliseconds. */
const ACCEPT_REST = 500;

/** What the resolvers of all sandboxes share. */
export class Common {
  readonly loop: Loop;
  readonly table: NameTable;
  readonly batch = new DatagramBatch(DATAGRAMS_PER_TURN, OUR_UDP_SIZE);
  /** For one answer over TCP, or one that comes late. */
  readonly scratch = Buffer.alloc(TCP_SIZE);
  /** Counts answers: so the addresses of a name take turns at being the first. */
  turn = 0;

  constructor(loop: Loop, table: NameTable) {
    this.loop = loop;
    this.table = table;
  }
}

const NONE: Response = { rcode: Rcode.NOERROR, records: [] };
const failure = (rcode: number): Response => ({ rcode, records: [] });
const SERVFAIL = failure(Rcode.SERVFAIL);
const REFUSED = failure(Rcode.REFUSED);
const NOTIMP = failure(Rcode.NOTIMP);
const BADVERS = failure(Rcode.BADVERS);

export class Resolver {
  readonly #common: Common;
  readonly #udp: number;
  readonly #tcp: number;
  readonly #forwarder: Forwarder;
  readonly #clients = new Set<ClientConnection>();
  #sandbox: DnsSandbox;
  #view: View;

  /** @throws KernelError where the namespace is gone, or a program of the container has the port */
  constructor(common: Common, sandbox: DnsSandbox) {
    this.#common = common;
    this.#sandbox = sandbox;
    this.#view = viewOf(sandbox);
    const place = { address: RESOLVER_ADDRESS, port: RESOLVER_PORT, dual: false } as const;
    [this.#udp, this.#tcp] = inNamespace(sandbox.key, () => {
      const udp = holdPort({ ...place, protocol: "udp" });
      try {
        setReceiveBuffer(udp, RECEIVE_BUFFER);
        return [udp, holdPort({ ...place, protocol: "tcp" })] as const;
      } catch (thrown) {
        closeSync(udp);
        throw thrown;
      }
    });
    this.#forwarder = new Forwarder(common.loop);
    this.#forwarder.use(sandbox.upstreams, sandbox.key);
    common.loop.poller.add(this.#udp, READABLE, () => common.batch.serve(this.#udp, this.#onDatagram));
    common.loop.poller.add(this.#tcp, READABLE, () => this.#accept());
  }

  get sandbox(): DnsSandbox {
    return this.#sandbox;
  }

  /** Of the same namespace. */
  update(sandbox: DnsSandbox): void {
    this.#sandbox = sandbox;
    this.#view = viewOf(sandbox);
    this.#forwarder.use(sandbox.upstreams, sandbox.key);
  }

  close(): void {
    for (const client of [...this.#clients]) client.close();
    this.#forwarder.close();
    this.#common.loop.deadlines.clear(this);
    for (const fd of [this.#udp, this.#tcp]) {
      this.#common.loop.poller.remove(fd);
      closeSync(fd);
    }
  }

  readonly #onDatagram = (datagram: Buffer, length: number, out: Buffer, sender: Uint8Array): number => {
    const query = readQuery(datagram, length);
    if (!query) return 0;
    const response = this.#respond(query);
    if (response) {
      this.#common.turn += 1;
      return writeResponse(out, datagram, query, response, udpLimit(query), this.#common.turn);
    }
    const to = Uint8Array.from(sender);
    const message = Buffer.from(datagram.subarray(0, length));
    this.#forwarder.forward(
      { message, end: query.end },
      {
        transport: "udp",
        answer: (answer) => sendDatagramTo(this.#udp, answer, to),
        fail: () => sendDatagramTo(this.#udp, this.#failed(message, query), to),
      },
    );
    return 0;
  };

  readonly #onQuery = (message: Buffer, client: ClientConnection): boolean => {
    const query = readQuery(message, message.length);
    if (!query) return false;
    const { scratch } = this.#common;
    const response = this.#respond(query);
    if (response) {
      this.#common.turn += 1;
      const length = writeResponse(scratch, message, query, response, TCP_SIZE, this.#common.turn);
      client.send(scratch.subarray(0, length));
      return true;
    }
    client.expect();
    const copy = Buffer.from(message);
    const asker: Asker = {
      transport: "tcp",
      answer: (answer) => client.deliver(answer),
      fail: () => client.deliver(this.#failed(copy, query)),
    };
    this.#forwarder.forward({ message: copy, end: query.end }, asker);
    return true;
  };

  /** What can be said at once; nothing where others are to be asked. */
  #respond(query: Query): Response | undefined {
    if (query.opcode !== 0) return NOTIMP;
    if (query.edns && query.edns.version !== 0) return BADVERS;
    if (query.class === CLASS_IN || query.class === CLASS_ANY) {
      const records = this.#records(query);
      if (records) return { rcode: Rcode.NOERROR, records };
      if (this.#keepsHere(query)) return NONE;
    }
    if (!this.#forwarder.able) return SERVFAIL;
    return this.#forwarder.full ? REFUSED : undefined;
  }

  /** Records of a name that is known here, and may have none of that type; undefined where it isn't known. */
  #records({ type, name }: Query): Response["records"] | undefined {
    const { table } = this.#common;
    const found = table.find(this.#view, name);
    if (found) {
      if (type === Type.A) return found.four;
      if (type === Type.AAAA) return found.six;
      return type === Type.ANY ? [...found.four, ...found.six] : [];
    }
    const pointer = type === Type.PTR || type === Type.ANY ? table.reverse(this.#view, name) : undefined;
    return pointer && [pointer];
  }

  /** As Docker with `ndots`: a single label is nobody's outside, and the client goes on with its search domains. */
  #keepsHere({ type, name }: Query): boolean {
    if ((this.#sandbox.ndots ?? 0) === 0 || name.includes(".")) return false;
    return type === Type.A || type === Type.AAAA;
  }

  #failed(message: Buffer, query: Query): Buffer {
    const { scratch } = this.#common;
    return scratch.subarray(0, writeResponse(scratch, message, query, SERVFAIL, UDP_SIZE));
  }

  #accept(): void {
    for (let i = 0; i < ACCEPTS_PER_TURN; i += 1) {
      const fd = this.#next();
      if (fd === undefined) return;
      if (this.#clients.size >= MOST_CLIENTS) [...this.#clients][0]?.close();
      const { loop } = this.#common;
      const client = new ClientConnection(loop, fd, this.#onQuery, (gone) => this.#clients.delete(gone));
      this.#clients.add(client);
    }
  }

  /** Where descriptors are used up, the oldest client makes place, and the next one waits for a moment. */
  #next(): number | undefined {
    try {
      return acceptConnection(this.#tcp);
    } catch (thrown) {
      if (!(thrown instanceof KernelError)) throw thrown;
      const { poller, deadlines } = this.#common.loop;
      [...this.#clients][0]?.close();
      poller.modify(this.#tcp, 0);
      deadlines.set(this, ACCEPT_REST, () => poller.modify(this.#tcp, READABLE));
      return undefined;
    }
  }
}
