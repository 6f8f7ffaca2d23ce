/** What `docker cp` is asked for, found. */

import { closeSync, fstatSync, type Stats } from "node:fs";
import { posix } from "node:path";
import { toBytes, toText } from "../../lib/byte-names.ts";
import { codeOf } from "../../lib/errors.ts";
import { openInRoot } from "../../linux/openat2.ts";
import type { PathStat } from "../types.ts";
import { withDescriptor } from "./descriptors.ts";
import { missing, unreachable } from "./failure.ts";
import { goFileMode } from "./file-mode.ts";
import { followLinks } from "./links.ts";
import { type Asked, askedPath, baseOf } from "./naming.ts";
import { isKernels, type View } from "./view.ts";

export interface Found {
  /** As by O_PATH; whoever asked closes it. */
  readonly descriptor: number;
  readonly asked: Asked;
  readonly stats: Stats;
  readonly stat: PathStat;
}

/**
 * A link itself, unless the path says by its end that it wants a directory.
 * @param given as the client wrote it; `container` likewise: they are in the errors
 * @throws not-found; internal: `lstat x: not a directory`
 */
export function find(view: View, given: string, container: string): Found {
  const asked = askedPath(toBytes(given));
  let descriptor: number;
  try {
    descriptor = openInRoot(view.root, asked.path, { follow: asked.directory, directory: asked.directory });
  } catch (thrown) {
    if (isBehindKernels(view.root, asked.path)) throw missing(given, container);
    throw unreachable(thrown, asked, given, container);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isDirectory() && isKernels(descriptor)) throw missing(given, container);
    const mtimeNs = fstatSync(descriptor, { bigint: true }).mtimeNs;
    const stat: PathStat = {
      name: toText(baseOf(toBytes(given))),
      size: stats.size,
      mode: goFileMode(stats.mode),
      mtime: rfc3339(mtimeNs),
      linkTarget: stats.isSymbolicLink() ? toText(followLinks(view.root, asked.path)) : "",
    };
    return { descriptor, asked, stats, stat };
  } catch (thrown) {
    closeSync(descriptor);
    throw thrown;
  }
}

/** Whether the way to `path` goes on from what the kernel makes up, such as /proc/1/root: nobody is led through that. */
export function isBehindKernels(root: number, path: string): boolean {
  for (let at = posix.dirname(path); at !== "/" && at !== "."; at = posix.dirname(at)) {
    try {
      return withDescriptor(openInRoot(root, at), isKernels);
    } catch (thrown) {
      if (codeOf(thrown) === undefined) throw thrown;
    }
  }
  return false;
}

/** As Go writes a time: as many digits of the second as it takes. */
function rfc3339(nanoseconds: bigint): string {
  const second = 1_000_000_000n;
  const fraction = ((nanoseconds % second) + second) % second;
  const whole = new Date(Number((nanoseconds - fraction) / 1_000_000n)).toISOString().slice(0, 19);
  const digits = String(fraction).padStart(9, "0").replace(/0+$/, "");
  return `${whole}${digits && `.${digits}`}Z`;
}
