/**
 * Paths inside a container's root filesystem. What lies in it was written by strangers: a link to
 * `/etc/shadow` must lead to the container's file and never to the host's.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";
import { codeOf, inContext, invalid } from "../../lib/errors.ts";

/** As many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/** More than any real passwd or group file; what is larger was made to hurt. */
const MAX_BYTES = 4 << 20;

/** Below a file there is nothing, as there is nothing below what does not exist. */
function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (thrown) {
    if (isAbsence(thrown)) return undefined;
    if (codeOf(thrown) === "ENAMETOOLONG") throw invalid("a path's name is too long (ENAMETOOLONG)", thrown);
    throw thrown;
  }
}

/**
 * Where `path` of the container lies on the host: every link is read as if `root` were `/`. Components that
 * don't exist are taken as they are.
 * @throws invalid for a loop of links
 */
export function resolveInRoot(root: string, path: string): string {
  const pending = path.split("/").reverse();
  const done: string[] = [];
  let links = 0;
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const here = join(root, ...done, part);
    if (!lstatOf(here)?.isSymbolicLink()) {
      done.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS)
      throw invalid(`${path}: too many levels of symbolic links in the container (ELOOP)`);
    const target = readlinkSync(here);
    if (target.startsWith("/")) done.length = 0;
    pending.push(...target.split("/").reverse());
  }
  return join(root, ...done);
}

/**
 * The text of a container's file; undefined where there is none, or it is no plain file. The container may be
 * running and swap a directory for a link meanwhile, so what was opened is asked where it really is.
 * @throws invalid where it lies outside or is too large
 */
export function readInRoot(root: string, path: string): string | undefined {
  let descriptor: number;
  try {
    // Not blocking: the file may be a pipe that nobody writes.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
    descriptor = openSync(resolveInRoot(root, path), flags);
  } catch (thrown) {
    if (isAbsence(thrown)) return undefined;
    throw thrown;
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return undefined;
    const real = readlinkSync(`/proc/self/fd/${descriptor}`);
    if (!real.startsWith(`${realpathSync(root)}/`)) throw invalid(`${path} leads out of the container`);
    if (stats.size > MAX_BYTES) throw invalid(`${path} of the container is too large: ${stats.size} bytes`);
    const bytes = Buffer.alloc(stats.size);
    return bytes.subarray(0, readSync(descriptor, bytes)).toString("utf8");
  } finally {
    closeSync(descriptor);
  }
}

/** ELOOP: a link took the file's place between looking and opening. */
function isAbsence(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "ENXIO";
}

/** Make a directory of the container with its parents. Only while nothing in it runs. @throws invalid */
export function makeDirectoryInRoot(root: string, path: string): void {
  const target = resolveInRoot(root, path);
  const stats = lstatOf(target);
  if (stats?.isDirectory()) return;
  if (stats) throw invalid(`Cannot mkdir: ${path} is not a directory`);
  try {
    mkdirSync(target, { recursive: true, mode: 0o755 });
  } catch (thrown) {
    if (codeOf(thrown) === "ENOTDIR") throw invalid(`Cannot mkdir: ${path} is not a directory`, thrown);
    throw inContext(`make the directory ${path} in the container`, thrown);
  }
}
