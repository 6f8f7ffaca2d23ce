/** A context that lies elsewhere: a Dockerfile or a tar at an address of the web (Docker API, "Build an image", `remote`). */
import { mkdir } from "node:fs/promises";
import { Readable } from "node:stream";
import {
  codeOf,
  EngineError,
  type ErrorKind,
  internal,
  invalid,
  messageOf,
  notBuiltIn,
  notFound,
} from "../lib/errors.ts";
import { type Context, LONGEST, readContext } from "./context.ts";

/** Of a git repository, as Docker knows one (moby, builder/remotecontext/urlutil). */
const GIT = /^(?:git:\/\/|git@|github\.com\/|https?:\/\/.+\.git(?:#.+)?$)/;
const WEB = /^https?:\/\//;
const TAR = /^application\/(?:x-)?(?:tar|gzip|bzip2?|xz|zstd|compressed|octet-stream)$/;

/** What the other server refuses is refused here, as by dockerd. */
const KINDS: Readonly<Record<number, ErrorKind>> = {
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "not-found",
};

/**
 * @param dockerfile where it is in a tar; without a meaning where the address is a Dockerfile's own
 * @throws invalid, not-found, unauthorized, forbidden, internal as the server answers; not-built-in for git
 */
export async function remoteContext(
  address: string,
  directory: string,
  dockerfile: string,
  signal: AbortSignal,
): Promise<Context> {
  if (GIT.test(address)) {
    throw notBuiltIn(
      `building from the repository ${address} is not built in: clone it, and send it as the context`,
    );
  }
  if (!WEB.test(address)) throw invalid(`remoteURL (${address}) could not be recognized as URL`);
  const response = await get(address, signal);
  const type = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  const { first, whole } = await peek(response.body ?? new ReadableStream());
  try {
    const undetected = (why: string) => invalid(`error detecting content type for remote ${address}: ${why}`);
    if (first.length === 0) throw undetected("empty response");
    const unsaid = type === "" || type === "application/octet-stream";
    if (type === "text/plain" || (unsaid && isText(first))) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      return { directory, dockerfile: await textOf(whole, address) };
    }
    if (unsaid || TAR.test(type)) return await readContext(whole, directory, dockerfile);
    throw undetected(`unsupported Content-Type ${JSON.stringify(type)}`);
  } finally {
    whole.destroy();
  }
}

/** @throws as the server answers */
async function get(address: string, signal: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address, { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
    const refuse = codeOf(cause) === "ENOTFOUND" ? notFound : internal;
    throw refuse(`failed to GET ${address}: ${messageOf(cause)}`, thrown);
  }
  if (response.ok) return response;
  const said = (await response.text()).trim().slice(0, 1000);
  throw new EngineError(
    KINDS[response.status] ?? "internal",
    `failed to GET ${address} with status ${response.status} ${response.statusText}: ${said}`,
  );
}

/** What a body begins with, and the whole of it. */
async function peek(
  body: ReadableStream<Uint8Array>,
): Promise<{ readonly first: Uint8Array; readonly whole: Readable }> {
  const pieces = body[Symbol.asyncIterator]();
  const { value: first = new Uint8Array() } = await pieces.next();
  async function* all() {
    yield first;
    yield* { [Symbol.asyncIterator]: () => pieces };
  }
  return { first, whole: Readable.from(all(), { objectMode: false }) };
}

/** Nothing in it that no text has. */
const isText = (bytes: Uint8Array): boolean =>
  !bytes.subarray(0, 512).some((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte));

async function textOf(body: Readable, address: string): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    pieces.push(Buffer.from(piece));
    size += piece.length;
    if (size > LONGEST)
      throw invalid(`${address} has more than the ${LONGEST} bytes that a Dockerfile may have`);
  }
  return Buffer.concat(pieces).toString("utf8");
}
