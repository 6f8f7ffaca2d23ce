/** Layers as directories named by their digest: `layers/<hex>`, and short names for them in `l/`. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { internal } from "../../lib/errors.ts";
import type { DiffID } from "../types.ts";
import type { Trash } from "./trash.ts";

/** What the store keeps of a layer. */
export interface LayerRecord {
  /** Bytes of all files. */
  readonly size: number;
  /** Its name in `l/`. Random: a short piece of the digest could be made to collide. */
  readonly link: string;
}

const hex = (diffId: DiffID): string => diffId.slice("sha256:".length);

export class Layers {
  readonly #directory: string;
  readonly #links: string;
  readonly #trash: Trash;

  constructor(root: string, trash: Trash) {
    this.#directory = join(root, "layers");
    this.#links = join(root, "l");
    this.#trash = trash;
  }

  /** Free what no record speaks of: a crash came between making it and recording it, or the reverse. */
  start(known: ReadonlyMap<DiffID, LayerRecord>): void {
    for (const path of [this.#directory, this.#links]) fs.mkdirSync(path, { recursive: true, mode: 0o710 });
    for (const name of fs.readdirSync(this.#directory)) {
      if (!known.has(`sha256:${name}` as DiffID)) this.#trash.discard(join(this.#directory, name));
    }
    const links = new Map([...known].map(([diffId, { link }]) => [link, diffId]));
    for (const name of fs.readdirSync(this.#links)) {
      if (!links.delete(name)) fs.unlinkSync(join(this.#links, name));
    }
    for (const [link, diffId] of links) this.#makeLink(link, diffId);
  }

  path(diffId: DiffID): string {
    return join(this.#directory, hex(diffId));
  }

  /** The short path: mount options of many layers must fit a page. */
  shortPath({ link }: LayerRecord): string {
    return join(this.#links, link);
  }

  /** Put a whole layer in its place. One that is there already is as good. */
  adopt(staged: string, diffId: DiffID, link: string): void {
    if (fs.existsSync(this.path(diffId))) this.#trash.discard(staged);
    else fs.renameSync(staged, this.path(diffId));
    this.#makeLink(link, diffId);
  }

  newLink(): string {
    return randomBytes(6).toString("base64url");
  }

  remove(diffId: DiffID, { link }: LayerRecord): void {
    fs.rmSync(join(this.#links, link), { force: true });
    this.#trash.discard(this.path(diffId));
  }

  /** @throws internal where somebody deleted it */
  mustExist(diffId: DiffID): void {
    if (fs.existsSync(this.path(diffId))) return;
    throw internal(`layer ${diffId} is missing: no ${this.path(diffId)}: import or load its image again`);
  }

  #makeLink(link: string, diffId: DiffID): void {
    const path = join(this.#links, link);
    if (fs.lstatSync(path, { throwIfNoEntry: false })) return;
    fs.symlinkSync(join("..", "layers", hex(diffId)), path);
  }
}
