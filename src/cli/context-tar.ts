/** A build's context as a tar: what a directory holds, without what its .dockerignore leaves out. */
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { codeOf } from "../lib/errors.ts";
import { hasExceptions, ignoreMatcher } from "../lib/ignore-patterns.ts";
import { ENTRY_DEFAULTS } from "../tar/entry.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "../tar/writer.ts";

/** Of names: a byte string, one character a byte. */
const bytesOf = (name: string): string => Buffer.from(name).toString("latin1");

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
    yield encodeEntry({
      ...ENTRY_DEFAULTS,
      type: "file",
      name: bytesOf(name),
      mode: 0o600,
      size: content.length,
    });
    yield content;
    yield padding(content.length);
  }
  yield END_OF_ARCHIVE;
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

/** Owners are root's: what the builder copies is, too. */
async function* entryOf(directory: string, name: string): AsyncGenerator<Buffer> {
  const path = join(directory, name);
  const status = await lstat(path);
  const mtime = Math.max(0, Math.floor(status.mtimeMs / 1000));
  const common = { ...ENTRY_DEFAULTS, name: bytesOf(name), mode: status.mode & 0o7777, mtime };
  if (status.isDirectory()) yield encodeEntry({ ...common, name: `${common.name}/`, type: "directory" });
  else if (status.isSymbolicLink()) {
    yield encodeEntry({ ...common, type: "symlink", linkname: bytesOf(await readlink(path)) });
  } else if (status.isFile()) {
    const { size } = status;
    yield encodeEntry({ ...common, type: "file", size });
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

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return "";
    throw thrown;
  }
}
