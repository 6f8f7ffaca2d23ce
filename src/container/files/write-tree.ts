/**
 * Changes to a container's tree while the container may be at work in it: each is made by name in a directory that a
 * descriptor holds, and owner, mode and times go to what a descriptor names. A directory that is swapped for a link
 * meanwhile leads nobody astray: the link is followed within the container's root, or not at all.
 */

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { toText } from "../../lib/byte-names.ts";
import { codeOf, invalid } from "../../lib/errors.ts";
import { makeNode } from "../../linux/mknod.ts";
import { childOf, openBeneath, pathOf } from "../../linux/openat2.ts";
import { setXattrOf } from "../../linux/xattr.ts";
import type { Attributes } from "../../tar/entry.ts";
import { withDescriptor } from "./descriptors.ts";

/** What a name in a directory is; undefined for nothing. */
export function lookAt(directory: number, name: string): Stats | undefined {
  try {
    return withDescriptor(openBeneath(directory, name), (found) => fstatSync(found));
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

/** Deeper than any real tree: one that deep was made to hurt. */
const DEEPEST = 500;

/** With all below it. What is gone by then is no failure. @throws with errno; EBUSY for a mount */
export function removeTree(directory: number, name: string, depth = 0): void {
  if (depth > DEEPEST) throw invalid(`remove ${toText(name)}: more than ${DEEPEST} directories deep`);
  if (!lookAt(directory, name)?.isDirectory()) {
    unlessGone(() => unlinkSync(childOf(directory, name)));
    return;
  }
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  const opened = openSync(childOf(directory, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  withDescriptor(opened, (inner) => {
    for (const each of readdirSync(pathOf(inner), { encoding: "latin1" })) removeTree(inner, each, depth + 1);
  });
  unlessGone(() => rmdirSync(childOf(directory, name)));
}

function unlessGone(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw thrown;
  }
}

export const makeDirectory = (directory: number, name: string): void =>
  mkdirSync(childOf(directory, name), 0o755);

/** A new file, open for writing. @throws EEXIST */
export function openNew(directory: number, name: string): number {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  return openSync(childOf(directory, name), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
}

export const makeLink = (directory: number, name: string, target: string): void =>
  symlinkSync(Buffer.from(target, "latin1"), childOf(directory, name));

/** A link as the other name is linked itself. */
export const makeHardLink = (from: number, existing: string, directory: number, name: string): void =>
  linkSync(childOf(from, existing), childOf(directory, name));

export const makeSpecial = (
  directory: number,
  name: string,
  type: "character-device" | "block-device" | "fifo",
  major: number,
  minor: number,
): void => makeNode(childOf(directory, name), type, major, minor);

/**
 * In this order: a change of owner takes setuid and capabilities away, and the time comes last.
 * @param descriptor as by O_PATH, or open
 */
export function setAttributes(descriptor: number, given: Attributes): void {
  const path = pathOf(descriptor);
  chownSync(path, given.uid, given.gid);
  if (!fstatSync(descriptor).isSymbolicLink()) chmodSync(path, given.mode);
  for (const [name, value] of given.xattrs) setXattr(descriptor, name, value);
  utimesSync(path, given.mtime, given.mtime);
}

/** As Docker: what the engine may not set is left out; what the file system has no room for is an error. */
function setXattr(descriptor: number, name: string, value: Buffer): void {
  try {
    setXattrOf(descriptor, name, value);
  } catch (thrown) {
    if (codeOf(thrown) !== "EPERM") throw thrown;
  }
}

/** Where it is still what it was. */
export function setTime(directory: number, name: string, mtime: number): void {
  if (!lookAt(directory, name)?.isDirectory()) return;
  withDescriptor(openBeneath(directory, name), (found) => utimesSync(pathOf(found), mtime, mtime));
}

/** The name's own descriptor, where it is of the kind that has just been made. @throws invalid where it was swapped */
export function reopen(directory: number, name: string, is: (stats: Stats) => boolean): number {
  const descriptor = openBeneath(directory, name);
  if (is(fstatSync(descriptor))) return descriptor;
  closeSync(descriptor);
  throw invalid(`${toText(name)} was replaced while it was written`);
}
