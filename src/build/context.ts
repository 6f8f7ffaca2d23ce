/** The build's context: what the client sent, in a directory of its own. */
import { existsSync, rmSync } from "node:fs";
import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Readable } from "node:stream";
import { codeOf, forbidden, internal, invalid } from "../lib/errors.ts";
import { ignoreMatcher } from "../lib/ignore-patterns.ts";
import { unpackContext } from "./unpack.ts";

export interface Context {
  readonly directory: string;
  readonly dockerfile: string;
}

const DEFAULT_NAME = "Dockerfile";

/** @throws invalid for a tar that is none; forbidden for a Dockerfile outside; internal where it is not there, as dockerd */
export async function readContext(tar: Readable, directory: string, dockerfile: string): Promise<Context> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await unpackContext(tar, directory);
  const name = dockerfile || DEFAULT_NAME;
  const path =
    (await pathWithin(directory, name)) ??
    (name === DEFAULT_NAME ? await pathWithin(directory, name.toLowerCase()) : undefined);
  if (path === undefined) throw internal(`Cannot locate specified Dockerfile: ${name}`);
  const content = await readText(path, name);
  await dropIgnored(directory, relative(directory, path));
  return { directory, dockerfile: content };
}

/** Longer than any that people or their programs write; sparse files of any length cost nothing to send. */
export const LONGEST = 512 << 10;

/** @throws invalid for what is no text to be read whole */
async function readText(path: string, name: string): Promise<string> {
  const status = await stat(path);
  if (!status.isFile()) throw invalid(`failed to read ${name}: it is not a file`);
  if (status.size > LONGEST) throw invalid(`${name} has ${status.size} bytes, and may have ${LONGEST}`);
  return readFile(path, "utf8");
}

/** Links followed; undefined where there is none. @throws forbidden where it leads out */
async function pathWithin(directory: string, name: string): Promise<string | undefined> {
  const top = await realpath(directory);
  const outside = () => forbidden(`forbidden path outside the build context: ${name} (${join("/", name)})`);
  if (relative(top, join(top, name)).startsWith("..")) throw outside();
  try {
    const path = await realpath(join(top, name));
    if (relative(top, path).startsWith("..")) throw outside();
    return path;
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/**
 * As dockerd does: the client has left out what is ignored, and sent the Dockerfile and .dockerignore whether ignored
 * or not, since both are needed to get here.
 */
async function dropIgnored(directory: string, dockerfile: string): Promise<void> {
  const path = await pathWithin(directory, ".dockerignore");
  if (path === undefined) return;
  const ignored = ignoreMatcher(await readText(path, ".dockerignore"));
  for (const name of [".dockerignore", dockerfile]) {
    if (ignored(name) && existsSync(join(directory, name))) rmSync(join(directory, name));
  }
}
