/** A client of the Docker Engine API: JSON, streams, and connections that carry a process's streams. */
import { type Duplex, pipeline, Readable } from "node:stream";
import { MULTIPLEXED_STREAM } from "./media-types.ts";
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request,
  tls as withTls,
} from "./node-http.ts";
import { type Frame, FrameReader } from "./stdcopy.ts";
import { formatVersion, NEWEST } from "./version.ts";

export { type Frame, FrameReader } from "./stdcopy.ts";
export { formatVersion, NEWEST } from "./version.ts";

export type Target =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      /** PEM texts: who signed the server's certificate, and what this client shows of itself. */
      readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
    };

/** What is undefined or false is left out, true is `1`; a list is said several times. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** The engine's refusal, in its own words. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

/** A process's output as it comes. */
export interface Output {
  readonly stream: Readable;
  /** Standard output and error in frames, for `framesOf`; else one stream of a terminal's. */
  readonly multiplexed: boolean;
}

/** A connection that is the process's streams. Ending it closes the process's standard input alone. */
export interface Connection extends Output {
  readonly stream: Duplex;
}

export class ApiClient {
  readonly #target: RequestOptions;
  readonly #send: (options: RequestOptions) => ClientRequest;
  readonly #agent: Agent;
  readonly #prefix: string;

  /** Nothing is connected before the first call. */
  constructor(target: Target, options: { readonly version?: string } = {}) {
    const tls = target.kind === "tcp" ? target.tls : undefined;
    this.#prefix = `/v${options.version ?? formatVersion(NEWEST)}`;
    this.#agent = tls ? new (withTls().Agent)({ keepAlive: true, ...tls }) : new Agent({ keepAlive: true });
    this.#send = tls ? (each) => withTls().request({ ...each, ...tls }) : request;
    this.#target =
      target.kind === "unix" ? { socketPath: target.path } : { host: target.host, port: target.port };
  }

  get<T>(path: string, query?: Query): Promise<T> {
    return this.#json("GET", path, query);
  }

  post<T>(path: string, query?: Query, body?: object): Promise<T> {
    return this.#json("POST", path, query, body);
  }

  delete<T>(path: string, query?: Query, body?: object): Promise<T> {
    return this.#json("DELETE", path, query, body);
  }

  /** The answer's body as it comes; resolves with its head. A stream given is sent as a tar. @throws ApiError */
  async stream(
    method: "GET" | "HEAD" | "POST" | "PUT",
    path: string,
    options: {
      readonly query?: Query;
      readonly body?: Readable | object;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<IncomingMessage> {
    const { body } = options;
    const isTar = body instanceof Readable;
    const text = body && !isTar ? JSON.stringify(body) : "";
    const headers = {
      ...options.headers,
      ...(isTar && { "Content-Type": "application/x-tar" }),
      ...(text && {
        "Content-Type": "application/json",
        "Content-Length": String(Buffer.byteLength(text)),
      }),
    };
    const sent = this.#request(method, path, options.query, headers, this.#agent);
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once("response", resolve).once("error", reject);
      // An engine that refuses before it has read all of it answers all the same.
      if (isTar) pipeline(body, sent, (error) => error && body.errored && reject(error));
      else sent.end(text);
    });
    const message = await answered;
    if ((message.statusCode ?? 0) >= 400) throw await refusal(message);
    return message;
  }

  /** The output of a process that has been: logs. @throws ApiError */
  async output(path: string, query?: Query): Promise<Output> {
    const message = await this.stream("GET", path, query ? { query } : {});
    return { stream: message, multiplexed: isMultiplexed(message) };
  }

  /** Ask for a process's streams (attach, exec start). @throws ApiError */
  connect(
    path: string,
    options: { readonly query?: Query; readonly body?: object } = {},
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const text = options.body ? JSON.stringify(options.body) : "";
      const headers = {
        Connection: "Upgrade",
        Upgrade: "tcp",
        "Content-Length": String(Buffer.byteLength(text)),
        ...(text && { "Content-Type": "application/json" }),
      };
      const sent = this.#request("POST", path, options.query, headers, undefined);
      sent.once("error", reject);
      sent.once("upgrade", (message, socket, head) => {
        socket.allowHalfOpen = true; // the process's input may end long before its output
        if (head.length > 0) socket.unshift(head);
        resolve({ stream: socket, multiplexed: isMultiplexed(message) });
      });
      sent.once("response", (message) => refusal(message).then(reject, reject));
      sent.end(text);
    });
  }

  /** Close connections kept for later calls. */
  close(): void {
    this.#agent.destroy();
  }

  async #json<T>(method: string, path: string, query?: Query, body?: object): Promise<T> {
    const text = await textOf(
      await this.stream(method as "GET", path, { ...(query && { query }), ...(body && { body }) }),
    );
    return (text.trim() === "" ? undefined : JSON.parse(text)) as T;
  }

  #request(
    method: string,
    path: string,
    query: Query | undefined,
    headers: Readonly<Record<string, string>>,
    agent: Agent | undefined,
  ): ClientRequest {
    return this.#send({
      ...this.#target,
      method,
      path: `${this.#prefix}${path}${search(query)}`,
      headers: { ...(this.#target.socketPath && { Host: "drawbridge" }), ...headers },
      agent: agent ?? false,
    });
  }
}

function search(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "object") for (const one of value) parameters.append(name, one);
    else parameters.append(name, value === true ? "1" : String(value));
  }
  return parameters.size > 0 ? `?${parameters}` : "";
}

const isMultiplexed = ({ headers }: IncomingMessage): boolean =>
  headers["content-type"] === MULTIPLEXED_STREAM;

async function textOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of message.setEncoding("utf8")) text += piece;
  return text;
}

async function refusal(message: IncomingMessage): Promise<ApiError> {
  const text = (await textOf(message)).trim();
  const status = message.statusCode ?? 0;
  try {
    const { message: said } = JSON.parse(text) as { readonly message?: string };
    if (said) return new ApiError(status, said);
  } catch {
    // Whatever answered there does not speak JSON: its own words are told.
  }
  return new ApiError(status, text || `${status} ${message.statusMessage ?? ""}`.trim());
}

/** A process's output in order; without frames (a terminal's) all is standard output. */
export async function* framesOf({ stream, multiplexed }: Output): AsyncGenerator<Frame> {
  const reader = new FrameReader();
  for await (const piece of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (multiplexed) yield* reader.read(piece);
    else yield { stream: "stdout", data: piece };
  }
}
