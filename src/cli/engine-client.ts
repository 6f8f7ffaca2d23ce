/** The Engine API as verbs call it: what goes wrong is told in Docker's words, with what to do. */
import type { Readable, Writable } from "node:stream";
import {
  ApiClient,
  ApiError,
  type Connection,
  formatVersion,
  framesOf,
  NEWEST,
  type Output,
  type Query,
} from "../api/client.ts";
import { parseEndpoint } from "./host.ts";

export type { Connection } from "../api/client.ts";

export const NEWEST_API = formatVersion(NEWEST);

export interface EngineClient {
  get<T>(path: string, query?: Query): Promise<T>;
  post<T>(path: string, query?: Query, body?: object): Promise<T>;
  remove<T>(path: string, query?: Query, body?: object): Promise<T>;
  /** The answer's body as it comes; resolves with its head. */
  stream(
    method: "GET" | "HEAD" | "POST" | "PUT",
    path: string,
    options: {
      readonly query?: Query;
      readonly body?: Readable;
      readonly headers?: Readonly<Record<string, string>>;
    },
  ): Promise<Readable & { readonly headers: Readonly<Record<string, string | string[] | undefined>> }>;
  output(path: string, query?: Query): Promise<Output>;
  connect(path: string, options: { readonly query?: Query; readonly body?: object }): Promise<Connection>;
}

/** The engine's refusal. */
export class DaemonError extends Error {
  readonly status: number;
  constructor(refusal: ApiError) {
    super(`Error response from daemon: ${refusal.message}`, { cause: refusal });
    this.name = "DaemonError";
    this.status = refusal.status;
  }
}

const hasStatus = (thrown: unknown, status: number) =>
  thrown instanceof DaemonError && thrown.status === status;
export const isNotFound = (thrown: unknown): boolean => hasStatus(thrown, 404);
export const isInvalid = (thrown: unknown): boolean => hasStatus(thrown, 400);

/** Why no engine could be reached, and what to do about it. */
function unreachable(host: string, error: NodeJS.ErrnoException): Error {
  if (error.code === "EACCES" || error.code === "EPERM") {
    return new Error(
      `permission denied while trying to connect to the Drawbridge daemon socket at ${host}: use sudo, or join the group that owns the socket`,
      { cause: error },
    );
  }
  const absent = error.code === "ENOENT" || error.code === "ECONNREFUSED";
  const why = absent ? "" : ` (${error.message})`;
  return new Error(
    `Cannot connect to the Drawbridge daemon at ${host}. Is it running? Start it with: sudo drawbridge daemon${why}`,
    { cause: error },
  );
}

/** Errors on the way there; others (a file that can't be sent) are told as they are. */
function isTransport(thrown: unknown): thrown is NodeJS.ErrnoException {
  if (!(thrown instanceof Error)) return false;
  const { syscall, code }: NodeJS.ErrnoException = thrown;
  return syscall === "connect" || syscall === "getaddrinfo" || code === "ECONNRESET";
}

/** A client for the engine at `host`; nothing is connected, or even parsed, before the first call. */
export function lazyClient(host: string): EngineClient {
  let made: ApiClient | undefined;
  const call = async <T>(work: (client: ApiClient) => Promise<T>): Promise<T> => {
    made ??= new ApiClient(parseEndpoint(host));
    try {
      return await work(made);
    } catch (thrown) {
      if (thrown instanceof ApiError) throw new DaemonError(thrown);
      throw isTransport(thrown) ? unreachable(host, thrown) : thrown;
    }
  };
  return {
    get: (path, query) => call((client) => client.get(path, query)),
    post: (path, query, body) => call((client) => client.post(path, query, body)),
    remove: (path, query, body) => call((client) => client.delete(path, query, body)),
    stream: (method, path, options) => call((client) => client.stream(method, path, options)),
    output: (path, query) => call((client) => client.output(path, query)),
    connect: (path, options) => call((client) => client.connect(path, options)),
  };
}

const drained = (stream: Writable): Promise<void> => new Promise((resolve) => stream.once("drain", resolve));

/** Write a process's output where it belongs, until it ends. What nobody asked for is dropped. */
export async function writeOutput(
  output: Output,
  to: { readonly stdout: Writable | undefined; readonly stderr: Writable | undefined },
): Promise<void> {
  for await (const { stream, data } of framesOf(output)) {
    const target = to[stream];
    if (target && !target.write(data)) await drained(target);
  }
}
