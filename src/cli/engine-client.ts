/** The Engine API as verbs call it, and its refusals in Docker's words. */
import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from "node:http";
import type { Duplex, Readable, Writable } from "node:stream";
import { FrameReader } from "../api/stdcopy.ts";
import { formatVersion, NEWEST } from "../api/version.ts";
import { parseEndpoint } from "./host.ts";

export const NEWEST_API = formatVersion(NEWEST);
const MULTIPLEXED = "application/vnd.docker.multiplexed-stream";

/** What isn't there is left out; false is the API's default; a list is said several times. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface Output {
  readonly stream: Readable;
  /** Standard output and error in frames; else one stream of a terminal's. */
  readonly multiplexed: boolean;
}

/** A connection that carries a process's streams. Ending it closes the process's standard input alone. */
export interface Connection extends Output {
  readonly stream: Duplex;
}

export interface EngineClient {
  get<T>(path: string, query?: Query): Promise<T>;
  post<T>(path: string, query?: Query, body?: object): Promise<T>;
  remove<T>(path: string, query?: Query): Promise<T>;
  /** The answer's body as it comes; resolves with its head. A stream is sent as a tar. */
  stream(
    method: "GET" | "POST",
    path: string,
    options: { readonly query?: Query; readonly body?: NodeJS.ReadableStream },
  ): Promise<Readable>;
  output(path: string, options: { readonly query?: Query }): Promise<Output>;
  connect(path: string, options: { readonly query?: Query; readonly body?: object }): Promise<Connection>;
}

/** The engine's refusal. */
export class DaemonError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(`Error response from daemon: ${message}`);
    this.name = "DaemonError";
    this.status = status;
  }
}

const hasStatus = (thrown: unknown, status: number) =>
  thrown instanceof DaemonError && thrown.status === status;
export const isNotFound = (thrown: unknown): boolean => hasStatus(thrown, 404);
export const isInvalid = (thrown: unknown): boolean => hasStatus(thrown, 400);
export const isNotBuiltIn = (thrown: unknown): boolean => hasStatus(thrown, 501);

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

function search(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === false || value === "") continue;
    if (typeof value === "object") for (const one of value) parameters.append(name, one);
    else parameters.append(name, value === true ? "1" : String(value));
  }
  return parameters.size > 0 ? `?${parameters}` : "";
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of message.setEncoding("utf8")) text += piece;
  return text;
}

async function refusal(message: IncomingMessage): Promise<DaemonError> {
  const text = await textOf(message);
  let said = text.trim() || (message.statusMessage ?? "");
  try {
    said = (JSON.parse(text) as { message?: string }).message ?? said;
  } catch {
    // Whatever answered there does not speak JSON: its own words are told.
  }
  return new DaemonError(message.statusCode ?? 0, said);
}

const isGood = ({ statusCode = 0 }: IncomingMessage): boolean => statusCode < 400;

const outputOf = <S extends Readable>(stream: S, { headers }: IncomingMessage) => ({
  stream,
  multiplexed: headers["content-type"] === MULTIPLEXED,
});

class HttpClient implements EngineClient {
  readonly #host: string;
  readonly #target: RequestOptions;

  constructor(host: string) {
    this.#host = host;
    const endpoint = parseEndpoint(host);
    this.#target =
      endpoint.kind === "unix" ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port };
  }

  get<T>(path: string, query?: Query): Promise<T> {
    return this.#json("GET", path, query);
  }

  post<T>(path: string, query?: Query, body?: object): Promise<T> {
    return this.#json("POST", path, query, body);
  }

  remove<T>(path: string, query?: Query): Promise<T> {
    return this.#json("DELETE", path, query);
  }

  async stream(
    method: "GET" | "POST",
    path: string,
    { query, body }: { readonly query?: Query; readonly body?: NodeJS.ReadableStream },
  ): Promise<Readable> {
    return this.#answer(method, path, query, body);
  }

  async output(path: string, { query }: { readonly query?: Query }): Promise<Output> {
    const message = await this.#answer("GET", path, query);
    return outputOf(message, message);
  }

  connect(
    path: string,
    { query, body }: { readonly query?: Query; readonly body?: object },
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      // Its own connection: it is not given back.
      const upgrade = { Connection: "Upgrade", Upgrade: "tcp" };
      const sent = this.#request("POST", path, query, upgrade, reject, false);
      sent.once("upgrade", (message, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(outputOf(socket, message));
      });
      // An engine that does not switch has refused.
      sent.once("response", (message) => void refusal(message).then(reject, reject));
      sent.end(body && JSON.stringify(body));
    });
  }

  async #json<T>(method: string, path: string, query?: Query, body?: object): Promise<T> {
    const text = await textOf(await this.#answer(method, path, query, body));
    return (text.trim() === "" ? undefined : JSON.parse(text)) as T;
  }

  async #answer(
    method: string,
    path: string,
    query?: Query,
    body?: object | NodeJS.ReadableStream,
  ): Promise<IncomingMessage> {
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      const type = isStream(body) ? { "Content-Type": "application/x-tar" } : {};
      const sent = this.#request(method, path, query, type, reject);
      sent.once("response", resolve);
      if (isStream(body)) body.once("error", reject).pipe(sent);
      else sent.end(body && JSON.stringify(body));
    });
    if (isGood(message)) return message;
    throw await refusal(message);
  }

  #request(
    method: string,
    path: string,
    query: Query | undefined,
    headers: Readonly<Record<string, string>>,
    reject: (error: Error) => void,
    agent?: false,
  ): ClientRequest {
    const sent = request({
      ...(agent === false && { agent }),
      ...this.#target,
      method,
      path: `/v${NEWEST_API}${path}${search(query)}`,
      headers: { "Content-Type": "application/json", ...headers },
    });
    return sent.once("error", (error) => reject(unreachable(this.#host, error)));
  }
}

const isStream = (body: object | undefined): body is NodeJS.ReadableStream =>
  body !== undefined && "pipe" in body;

/** A client for the engine at `host`; nothing is connected, or even parsed, before the first call. */
export function lazyClient(host: string): EngineClient {
  let made: HttpClient | undefined;
  const client = () => {
    made ??= new HttpClient(host);
    return made;
  };
  return {
    get: async (...args) => client().get(...args),
    post: async (...args) => client().post(...args),
    remove: async (...args) => client().remove(...args),
    stream: async (...args) => client().stream(...args),
    output: async (...args) => client().output(...args),
    connect: async (...args) => client().connect(...args),
  };
}

const drained = (stream: Writable): Promise<void> => new Promise((resolve) => stream.once("drain", resolve));

/** Write a process's output where it belongs, until it ends. What nobody asked for is dropped. */
export async function writeOutput(
  { stream, multiplexed }: Output,
  to: { readonly stdout: Writable | undefined; readonly stderr: Writable | undefined },
): Promise<void> {
  const frames = new FrameReader();
  for await (const piece of stream as AsyncIterable<Buffer>) {
    const parts = multiplexed ? frames.read(piece) : [{ stream: "stdout" as const, data: piece }];
    for (const part of parts) {
      const target = to[part.stream];
      if (target && !target.write(part.data)) await drained(target);
    }
  }
}
