/**
 * A layer's directory while it is being unpacked. Nobody else writes to it, so what was looked at stays so.
 * Calls are synchronous: each takes microseconds, a trip through the thread pool many times that.
 */

import * as fs from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { makeNode } from "../../linux/mknod.ts";
import { setXattr } from "../../linux/xattr.ts";
import type { Found, Tree } from "../../tar/contain.ts";
import { resolveDirectory } from "../../tar/contain.ts";
import { isWhiteout, makeOpaque, makeWhiteout, WHITEOUT } from "./whiteout.ts";

/** Owner, mode, times and attributes of what has just been made. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

type Path = readonly string[];

export class LayerTree implements Tree {
  readonly #root: string;
  /** The directory looked up last: archives go through a tree directory by directory. */
  #last: { readonly asked: string; readonly path: string[] } | undefined;

  readonly #lose: (path: string, real: Buffer) => void;

  /** @param lose told of each file with content that is about to go; it may take it away */
  constructor(root: string, lose: (path: string, real: Buffer) => void) {
    this.#root = root;
    this.#lose = lose;
  }

  /** The real path, in bytes. */
  at(path: Path): Buffer {
    return Buffer.concat([
      Buffer.from(path.length > 0 ? `${this.#root}/` : this.#root),
      Buffer.from(path.join("/"), "latin1"),
    ]);
  }

  find(path: Path): Found {
    const stat = fs.lstatSync(this.at(path), { throwIfNoEntry: false });
    if (!stat) return "missing";
    if (stat.isDirectory()) return "directory";
    return stat.isSymbolicLink() ? { link: fs.readlinkSync(this.at(path), "latin1") } : "other";
  }

  /** Whether it is a directory, and all on the way to it are. */
  isDirectory(path: Path): boolean {
    return path.every((_, i) => this.find(path.slice(0, i + 1)) === "directory");
  }

  makeDirectory(path: Path): void {
    fs.mkdirSync(this.at(path), 0o755);
    fs.chmodSync(this.at(path), 0o755); // whatever the umask
  }

  /** Where the thing of this name is or belongs: links on the way are followed, the last component is not. */
  place(components: Path): string[] {
    const name = components.at(-1);
    if (name === undefined) return [];
    const parent = components.slice(0, -1);
    const asked = parent.join("/");
    if (this.#last?.asked !== asked) this.#last = { asked, path: resolveDirectory(this, parent) };
    return [...this.#last.path, name];
  }

  /** Make room for something new: what is there goes, with all below it. */
  clear(path: Path): void {
    const found = this.find(path);
    if (found === "missing") return;
    this.#last = undefined;
    this.#loseBelow(path);
    fs.rmSync(this.at(path), { recursive: true, force: true });
  }

  #loseBelow(path: Path): void {
    const real = this.at(path);
    const stat = fs.lstatSync(real);
    if (stat.isFile() && stat.size > 0) this.#lose(path.join("/"), real);
    if (!stat.isDirectory()) return;
    for (const name of fs.readdirSync(real, { encoding: "latin1" })) this.#loseBelow([...path, name]);
  }

  /** Whether the name is hidden. */
  isWhiteout(path: Path): boolean {
    const stat = fs.lstatSync(this.at(path), { throwIfNoEntry: false });
    return stat ? isWhiteout(stat) : fs.existsSync(this.at([...path.slice(0, -1), WHITEOUT + path.at(-1)]));
  }

  whiteout(path: Path): void {
    makeWhiteout(this.at(path));
  }

  symlink(path: Path, target: string): void {
    this.#last = undefined;
    fs.symlinkSync(Buffer.from(target, "latin1"), this.at(path));
  }

  hardLink(existing: Path, path: Path): void {
    fs.linkSync(this.at(existing), this.at(path));
  }

  node(path: Path, type: "character-device" | "block-device" | "fifo", major: number, minor: number): void {
    makeNode(this.at(path), type, major, minor);
  }

  /** A new file, open for writing. */
  openNew(path: Path): number {
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = fs.constants;
    return fs.openSync(this.at(path), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
  }

  /**
   * In this order: a change of owner takes setuid and capabilities away, and the time comes last.
   * @returns names of attributes that the file system does not support
   */
  setAttributes(path: Path, attributes: Attributes, symlink: boolean): string[] {
    const real = this.at(path);
    fs.lchownSync(real, attributes.uid, attributes.gid);
    if (!symlink) fs.chmodSync(real, attributes.mode);
    const refused = [...attributes.xattrs].filter(([name, value]) => !this.#setXattr(real, name, value));
    fs.lutimesSync(real, attributes.mtime, attributes.mtime);
    return refused.map(([name]) => name);
  }

  setTime(path: Path, mtime: number): void {
    fs.lutimesSync(this.at(path), mtime, mtime);
  }

  makeOpaque(path: Path): void {
    makeOpaque(this.at(path));
  }

  #setXattr(path: Buffer, name: string, value: Buffer): boolean {
    try {
      setXattr(path, name, value);
      return true;
    } catch (thrown) {
      const code = codeOf(thrown);
      // Users' attributes are for files and directories only (xattr(7)).
      if (code === "EOPNOTSUPP" || (code === "EPERM" && name.startsWith("user."))) return false;
      throw thrown;
    }
  }
}
