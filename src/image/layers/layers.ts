/**
 * Layers on the disk, each in two directories named by its digest:
 *
 *     layers/<hex>    its files, as overlayfs takes them
 *     recipes/<hex>   how its tar is made again from them (recipe.ts); older layers have none
 *     l/<link>        a short name of the first
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { internal } from "../../lib/errors.ts";
import type { DiffID } from "../types.ts";
import type { LayerFiles } from "./tar-again.ts";
import type { Trash } from "./trash.ts";

/** What the store keeps of a layer. */
export interface LayerRecord {
  /** Bytes of all files. */
  readonly size: number;
  /** Its name in `l/`. Random: a short piece of the digest could be made to collide. */
  readonly link: string;
  /** Bytes of its tar; none of older layers, whose tars left no recipe. */
  readonly tar?: number;
  /** Whether its tar speaks of the root directory; unknown of older layers, which do. */
  readonly root?: boolean;
}

const hex = (diffId: DiffID): string => diffId.slice("sha256:".length);

export class Layers {
  readonly #directory: string;
  readonly #recipes: string;
  readonly #links: string;
  readonly #trash: Trash;

  constructor(root: string, trash: Trash) {
    this.#directory = join(root, "layers");
    this.#recipes = join(root, "recipes");
    this.#links = join(root, "l");
    this.#trash = trash;
  }

  /** Free what no record speaks of: a crash came between making it and recording it, or the reverse. */
  start(known: ReadonlyMap<DiffID, LayerRecord>): void {
    for (const path of [this.#directory, this.#recipes, this.#links]) {
      fs.mkdirSync(path, { recursive: true, mode: 0o710 });
    }
    for (const directory of [this.#directory, this.#recipes]) {
      for (const name of fs.readdirSync(directory)) {
        if (!known.has(`sha256:${name}` as DiffID)) this.#trash.discard(join(directory, name));
      }
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

  files(diffId: DiffID): LayerFiles {
    return { tree: this.path(diffId), recipe: join(this.#recipes, hex(diffId)) };
  }

  /** The short path: mount options of many layers must fit a page. */
  shortPath({ link }: LayerRecord): string {
    return join(this.#links, link);
  }

  /** Whether all that its record speaks of is there. */
  isWhole(diffId: DiffID, { tar }: LayerRecord): boolean {
    const { tree, recipe } = this.files(diffId);
    return fs.existsSync(tree) && (tar === undefined || fs.existsSync(recipe));
  }

  /** Put a whole layer in its place. Files that are there already, and perhaps mounted, are as good. */
  adopt(staged: LayerFiles, diffId: DiffID, link: string): void {
    const { tree, recipe } = this.files(diffId);
    const there = fs.existsSync(tree);
    if (!there || !fs.existsSync(recipe)) {
      this.#trash.discard(recipe);
      fs.renameSync(staged.recipe, recipe);
    }
    if (!there) fs.renameSync(staged.tree, tree);
    this.#makeLink(link, diffId);
  }

  newLink(): string {
    return randomBytes(6).toString("base64url");
  }

  remove(diffId: DiffID, { link }: LayerRecord): void {
    const { tree, recipe } = this.files(diffId);
    fs.rmSync(join(this.#links, link), { force: true });
    this.#trash.discard(tree);
    this.#trash.discard(recipe);
  }

  /** @throws internal where somebody deleted it */
  mustExist(diffId: DiffID): void {
    if (fs.existsSync(this.path(diffId))) return;
    throw internal(`layer ${diffId} is missing: no ${this.path(diffId)}: load or pull its image again`);
  }

  #makeLink(link: string, diffId: DiffID): void {
    const path = join(this.#links, link);
    if (fs.lstatSync(path, { throwIfNoEntry: false })) return;
    fs.symlinkSync(join("..", "layers", hex(diffId)), path);
  }
}
