/** An answer as what it means, for comparison. */
import type { IncomingHttpHeaders } from "node:http";
import { FrameReader } from "../../src/api/stdcopy.ts";
import type { Answer } from "./send.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON's value, a list of values where there are many, a tar's entries by name, or text. */
  readonly body: unknown;
}

/** Headers that clients read; others (dates, lengths, the server's name) say nothing of what was asked. */
const HEADERS = [
  "content-type",
  "location",
  "docker-experimental",
  "ostype",
  "builder-version",
  "swarm",
  "cache-control",
  "pragma",
  "x-docker-container-path-stat",
  "x-registry-auth",
];

export function replyOf({ status, headers, body }: Answer): Reply {
  return { status, headers: shownHeaders(headers), body: shownBody(headers["content-type"] ?? "", body) };
}

function shownHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const shown = HEADERS.flatMap((name) =>
    headers[name] === undefined ? [] : [[name, String(headers[name])]],
  );
  const { "x-docker-container-path-stat": stat, ...others } = Object.fromEntries(shown);
  return stat === undefined
    ? others
    : { ...others, "x-docker-container-path-stat": Buffer.from(stat, "base64").toString() };
}

function shownBody(type: string, body: Buffer): unknown {
  if (type.startsWith("application/json")) return jsonOf(body.toString());
  if (type === "application/x-tar" || (body.length >= 512 && body.toString("latin1", 257, 262) === "ustar")) {
    return entriesOf(body);
  }
  if (body[0] !== undefined && body[0] <= 2 && body.length >= 8) return framesOf(body);
  return body.toString();
}

function jsonOf(text: string): unknown {
  const values = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as unknown);
  return values.length === 1 ? values[0] : values;
}

function framesOf(body: Buffer): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const { stream, data } of new FrameReader().read(body)) {
    texts[stream] = (texts[stream] ?? "") + Buffer.from(data).toString();
  }
  return texts;
}

const BLOCK = 512;
const field = (header: Buffer, at: number, length: number): string =>
  header
    .toString("latin1", at, at + length)
    .replace(/\0.*$/s, "")
    .trim();

/** Of a tar in the ustar format (POSIX.1-1988): what each entry is; extension headers are passed over. */
function entriesOf(body: Buffer): Record<string, string> {
  const entries: Record<string, string> = {};
  for (let at = 0; at + BLOCK <= body.length; ) {
    const header = body.subarray(at, at + BLOCK);
    const name = field(header, 345, 155) + field(header, 0, 100);
    if (name === "") break;
    const size = Number.parseInt(field(header, 124, 12) || "0", 8);
    const kind = String.fromCharCode(header[156] ?? 0);
    const owner = `${Number.parseInt(field(header, 108, 8), 8)}:${Number.parseInt(field(header, 116, 8), 8)}`;
    if (kind !== "x" && kind !== "g") {
      entries[name] = [kind, field(header, 100, 8), owner, size, field(header, 157, 100)].join(" ").trim();
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return entries;
}
