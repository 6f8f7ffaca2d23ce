/**
 * What hides a name of the layers below. In archives it is an empty file (OCI image spec, "Layer", "Whiteouts");
 * on the disk it is what overlayfs takes for such (its documentation, "whiteouts and opaque directories").
 */
import type { Stats } from "node:fs";
import { getXattr, listXattrs } from "../../linux/xattr.ts";

/** In archives: before the name that is hidden. */
export const WHITEOUT = ".wh.";
/** In archives: a file in a directory that hides all that is below it. */
export const OPAQUE = ".wh..wh..opq";
/** Other names of this kind are aufs's own bookkeeping. */
export const RESERVED = ".wh..wh.";

/** On the disk: `y` on a directory that hides all that is below it; with `userxattr` of overlayfs the second. */
export const OPAQUE_ATTRIBUTE = "trusted.overlay.opaque";
const OPAQUE_ATTRIBUTES = [OPAQUE_ATTRIBUTE, "user.overlay.opaque"];
/** Overlayfs's own attributes: they mean nothing elsewhere. */
export const isOverlayAttribute = (name: string): boolean =>
  name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.");

/** On the disk: a character device 0/0. */
export const isWhiteout = (stat: Stats): boolean => stat.isCharacterDevice() && stat.rdev === 0;

export function isOpaque(directory: Buffer): boolean {
  const names = listXattrs(directory);
  return OPAQUE_ATTRIBUTES.some(
    (name) => names.includes(name) && getXattr(directory, name).toString("latin1") === "y",
  );
}
