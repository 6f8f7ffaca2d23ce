/**
 * What hides a name of the layers below. In archives it is an empty file (OCI image spec, "Layer", "Whiteouts");
 * on the disk it is what overlayfs takes for such (its documentation, "whiteouts and opaque directories").
 */
import * as fs from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { makeNode } from "../../linux/mknod.ts";
import { getXattr, listXattrs, setXattr } from "../../linux/xattr.ts";

/** In archives: before the name that is hidden. */
export const WHITEOUT = ".wh.";
/** In archives: a file in a directory that hides all that is below it. */
export const OPAQUE = ".wh..wh..opq";
/** Other names of this kind are aufs's own bookkeeping. */
export const RESERVED = ".wh..wh.";

/** On the disk: `y` on a directory that hides all that is below it; with `userxattr` of overlayfs the second. */
const OPAQUE_ATTRIBUTE = "trusted.overlay.opaque";
const OPAQUE_ATTRIBUTES = [OPAQUE_ATTRIBUTE, "user.overlay.opaque"];
/** Overlayfs's own attributes: they mean nothing elsewhere. */
export const isOverlayAttribute = (name: string): boolean =>
  name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.");

/** On the disk: a character device 0/0. */
export const isWhiteout = (stat: fs.Stats): boolean => stat.isCharacterDevice() && stat.rdev === 0;

/**
 * Where overlayfs can't be used because the data root is on one, its marks can't be made either: then they are files,
 * as in archives. @returns the name that is hidden
 */
export const hiddenBy = (name: string): string | undefined =>
  name.startsWith(WHITEOUT) ? name.slice(WHITEOUT.length) : undefined;

export function isOpaque(directory: Buffer): boolean {
  const names = listXattrs(directory);
  const said = OPAQUE_ATTRIBUTES.some(
    (name) => names.includes(name) && getXattr(directory, name).toString("latin1") === "y",
  );
  return said || fs.existsSync(Buffer.concat([directory, Buffer.from(`/${OPAQUE}`)]));
}

/** Hide the name `path`, where nothing is. */
export function makeWhiteout(path: Buffer): void {
  try {
    makeNode(path, "character-device", 0, 0);
  } catch (thrown) {
    if (!isRefused(thrown)) throw thrown;
    const slash = path.lastIndexOf("/") + 1;
    const mark = [path.subarray(0, slash), Buffer.from(WHITEOUT), path.subarray(slash)];
    fs.writeFileSync(Buffer.concat(mark), "");
  }
}

/** Hide what other layers have in the directory at `path`. */
export function makeOpaque(path: Buffer): void {
  try {
    setXattr(path, OPAQUE_ATTRIBUTE, Buffer.from("y"));
  } catch (thrown) {
    if (!isRefused(thrown)) throw thrown;
    fs.writeFileSync(Buffer.concat([path, Buffer.from(`/${OPAQUE}`)]), "");
  }
}

const isRefused = (thrown: unknown): boolean => ["EPERM", "EOPNOTSUPP"].includes(codeOf(thrown) ?? "");
