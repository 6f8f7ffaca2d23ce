/** A layer's directory while it is being unpacked. */

import * as fs from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import { makeNode } from "../../linux/mknod.ts";
import { setXattr } from "../../linux/xattr.ts";
import { ContainedTree, type Path } from "../../tar/contained-tree.ts";
import type { Attributes } from "../../tar/entry.ts";
import { isWhiteout, makeOpaque, makeWhiteout, WHITEOUT } from "./whiteout.ts";

export class LayerTree extends ContainedTree {
  readonly #lose: (path: string, real: Buffer) => void;

  /** @param lose told of each file with content that is about to go; it may take it away */
  constructor(root: string, lose: (path: string, real: Buffer) => void) {
    super(root);
    this.#lose = lose;
  }

  override clear(path: Path): void {
    if (this.find(path) !== "missing") this.#loseBelow(path);
    super.clear(path);
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

  node(path: Path, type: "character-device" | "block-device" | "fifo", major: number, minor: number): void {
    makeNode(this.at(path), type, major, minor);
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
