import { setMaxListeners } from "node:events";
import type { Duplex } from "node:stream";
import type { Engine } from "../engine/types.ts";
import { asError, messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { createApp } from "./app.ts";
import { takeConnection } from "./hijack.ts";
import { checkListener, type Listener, listen } from "./listen.ts";
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type ServerResponse,
  tls as withTls,
} from "./node-http.ts";
import { ApiRequest } from "./request.ts";

export type { Listener, TcpListener, TlsFiles, UnixListener } from "./listen.ts";

export interface ServerOptions {
  readonly listeners: readonly Listener[];
  readonly logger: Logger;
}

export interface Server {
  /** Where it listens, with the ports that the kernel chose: `unix:///run/x.sock`, `tcp://127.0.0.1:2375`. */
  readonly addresses: readonly string[];
  /** Take no new requests, let those under way finish for a moment, end all streams. */
  close(): Promise<void>;
}

const HEADERS_TIMEOUT = 30_000;
/** What a request may still take once the server closes; streams end at once. */
const GRACE = 2_000;

/**
 * Serve the Docker Engine API. All listeners are ready on return, or none listens.
 * @throws invalid for a TCP listener that would be open to everybody; conflict where a socket is in use
 */
export async function startServer(engine: Engine, options: ServerOptions): Promise<Server> {
  options.listeners.forEach(checkListener);
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one a stream
  const app = createApp(engine, { logger: options.logger, closing: closing.signal });
  await app.ready();
  const open: { readonly server: HttpServer; readonly connections: Connections }[] = [];
  const close = async () => {
    closing.abort();
    await Promise.all(open.map(({ server, connections }) => closeServer(server, connections)));
    await app.close();
  };
  try {
    for (const listener of options.listeners) {
      const server = createServer(listener, app.routing, options.logger);
      const connections = trackConnections(server);
      await listen(server, listener);
      open.push({ server, connections });
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  const addresses = options.listeners.map((listener, i) => addressOf(listener, open[i]?.server));
  return { addresses, close };
}

type Route = (request: ApiRequest, response: ServerResponse) => void;

function createServer(listener: Listener, route: Route, logger: Logger): HttpServer {
  const options = {
    IncomingMessage: ApiRequest,
    headersTimeout: HEADERS_TIMEOUT,
    requestTimeout: 0, // an image may take long to come in
    keepAliveTimeout: 0, // clients keep connections for later, and take a closed one for an error
    shouldUpgradeCallback: (request: ApiRequest) => request.upgrade,
    allowHalfOpen: true,
  };
  const tls = listener.kind === "tcp" ? listener.tls : undefined;
  const server: HttpServer<typeof ApiRequest> = tls
    ? withTls().createServer({
        ...options,
        cert: tls.cert,
        key: tls.key,
        minVersion: "TLSv1.2",
        ...(tls.clientCA !== undefined && { ca: tls.clientCA, requestCert: true, rejectUnauthorized: true }),
      })
    : createHttpServer(options);
  // A client may half-close after its request and still wait for the answer.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on("request", (request, response) => {
    request.listener = listener;
    route(request, response);
  });
  server.on("upgrade", (request, stream, head) => {
    request.listener = listener;
    takeConnection(request, stream, head, route).catch((thrown: unknown) => {
      logger.error({ error: messageOf(thrown), url: request.url }, "a connection failed");
      stream.destroy(asError(thrown));
    });
  });
  return server;
}

/** A server's connections, and those of them that are streams. */
interface Connections {
  readonly all: ReadonlySet<Duplex>;
  readonly streams: ReadonlySet<Duplex>;
}

function trackConnections(server: HttpServer): Connections {
  const [all, streams] = [new Set<Duplex>(), new Set<Duplex>()];
  const keepIn = (set: Set<Duplex>, stream: Duplex) => {
    set.add(stream);
    stream.once("close", () => set.delete(stream));
  };
  server.on("connection", (socket) => keepIn(all, socket));
  server.on("upgrade", (_request, stream) => keepIn(streams, stream));
  return { all, streams };
}

async function closeServer(server: HttpServer, { all, streams }: Connections): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection gets idle when its answer is out, and would be kept for the client's next request.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const grace = setTimeout(() => {
    for (const connection of all) connection.destroy();
  }, GRACE);
  for (const stream of streams) stream.destroy();
  server.closeIdleConnections();
  await closed;
  clearInterval(idle);
  clearTimeout(grace);
}

function addressOf(listener: Listener, server: HttpServer | undefined): string {
  if (listener.kind === "unix") return `unix://${listener.path}`;
  const bound = server?.address();
  if (!bound || typeof bound === "string") throw new TypeError("a TCP listener without an address");
  return `tcp://${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`;
}
