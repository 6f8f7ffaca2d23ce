import type { ServerResponse } from "node:http";
import { type ErrorKind, invalid, kindOf, messageOf } from "../lib/errors.ts";

/** The one table from kinds of errors to HTTP statuses. */
const STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  unchanged: 304,
  unavailable: 503,
  "not-built-in": 501,
  internal: 500,
};

export interface Failure {
  readonly status: number;
  readonly message: string;
}

/** What the HTTP framework itself refuses, as fastify's errors tell it. */
interface FrameworkError {
  readonly code: string;
  readonly statusCode: number;
}

const isFrameworkError = (thrown: unknown): thrown is Error & FrameworkError =>
  thrown instanceof Error &&
  "code" in thrown &&
  typeof thrown.code === "string" &&
  thrown.code.startsWith("FST_") &&
  "statusCode" in thrown &&
  typeof thrown.statusCode === "number";

/** What a client is told of whatever was thrown. */
export function failureOf(thrown: unknown): Failure {
  if (isFrameworkError(thrown)) {
    // Docker's status for a Content-Type that is none; another medium than JSON is refused with its name (json.ts).
    const malformed = thrown.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE";
    if (malformed) return { status: STATUS.invalid, message: "malformed Content-Type header" };
    return { status: thrown.statusCode, message: thrown.message };
  }
  return { status: STATUS[kindOf(thrown)], message: messageOf(thrown) };
}

/** In one line with its end, as Docker's: clients that take it for a stream show it as it comes. */
export const failureBody = ({ message }: Failure): string => `${JSON.stringify({ message })}\n`;

/** Where the framework has no reply to send it with. */
export function sendFailure(
  response: ServerResponse,
  failure: Failure,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = failureBody(failure);
  response.writeHead(failure.status, {
    ...headers,
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}

export const pageNotFound: Failure = { status: 404, message: "page not found" };

/** The part of ajv's error objects that we tell of. */
interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Of a JSON pointer's part (RFC 6901): `80~1tcp` is `80/tcp`. */
const unescaped = (part: string): string => part.replaceAll("~1", "/").replaceAll("~0", "~");

/** A request that fails its schema, with the field by name: `query h: must match pattern …`. */
export function schemaFailure(errors: readonly SchemaError[], where: string): Error {
  const first = errors[0];
  const path = (first?.instancePath ?? "").split("/").slice(1).map(unescaped).join(".");
  const allowed = first?.params.allowedValues;
  // What may be left out may be null as well: that needs no telling.
  const message = first?.message?.replace(/,null$/, "");
  const expected = Array.isArray(allowed) ? `must be one of ${allowed.join(", ")}` : message;
  const place = { querystring: "query", params: "path", body: "body", headers: "header" }[where] ?? where;
  return invalid(
    `invalid request: ${[place, path].filter(Boolean).join(" ")}: ${expected ?? "not as described"}`,
  );
}
