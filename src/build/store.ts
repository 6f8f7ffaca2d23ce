/**
 * Images in the builder's store, read where they lie (containers/storage): of a result only the layers that are new
 * are read, where an export by the builder itself writes all of them, its base's included.
 *
 *     overlay-images/images.json       [{ id, layer }], the uppermost layer's id
 *     overlay-images/ID/=BASE64        what the image has under the name that is so encoded: its config is sha256:ID
 *     overlay-layers/layers.json       [{ id, parent, "diff-digest" }]
 *     overlay-layers/ID.tar-split.gz   lines of JSON: a layer's tar but for the contents of its files
 *     overlay/ID/diff                  those; with the vfs driver vfs/dir/ID
 */
import { createReadStream, existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { DiffID, IncomingImage } from "../image/types.ts";
import { internal } from "../lib/errors.ts";
import type { ImageID } from "../lib/ids.ts";

interface StoredImage {
  readonly id: string;
  readonly layer?: string;
}

interface StoredLayer {
  readonly id: string;
  readonly parent?: string;
  readonly "diff-digest"?: string;
}

/** A line of tar-split: a piece of the archive as it is (2), or a file whose content belongs there (1). */
interface Piece {
  readonly type: number;
  readonly name?: string;
  /** Base64, of a name that is no text. */
  readonly name_raw?: string;
  readonly size?: number;
  /** Base64; of a file its checksum. */
  readonly payload?: string | null;
}

const DRIVERS = [
  { name: "overlay", files: (storage: string, id: string) => join(storage, "overlay", id, "diff") },
  { name: "vfs", files: (storage: string, id: string) => join(storage, "vfs/dir", id) },
] as const;

/** @returns undefined where the store is not laid out as told above */
export async function storedImage(
  storage: string,
  image: ImageID,
): Promise<Pick<IncomingImage, "config" | "layers"> | undefined> {
  const driver = DRIVERS.find(({ name }) => existsSync(join(storage, `${name}-images/images.json`)));
  if (!driver) return undefined;
  const images = join(storage, `${driver.name}-images`);
  const layers = join(storage, `${driver.name}-layers`);
  const config = join(images, image.slice("sha256:".length), `=${Buffer.from(image).toString("base64")}`);
  const stored = (await readJson<StoredImage>(join(images, "images.json"))).find(
    ({ id }) => `sha256:${id}` === image,
  );
  if (!stored || !existsSync(config)) return undefined;
  const byId = new Map(
    (await readJson<StoredLayer>(join(layers, "layers.json"))).map((each) => [each.id, each]),
  );
  const chain = chainOf(stored.layer, byId);
  const whole = chain?.every(({ id }) => existsSync(join(layers, `${id}.tar-split.gz`)));
  if (!chain || !whole) return undefined;
  return {
    config: await readFile(config),
    layers: chain.map(({ id, diffId }) => ({
      diffId,
      open: async () => {
        const pieces = createReadStream(join(layers, `${id}.tar-split.gz`)).pipe(createGunzip());
        return Readable.from(tarOf(pieces, driver.files(storage, id)), { objectMode: false });
      },
    })),
  };
}

const readJson = async <T>(path: string): Promise<readonly T[]> =>
  existsSync(path) ? (JSON.parse(await readFile(path, "utf8")) as readonly T[]) : [];

/** Bottom first; undefined where one of them is not known. */
function chainOf(
  top: string | undefined,
  layers: ReadonlyMap<string, StoredLayer>,
): readonly { readonly id: string; readonly diffId: DiffID }[] | undefined {
  const chain: { id: string; diffId: DiffID }[] = [];
  for (let id = top; id; ) {
    const layer = layers.get(id);
    const digest = layer?.["diff-digest"];
    if (!layer || !digest?.startsWith("sha256:")) return undefined;
    chain.unshift({ id, diffId: digest as DiffID });
    id = layer.parent;
  }
  return chain;
}

/** A layer's tar, put together again. @throws internal where a file has not the size that it had */
export async function* tarOf(pieces: Readable, files: string): AsyncGenerator<Buffer> {
  for await (const line of createInterface({ input: pieces, crlfDelay: Number.POSITIVE_INFINITY })) {
    const { type, name = "", name_raw, size = 0, payload } = JSON.parse(line) as Piece;
    if (type === 2) yield Buffer.from(payload ?? "", "base64");
    else if (size > 0) {
      const bytes = name_raw === undefined ? Buffer.from(name) : Buffer.from(name_raw, "base64");
      yield* contentOf(Buffer.concat([Buffer.from(`${files}/`), bytes]), size);
    }
  }
}

async function* contentOf(path: Buffer, size: number): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const chunk of createReadStream(path)) {
    length += (chunk as Buffer).length;
    yield chunk as Buffer;
  }
  if (length !== size) throw internal(`${path}: ${length} bytes, and was stored with ${size}`);
}
