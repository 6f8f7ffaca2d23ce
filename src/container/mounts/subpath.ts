/** A path within a volume. Containers write volumes, so a link in one must not lead out of it. */
import { closeSync, constants, openSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { codeOf, invalid, messageOf, notFound } from "../../lib/errors.ts";
import { mountPlace, type Place } from "./places.ts";

/** fcntl.h; Node has no name for it. */
const O_PATH = 0o10000000;

/** Something held by a descriptor: whatever is renamed meanwhile, `path` means the same to this process. */
export interface Opened extends Disposable {
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

/**
 * The same, mounted for as long as the runtime needs to mount it on: it can't take a descriptor of another mount
 * namespace than its own.
 * @throws as `openSubpath`; KernelError
 */
export function mountSubpath(execRoot: string, volume: string, subpath: string): Place {
  using opened = openSubpath(volume, subpath);
  return mountPlace(execRoot, opened.path, { recursive: true });
}
