/**
 * Connections that carry a process's streams ("hijacked", in Docker's words): the request is routed and
 * checked as any other, answered 101 or 200, and the connection is the client's end of a session then.
 */
import type { Duplex } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { invalid } from "../lib/errors.ts";
import { lingerThenClose } from "./carry.ts";
import { failureOf, sendFailure } from "./errors.ts";
import { RAW_STREAM } from "./media-types.ts";
import { ServerResponse } from "./node-http.ts";
import { type ApiRequest, rawOf, type TakenConnection } from "./request.ts";
import { bodyIsInput } from "./target.ts";
import { acceptKey } from "./websocket.ts";
import { WebSocketStream } from "./websocket-stream.ts";

const BODY_LIMIT = 64 << 10;
const BODY_TIMEOUT = 30_000;
/** Read the request's body, then route it like any other, with the connection at hand. */
export async function takeConnection(
  request: ApiRequest,
  stream: Duplex,
  head: Buffer,
  route: (request: ApiRequest, response: ServerResponse) => void,
): Promise<void> {
  stream.on("error", () => stream.destroy()); // the client has gone; "close" tells everybody
  if (head.length > 0) stream.unshift(head);
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  // Only the socket's writable half is used, which any Duplex has.
  response.assignSocket(stream as Parameters<typeof response.assignSocket>[0]);
  response.once("finish", () => {
    response.detachSocket(stream as Parameters<typeof response.detachSocket>[0]);
    lingerThenClose(stream);
  });
  const isInput = request.headers["transfer-encoding"] !== undefined && bodyIsInput(request.url ?? "");
  try {
    const body = isInput ? Buffer.alloc(0) : await readBody(request, stream);
    request.taken = { stream, input: isInput ? request : stream, response, body };
    route(request, response);
  } catch (thrown) {
    sendFailure(response, failureOf(thrown));
  }
}

/**
 * A body is in the request where Node parsed it (from Node 25 on); before, Node leaves it on the connection,
 * in front of what follows.
 */
async function readBody(request: ApiRequest, stream: Duplex): Promise<Buffer> {
  const wanted = Number(request.headers["content-length"] ?? 0);
  if (wanted > BODY_LIMIT) throw tooLarge();
  const parts: Buffer[] = [];
  let size = 0;
  const add = (part: Buffer) => {
    parts.push(part);
    size += part.length;
    if (size > BODY_LIMIT) throw tooLarge();
  };
  const timer = setTimeout(() => stream.destroy(), BODY_TIMEOUT);
  const cut = () => request.destroy(endOfBody());
  stream.once("close", cut);
  try {
    if (request.complete) {
      for (let part = request.read(); part !== null; part = request.read()) add(part);
    } else {
      for await (const part of request.iterator({ destroyOnReturn: false })) add(part);
    }
    if (size < wanted) add(await take(stream, wanted - size));
  } finally {
    clearTimeout(timer);
    stream.removeListener("close", cut);
  }
  return Buffer.concat(parts);
}

const endOfBody = () => invalid("invalid JSON: got EOF while reading request body");
const tooLarge = () => invalid(`request body too large: at most ${BODY_LIMIT} bytes here`);

/** Exactly so many bytes off a stream, the rest left in it. */
async function take(stream: Duplex, bytes: number): Promise<Buffer> {
  for (;;) {
    const got: Buffer | null = stream.read(bytes);
    if (got?.length === bytes) return got;
    if (got || stream.readableEnded || stream.destroyed) {
      throw endOfBody();
    }
    await new Promise<void>((resolve) => {
      const wake = () => {
        for (const event of ["readable", "end", "close"]) stream.removeListener(event, wake);
        resolve();
      };
      for (const event of ["readable", "end", "close"]) stream.once(event, wake);
    });
  }
}

/** The connection of a request that takes it. */
export function connectionOf(request: FastifyRequest): TakenConnection {
  const { taken } = rawOf(request);
  if (!taken) throw new TypeError("this route's connections are taken over before it is called");
  return taken;
}

/**
 * A client's side of the handshake (RFC 6455, section 4.2.1), before anything is done for it.
 * @throws invalid
 */
export function websocketKey({ headers }: FastifyRequest): string {
  const key = headers["sec-websocket-key"];
  const isUpgrade =
    headers.upgrade?.toLowerCase() === "websocket" && headers["sec-websocket-version"] === "13";
  if (!isUpgrade || typeof key !== "string") throw invalid("not websocket protocol");
  return key;
}

/** Answer that the connection is a websocket from now on. */
export function acceptWebSocket(
  request: FastifyRequest,
  reply: FastifyReply,
  options: { readonly binary: boolean },
): TakenConnection {
  const connection = connectionOf(request);
  const { stream, response } = connection;
  reply.hijack();
  response.detachSocket(stream as Parameters<typeof response.detachSocket>[0]);
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptKey(websocketKey(request))}`,
    ...Object.entries(reply.getHeaders()).map(([name, value]) => `${name}: ${value}`),
  ];
  stream.write(`${lines.join("\r\n")}\r\n\r\n`);
  const websocket = new WebSocketStream(stream, options);
  return { ...connection, stream: websocket, input: websocket };
}

/** Answer that the connection is a stream from now on. Nothing but raw bytes goes over it afterwards. */
export function acceptConnection(request: FastifyRequest, reply: FastifyReply, contentType: string): void {
  const { stream, response } = connectionOf(request);
  reply.hijack();
  response.detachSocket(stream as Parameters<typeof response.detachSocket>[0]);
  const upgrade = request.headers.upgrade !== undefined;
  const lines = [
    upgrade ? "HTTP/1.1 101 UPGRADED" : "HTTP/1.1 200 OK",
    `Content-Type: ${upgrade ? contentType : RAW_STREAM}`,
    ...(upgrade ? ["Connection: Upgrade", "Upgrade: tcp"] : ["Connection: close"]),
    ...Object.entries(reply.getHeaders()).map(([name, value]) => `${name}: ${value}`),
  ];
  stream.write(`${lines.join("\r\n")}\r\n\r\n`);
}
