/** A path within a volume. Containers write volumes, so a link in one must not lead out of it. */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { codeOf, invalid, messageOf, notFound } from "../lib/errors.ts";
import { randomHex } from "../lib/ids.ts";
import { bindMount, mountsUnder, unmount } from "../linux/mount.ts";

/** fcntl.h; Node has no name for it. */
const O_PATH = 0o10000000;

/** Something held by a descriptor: whatever is renamed meanwhile, `path` means the same. */
export interface Opened extends Disposable {
  /** For this process; of a mount, for any in its mount namespace. Until it is disposed of. */
  readonly path: string;
}

/**
 * What was opened is asked where it really is: a link may have been put in its way at any moment.
 * @throws not-found, invalid in Docker's words
 */
export function openSubpath(volume: string, subpath: string): Opened {
  const path = join(volume, subpath);
  const descriptor = open(path);
  try {
    const base = realpathSync(volume);
    const real = readlinkSync(`/proc/self/fd/${descriptor}`);
    if (real !== base && !real.startsWith(`${base}/`)) {
      throw invalid(`path concatenation escapes the base directory, base: ${base}, subpath: ${subpath}`);
    }
  } catch (thrown) {
    closeSync(descriptor);
    throw thrown;
  }
  return {
    path: `/proc/self/fd/${descriptor}`,
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

function open(path: string): number {
  try {
    // It is named only, not opened: no device, no pipe.
    return openSync(path, O_PATH | constants.O_RDONLY);
  } catch (thrown) {
    const absent = ["ENOENT", "ENOTDIR", "ELOOP", "EACCES"].includes(codeOf(thrown) ?? "");
    throw absent ? notFound(`cannot access path ${path}: ${messageOf(thrown)}`, thrown) : thrown;
  }
}

/** `EXEC_ROOT/subpaths`: what is mounted there leads into volumes, so nothing in it is ever removed recursively. */
const placesOf = (execRoot: string): string => join(execRoot, "subpaths");

/**
 * The same, mounted for as long as the runtime needs to mount it on: it can't take a descriptor of another mount
 * namespace than its own.
 * @throws as `openSubpath`; KernelError
 */
export function mountSubpath(execRoot: string, volume: string, subpath: string): Opened {
  using opened = openSubpath(volume, subpath);
  const places = placesOf(execRoot);
  mkdirSync(places, { recursive: true, mode: 0o700 });
  const path = join(places, randomHex(16));
  const isDirectory = statSync(opened.path).isDirectory();
  if (isDirectory) mkdirSync(path);
  else writeFileSync(path, "", { flag: "wx" });
  const remove = () => (isDirectory ? rmdirSync(path) : unlinkSync(path));
  try {
    bindMount(opened.path, path, { recursive: true });
  } catch (thrown) {
    remove();
    throw thrown;
  }
  return {
    path,
    [Symbol.dispose]: () => {
      unmount(path, { lazy: true });
      remove();
    },
  };
}

/** What an engine left that died meanwhile. */
export function clearSubpaths(execRoot: string): void {
  const places = placesOf(execRoot);
  for (const { target } of mountsUnder(places)) unmount(target, { lazy: true });
  for (const entry of entriesOf(places)) {
    const path = join(places, entry.name);
    if (entry.isDirectory()) rmdirSync(path);
    else unlinkSync(path);
  }
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
