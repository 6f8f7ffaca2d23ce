/** A server over a fake engine on a socket of its own, and ways to talk to it. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { ApiClient } from "../../src/api/client.ts";
import { startServer } from "../../src/api/server.ts";
import { silent } from "../../src/lib/log.ts";
import { FakeEngine } from "./fake-engine.ts";

export interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

/** A directory that goes with the test file's end. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "api-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Started before a file's tests, closed after them. */
export async function serve() {
  const engine = new FakeEngine();
  const path = join(temporaryDirectory(), "x.sock");
  const server = await startServer(engine, { listeners: [{ kind: "unix", path }], logger: silent });
  const client = new ApiClient({ kind: "unix", path });
  after(async () => {
    client.close();
    await server.close();
  });
  return {
    engine,
    path,
    server,
    client,
    /** Bytes on a connection of their own. */
    raw: (text: string) => rawConnection(path, text),
    ask: (method: string, url: string, options: AskOptions = {}) =>
      ask({ socketPath: path }, method, url, options),
    /** A container that is there, and runs where `start` says so. */
    async container(
      name: string,
      command: readonly string[],
      { start = true, tty = false } = {},
    ): Promise<string> {
      const { id } = await engine.containers.create({
        name,
        config: { Image: "busybox", Cmd: command, Tty: tty },
        hostConfig: {},
        endpoints: {},
      });
      if (start) await engine.containers.startContainer(id);
      return id;
    },
  };
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** The URL goes out as it is, dots and all. */
export async function ask(
  target: { readonly socketPath?: string; readonly port?: number },
  method: string,
  url: string,
  { headers = {}, body }: AskOptions = {},
): Promise<Answer> {
  // Node gives a length of itself to some methods only, and DELETE is none of them.
  const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
  const sent = request({ ...target, method, path: url, headers: { ...length, ...headers }, agent: false });
  sent.end(body);
  const [message] = await once(sent, "response");
  let text = "";
  for await (const piece of message.setEncoding("utf8")) text += piece;
  return { status: message.statusCode, headers: message.headers, text };
}

export const json = (body: unknown): AskOptions => ({
  headers: { "Content-Type": "application/json" },
  body: typeof body === "string" ? body : JSON.stringify(body),
});

export const messageIn = (answer: Answer): string => (JSON.parse(answer.text) as { message: string }).message;

export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (piece: Buffer) => {
      this.#received = Buffer.concat([this.#received, piece]);
      socket.emit("changed");
    });
    socket.on("error", () => {});
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.ended = true;
        socket.emit("changed");
      });
    }
  }

  get text(): string {
    return this.#received.toString("latin1");
  }

  /** Resolves when what came in holds `wanted`. @throws when the connection ends without it */
  async until(wanted: string | RegExp): Promise<string> {
    const there = () => (typeof wanted === "string" ? this.text.includes(wanted) : wanted.test(this.text));
    while (!there()) {
      if (this.ended) throw new Error(`ended without ${wanted}: ${JSON.stringify(this.text)}`);
      await once(this.socket, "changed");
    }
    return this.text;
  }

  /** All that came until the other side ended. */
  async all(): Promise<string> {
    while (!this.ended) await once(this.socket, "changed");
    return this.text;
  }
}

export async function rawConnection(path: string, text: string): Promise<RawConnection> {
  const socket = connect({ path, allowHalfOpen: true });
  await once(socket, "connect");
  const connection = new RawConnection(socket);
  socket.write(text);
  return connection;
}

/** Wait for something that no event tells of. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
