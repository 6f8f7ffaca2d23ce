/** One directory tree out of layers, by overlayfs (kernel documentation, "Overlay Filesystem"). */
import * as fs from "node:fs";
import { join } from "node:path";
import { internal, messageOf } from "../../lib/errors.ts";
import { detach } from "../../linux/detach.ts";
import { KernelError } from "../../linux/ffi.ts";
import { mountWithOptions } from "../../linux/fsmount.ts";
import { mount } from "../../linux/mount.ts";

export interface Overlay {
  /** Top first, as `lowerdir` has them. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
}

/** mount(2) takes one page of options, with its NUL. */
const LONGEST_OPTIONS = 4095;
/** OVL_MAX_STACK of fs/overlayfs/params.h. */
const MOST_LAYERS = 500;

/** A path within overlayfs's options: a colon separates layers, a comma options. */
const escaped = (path: string): string => path.replace(/[\\:,]/g, "\\$&");

/**
 * What this kernel might do of its own accord, and must not. With an index, an upper directory could not be mounted
 * again while a lazily unmounted one lives on, nor over a layer that was imported anew. With the others, an upper
 * directory would not hold all that a container changed. Older kernels don't know the options.
 */
const OFF = ["index", "redirect_dir", "metacopy"].filter((name) =>
  fs.existsSync(`/sys/module/overlay/parameters/${name}`),
);

export const overlayOptions = ({ lower, upper, work }: Overlay): string =>
  `lowerdir=${lower.map(escaped).join(":")},upperdir=${escaped(upper)},workdir=${escaped(work)}`;

/** @throws KernelError; internal where there are more layers than this kernel can put together */
export function mountOverlay(overlay: Overlay): void {
  const data = [overlayOptions(overlay), ...OFF.map((name) => `${name}=off`)].join(",");
  if (Buffer.byteLength(data) <= LONGEST_OPTIONS) {
    mount({ source: "overlay", target: overlay.merged, type: "overlay", data });
    return;
  }
  const { length } = overlay.lower;
  if (length > MOST_LAYERS) {
    throw internal(`an image of ${length} layers: overlayfs takes ${MOST_LAYERS} at most`);
  }
  try {
    mountWithOptions("overlay", overlay.merged, [
      ...overlay.lower.map((path) => ["lowerdir+", path] as const),
      ["upperdir", overlay.upper],
      ["workdir", overlay.work],
      ...OFF.map((name) => [name, "off"] as const),
    ]);
  } catch (thrown) {
    const old = thrown instanceof KernelError && ["ENOSYS", "EINVAL"].includes(thrown.code);
    if (!old) throw thrown;
    throw internal(
      `an image of ${length} layers is too deep here: their paths must fit a page of 4096 bytes before ` +
        "Linux 6.7: flatten it with export and import, or choose a shorter data root",
      thrown,
    );
  }
}

/** Why overlayfs can't be mounted with its upper directory under `directory`; undefined where it can. */
export async function probeOverlay(directory: string): Promise<string | undefined> {
  const at = (name: string) => join(directory, name);
  const overlay = { lower: [at("lower")], upper: at("upper"), work: at("work"), merged: at("merged") };
  for (const name of ["lower", "upper", "work", "merged"]) fs.mkdirSync(at(name));
  try {
    mountOverlay(overlay);
  } catch (thrown) {
    return messageOf(thrown);
  }
  await detach(overlay.merged);
  return undefined;
}

/** A file system of its own is mounted on `path`. Cheaper than reading the table of all mounts. */
export function isMountpoint(path: string): boolean {
  const here = fs.statSync(path, { throwIfNoEntry: false });
  return here !== undefined && here.dev !== fs.statSync(join(path, "..")).dev;
}
