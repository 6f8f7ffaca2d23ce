/** One request on a connection of its own, and all of its answer. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import type { Readable } from "node:stream";

export interface Sent {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Milliseconds: dockerd looks for plugins that it can't find for half a minute, and lists wait for that. */
const PATIENCE = 60_000;

/** @throws Error where no answer begins */
export function send(socket: string, { method, path, headers, body }: Sent): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const sent = request({
    socketPath: socket,
    method,
    path: encodeURI(path).replaceAll("%25", "%"),
    headers: { Host: "engine", ...length, ...headers },
    agent: false,
  });
  let stream: Readable | undefined;
  const timer = setTimeout(() => {
    stream?.destroy();
    sent.destroy(new Error(`no end of ${method} ${path} after ${PATIENCE} ms`));
  }, PATIENCE);
  /** All that comes on `from`, which is the answer itself or, after an upgrade, its connection. */
  const collect = ({ statusCode, headers }: IncomingMessage, from: Readable, pieces: Buffer[] = []) => {
    stream = from;
    from.on("data", (piece: Buffer) => pieces.push(piece));
    from.on("error", () => from.destroy()); // what came until then counts
    from.once("end", () => from.destroy());
    from.once("close", () => {
      clearTimeout(timer);
      resolve({ status: statusCode ?? 0, headers, body: Buffer.concat(pieces) });
    });
  };
  sent.on("error", (error) => {
    clearTimeout(timer);
    reject(error);
  });
  sent.once("response", (message) => collect(message, message));
  sent.once("upgrade", (message, connection, head) => collect(message, connection, [head]));
  sent.end(body);
  return promise;
}
