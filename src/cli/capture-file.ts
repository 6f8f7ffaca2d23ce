import { closeSync, constants, fstatSync, ftruncateSync, openSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf, messageOf } from "../lib/errors.ts";
import { ExitError } from "./errors.ts";

const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK, S_IWGRP, S_IWOTH } = constants;
/** The sticky bit, inode(7): only a file's owner may take it away. */
const S_ISVTX = 0o1000;

/**
 * A file for what passed through a network: for its owner alone, and in nobody's trap. Root writes into /tmp, where
 * everybody may have left a link to another's file, or a file of their own that they can read.
 * @returns its descriptor, the file empty
 * @throws ExitError
 */
export function openCaptureFile(path: string): number {
  const refusal = (why: string) => new ExitError(1, `cannot write packets to ${path}: ${why}`);
  let fd: number;
  try {
    fd = openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (thrown) {
    throw refusal(codeOf(thrown) === "ELOOP" ? "it is a symbolic link" : messageOf(thrown));
  }
  try {
    const file = fstatSync(fd);
    if (!file.isFile()) throw refusal("it is no regular file; to write into a pipe, use -w - and the shell");
    if (isTrap(file, statSync(dirname(path)))) {
      throw refusal("it is another user's, in a directory that all may write to");
    }
    ftruncateSync(fd);
    return fd;
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** As the kernel has it where fs.protected_regular is on; and a second name of a file from elsewhere. */
function isTrap(file: Stats, directory: Stats): boolean {
  const shared = (directory.mode & S_ISVTX) !== 0 && (directory.mode & (S_IWGRP | S_IWOTH)) !== 0;
  const foreign = file.uid !== process.geteuid?.() && file.uid !== directory.uid;
  return shared && (foreign || file.nlink > 1);
}
