/** A build's context as a tar: what a directory holds, without what its .dockerignore leaves out. */
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { codeOf } from "../lib/errors.ts";
import { hasExceptions, ignoreMatcher } from "../lib/ignore-patterns.ts";

const BLOCK = 512;
/** Room in a header's fields (tar(5), "POSIX ustar Archives"): names and sizes that need more go into a pax header. */
const LONGEST_NAME = 100;
const LARGEST_SIZE = 0o77777777777;

interface Entry {
  /** Relative to the context; of a directory with a slash at its end. */
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly type: "0" | "2" | "5";
  readonly linkname: string;
}

/**
 * @param always files that go along whether ignored or not: the Dockerfile, and .dockerignore
 * @param extra a file that lies elsewhere, under the name that it has in the context
 */
export function contextTar(
  directory: string,
  always: readonly string[],
  extra?: { readonly name: string; readonly content: Buffer },
): Readable {
  return Readable.from(archive(directory, new Set(always), extra), { objectMode: false });
}

async function* archive(
  directory: string,
  always: ReadonlySet<string>,
  extra: { readonly name: string; readonly content: Buffer } | undefined,
): AsyncGenerator<Buffer> {
  const text = await readIfThere(join(directory, ".dockerignore"));
  const ignored = ignoreMatcher(text);
  const exceptions = hasExceptions(text);
  for await (const name of walk(directory, "", (path) => ignored(path) && !exceptions)) {
    if (ignored(name) && !always.has(name)) continue;
    yield* entryOf(directory, name);
  }
  if (extra) {
    const { name, content } = extra;
    yield headerOf({ name, mode: 0o600, size: content.length, mtime: 0, type: "0", linkname: "" });
    yield content;
    yield padding(content.length);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** Every path below, directories before what is in them; what `skip` says is not gone into. */
async function* walk(
  directory: string,
  below: string,
  skip: (path: string) => boolean,
): AsyncGenerator<string> {
  const entries = await readdir(join(directory, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    yield path;
    if (entry.isDirectory() && !skip(path)) yield* walk(directory, path, skip);
  }
}

async function* entryOf(directory: string, name: string): AsyncGenerator<Buffer> {
  const path = join(directory, name);
  const { mode, size, mtimeMs, ...kind } = await lstat(path).then((status) => ({
    mode: status.mode & 0o7777,
    size: status.size,
    mtimeMs: status.mtimeMs,
    isFile: status.isFile(),
    isDirectory: status.isDirectory(),
    isLink: status.isSymbolicLink(),
  }));
  const common = { mode, mtime: Math.floor(mtimeMs / 1000), size: 0, linkname: "" };
  if (kind.isDirectory) yield headerOf({ ...common, name: `${name}/`, type: "5" });
  else if (kind.isLink) yield headerOf({ ...common, name, type: "2", linkname: await readlink(path) });
  else if (kind.isFile) {
    yield headerOf({ ...common, name, size, type: "0" });
    if (size > 0) yield* contentOf(path, size);
    yield padding(size);
  }
}

/** As many bytes as the header says, whatever becomes of the file meanwhile. @throws where it has become shorter */
async function* contentOf(path: string, size: number): AsyncGenerator<Buffer> {
  let left = size;
  for await (const chunk of createReadStream(path, { end: size - 1 })) {
    left -= (chunk as Buffer).length;
    yield chunk as Buffer;
  }
  if (left > 0) throw new Error(`${path} became shorter while it was sent`);
}

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** With a pax header before it where it does not say it all. */
function headerOf(entry: Entry): Buffer {
  const records = [
    ...(Buffer.byteLength(entry.name) > LONGEST_NAME ? [paxRecord("path", entry.name)] : []),
    ...(Buffer.byteLength(entry.linkname) > LONGEST_NAME ? [paxRecord("linkpath", entry.linkname)] : []),
    ...(entry.size > LARGEST_SIZE ? [paxRecord("size", String(entry.size))] : []),
  ];
  if (records.length === 0) return ustar(entry, entry.type);
  const pax = Buffer.from(records.join(""));
  const header = ustar({ ...entry, name: "PaxHeader", linkname: "", size: pax.length }, "x");
  return Buffer.concat([header, pax, padding(pax.length), ustar(entry, entry.type)]);
}

/** `30 path=…\n`, whose number counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const length = Buffer.byteLength(rest);
  let whole = length + String(length).length;
  if (String(whole).length !== String(length).length) whole = length + String(whole).length;
  return `${whole}${rest}`;
}

/**
 * struct posix_header { char name[100]; char mode[8]; char uid[8]; char gid[8]; char size[12]; char mtime[12];
 *   char chksum[8]; char typeflag; char linkname[100]; char magic[6]; char version[2]; … }
 * Owners are root's: what the builder copies is, too.
 */
function ustar({ name, mode, size, mtime, linkname }: Entry, type: string): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    header.write(value.toString(8).padStart(length - 1, "0"), at, length - 1, "latin1");
  header.write(name, 0, 100);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(Math.min(size, LARGEST_SIZE), 124, 12);
  octal(Math.max(mtime, 0), 136, 12);
  header.write("        ", 148, 8, "latin1");
  header.write(type, 156, 1, "latin1");
  header.write(linkname, 157, 100);
  header.write("ustar\x0000", 257, 8, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8, "latin1");
  return header;
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return "";
    throw thrown;
  }
}
