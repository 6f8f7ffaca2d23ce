/** One request on a connection of its own, and all of its answer. */
import { type IncomingHttpHeaders, request } from "node:http";

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

/** An answer that does not end is cut after this, milliseconds: what came until then counts. */
const PATIENCE = 15_000;

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
    signal: AbortSignal.timeout(PATIENCE),
  });
  sent.once("error", reject);
  sent.once("response", (message) => {
    const pieces: Buffer[] = [];
    const done = () =>
      resolve({ status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(pieces) });
    message.on("data", (piece: Buffer) => pieces.push(piece));
    message.once("end", done).once("error", done);
  });
  sent.once("upgrade", (message, stream, head) => {
    const pieces: Buffer[] = [head];
    const done = () =>
      resolve({ status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(pieces) });
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.once("end", done).once("error", done);
  });
  sent.end(body);
  return promise;
}
