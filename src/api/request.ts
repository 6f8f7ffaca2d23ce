import type { Duplex, Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import type { Listener } from "./listen.ts";
import { IncomingMessage, type ServerResponse } from "./node-http.ts";
import { takesConnection } from "./target.ts";
import { type Minor, NEWEST, parseVersion } from "./version.ts";

/** A request as Node's parser makes it, with what the API knows of it besides. */
export class ApiRequest extends IncomingMessage {
  /** Where it came in. */
  listener: Listener | undefined = undefined;
  /** As written in the path. */
  version: string | undefined = undefined;
  /** Present where the connection becomes a stream. */
  taken: TakenConnection | undefined = undefined;

  /**
   * Node gives a connection away (its "upgrade" event) where this is true. Docker's clients may leave out
   * `Upgrade: tcp` and expect the same, and a header without such a route means nothing: so the route tells.
   */
  get upgrade(): boolean {
    return takesConnection(this.method ?? "", this.url ?? "");
  }
  set upgrade(_) {}
}

/** A connection on which a request was read, and which carries what the route makes of it from then on. */
export interface TakenConnection {
  readonly stream: Duplex;
  /** What the client sends after its request. */
  readonly input: Readable;
  readonly response: ServerResponse;
  /** The request's own body. */
  readonly body: Buffer;
}

/** The API version that a request asked for; the newest where it asked for none. @throws invalid */
export function minorOf(request: FastifyRequest): Minor {
  const { version } = rawOf(request);
  return version === undefined ? NEWEST : parseVersion(version);
}

export function rawOf(request: FastifyRequest): ApiRequest {
  if (request.raw instanceof ApiRequest) return request.raw;
  throw new TypeError("a request that did not come through the API's listeners");
}
