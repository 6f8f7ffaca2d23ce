/** The files of an image archive, in a directory under numbers: their names come in any order and mean no path here. */
import * as fs from "node:fs";
import { join } from "node:path";
import { invalid } from "../../lib/errors.ts";
import { componentsOf } from "../../tar/contain.ts";
import { writePiece } from "../../tar/file.ts";
import { TarReader } from "../../tar/reader.ts";

/** Each image has some ten; more is an attack on memory. */
const MOST_FILES = 100_000;
/** What is read as a whole: manifests and configs. */
const LARGEST_DOCUMENT = 8 << 20;
/** As many links in a row as the kernel follows. */
const MOST_LINKS = 40;

interface Spooled {
  readonly path: string;
  readonly size: number;
}

export class Spool {
  readonly #files = new Map<string, Spooled>();
  readonly #links = new Map<string, string>();

  /** @throws invalid where the archive is damaged, cut short, or speaks of what is outside */
  static async of(source: AsyncIterable<Buffer>, directory: string): Promise<Spool> {
    const spool = new Spool();
    const reader = new TarReader(source);
    try {
      for (let entry = await reader.next(); entry; entry = await reader.next()) {
        const name = componentsOf(entry.name).join("/");
        spool.#forget(name);
        if (entry.type === "file") {
          const path = join(directory, String(spool.#files.size));
          await write(path, entry.size, reader);
          spool.#files.set(name, { path, size: entry.size });
        } else if (entry.type === "symlink") {
          spool.#links.set(name, targetOf(name, entry.linkname));
        } else if (entry.type === "hard-link") {
          spool.#links.set(name, componentsOf(entry.linkname).join("/"));
        } else if (entry.type !== "directory") {
          throw invalid(`${name} is a ${entry.type}, which no image archive has`);
        }
        if (spool.#files.size + spool.#links.size > MOST_FILES) {
          throw invalid(`more than ${MOST_FILES} files: this is no image archive`);
        }
      }
    } finally {
      await reader.close();
    }
    return spool;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** @throws invalid where there is no such file */
  sizeOf(name: string): number {
    return this.#get(name).size;
  }

  open(name: string): fs.ReadStream {
    return fs.createReadStream(this.#get(name).path, { highWaterMark: 1 << 18 });
  }

  /** @throws invalid where there is none, or it is too large to be a document */
  read(name: string): Buffer {
    const { path, size } = this.#get(name);
    if (size > LARGEST_DOCUMENT) throw invalid(`${name}: ${size} bytes are too many`);
    return fs.readFileSync(path);
  }

  /** @throws invalid where it is not JSON */
  json(name: string): unknown {
    const text = this.read(name).toString();
    try {
      return JSON.parse(text);
    } catch (thrown) {
      throw invalid(`${name}: not JSON`, thrown);
    }
  }

  /** Names of directories at the top. */
  directories(): string[] {
    const names = [...this.#files.keys(), ...this.#links.keys()];
    return [
      ...new Set(names.flatMap((name) => (name.includes("/") ? [name.slice(0, name.indexOf("/"))] : []))),
    ];
  }

  #forget(name: string): void {
    // A later entry takes the place of an earlier one. Its bytes stay until all of it goes.
    const old = this.#files.get(name);
    if (old) this.#files.set(`\0${this.#files.size}`, old);
    this.#files.delete(name);
    this.#links.delete(name);
  }

  #find(name: string): Spooled | undefined {
    let at = componentsOf(name).join("/");
    for (let links = 0; links < MOST_LINKS; links += 1) {
      const file = this.#files.get(at);
      if (file) return file;
      const next = this.#links.get(at);
      if (next === undefined) return undefined;
      at = next;
    }
    throw invalid(`too many links at ${name}`);
  }

  #get(name: string): Spooled {
    const file = this.#find(name);
    if (!file) throw invalid(`the archive speaks of a file ${name}, and has none`);
    return file;
  }
}

/** @throws invalid where it leads out of the archive */
function targetOf(name: string, linkname: string): string {
  if (linkname.startsWith("/")) throw invalid(`the link ${name} leads out of the archive: ${linkname}`);
  return componentsOf([...name.split("/").slice(0, -1), linkname].join("/")).join("/");
}

async function write(path: string, size: number, reader: TarReader): Promise<void> {
  const file = fs.openSync(path, "wx", 0o600);
  try {
    for (let piece = await reader.read(); piece; piece = await reader.read()) {
      await writePiece(file, piece, size);
    }
    fs.ftruncateSync(file, size);
  } finally {
    fs.closeSync(file);
  }
}
