/**
 * A directory that an archive is unpacked into. Nobody else writes to it, so what was looked at stays so.
 * Calls are synchronous: each takes microseconds, a trip through the thread pool many times that.
 */
import * as fs from "node:fs";
import { type Found, resolveDirectory, type Tree } from "./contain.ts";
import { writePiece } from "./file.ts";
import type { Piece } from "./reader.ts";

/** From the tree's root. Names are byte strings: one character a byte. */
export type Path = readonly string[];

/** Whether `path` is `directory` itself, or lies below it. */
export const isWithin = (path: Path, directory: Path): boolean =>
  directory.every((part, i) => path[i] === part);

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = fs.constants;

export class ContainedTree implements Tree {
  readonly #root: string;
  /** The directory looked up last: archives go through a tree directory by directory. */
  #last: { readonly asked: string; readonly path: string[] } | undefined;

  constructor(root: string) {
    this.#root = root;
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
    if (this.find(path) === "missing") return;
    this.#last = undefined;
    fs.rmSync(this.at(path), { recursive: true, force: true });
  }

  symlink(path: Path, target: string): void {
    this.#last = undefined;
    fs.symlinkSync(Buffer.from(target, "latin1"), this.at(path));
  }

  hardLink(existing: Path, path: Path): void {
    fs.linkSync(this.at(existing), this.at(path));
  }

  /**
   * A new file.
   * @param size bytes, once it is whole
   * @param next the content, piece by piece; what no piece is about reads as zeros
   */
  async writeFile(path: Path, size: number, next: () => Promise<Piece | undefined>): Promise<void> {
    const file = fs.openSync(this.at(path), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
    try {
      for (let piece = await next(); piece; piece = await next()) await writePiece(file, piece, size);
      // A sparse file may end in a hole.
      fs.ftruncateSync(file, size);
    } finally {
      fs.closeSync(file);
    }
  }

  /** @param mtime seconds since 1970 */
  setTime(path: Path, mtime: number): void {
    fs.lutimesSync(this.at(path), mtime, mtime);
  }
}
