/** Images to the builder's store and from it, by directories of blobs (containers-transports(5), "dir:path"). */
import { createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DiffID, Image, Images, IncomingImage, OutgoingImage } from "../image/types.ts";
import { internal } from "../lib/errors.ts";
import type { ImageID } from "../lib/ids.ts";
import { KeyedMutex } from "../lib/mutex.ts";
import type { Buildah } from "./buildah.ts";
import { storedImage } from "./store.ts";

export interface TransferOptions {
  readonly buildah: Buildah;
  readonly images: Images;
  /** Where the directories are made; each is gone when its image has arrived. */
  readonly directory: string;
}

/** Docker image manifest, version 2, schema 2: the form that loses nothing of Docker's config. */
const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG = "application/vnd.docker.container.image.v1+json";
const LAYER = "application/vnd.docker.image.rootfs.diff.tar";
const VERSION = "Directory Transport Version: 1.1\n";

const hexOf = (digest: string): string => digest.replace(/^sha256:/, "");

/** The manifest of an image whose layers go as they are, uncompressed. */
export function manifestOf(
  id: ImageID,
  configSize: number,
  layers: readonly { readonly diffId: DiffID; readonly size: number }[],
): object {
  return {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, size: configSize, digest: id },
    layers: layers.map(({ diffId, size }) => ({ mediaType: LAYER, size, digest: diffId })),
  };
}

export class Transfer {
  readonly #options: TransferOptions;
  readonly #one = new KeyedMutex<ImageID>();

  constructor(options: TransferOptions) {
    this.#options = options;
  }

  /** Have the builder know an image of the engine's; once for each. */
  bring(image: ImageID): Promise<void> {
    return this.#one.run(image, async () => {
      if (this.#has(image)) return;
      await this.#within(async (directory) => {
        await writeImage(directory, image, await this.#options.images.contents(image));
        await this.#options.buildah.read(...this.#policy("pull"), "--quiet", `dir:${directory}`);
      });
      if (!this.#has(image)) throw internal(`the builder has taken in ${image}, and has no image by that id`);
    });
  }

  /** Take a built image over: layers that are here are not read again. */
  async take(image: ImageID, parent: ImageID | undefined): Promise<Image> {
    const { buildah, images } = this.#options;
    const rest = { references: [], ...(parent !== undefined && { parent }) };
    const stored = await storedImage(buildah.storage, image);
    return stored ? images.add({ ...stored, ...rest }) : this.#export(image, rest);
  }

  /** All of its layers are written out: for a store of which nothing is known but what the builder itself does. */
  #export(image: ImageID, rest: Pick<IncomingImage, "references" | "parent">): Promise<Image> {
    return this.#within(async (directory) => {
      const { buildah, images } = this.#options;
      // Uncompressed: a layer's digest is its diffID then.
      const push = ["--quiet", "--disable-compression", "--format", "v2s2", hexOf(image), `dir:${directory}`];
      await buildah.read(...this.#policy("push"), ...push);
      const config = await readFile(join(directory, hexOf(image)));
      // An image without files has no list of layers.
      const { rootfs } = JSON.parse(config.toString()) as { rootfs: { diff_ids?: readonly DiffID[] } };
      const layers = (rootfs.diff_ids ?? []).map((diffId) => ({
        diffId,
        open: async () => createReadStream(join(directory, hexOf(diffId))),
      }));
      return images.add({ config, layers, ...rest });
    });
  }

  /** All digits of an image in the builder's store, from its first; undefined where there is none. */
  completeId(prefix: string): string | undefined {
    return this.ids().find((id) => id.startsWith(prefix));
  }

  /** Of all images there, intermediate ones included: containers/storage keeps a directory for each image, named by its id. */
  ids(): string[] {
    const directories = ["overlay-images", "vfs-images"].map((name) =>
      join(this.#options.buildah.storage, name),
    );
    return directories
      .filter((path) => existsSync(path))
      .flatMap((path) => readdirSync(path).filter((name) => /^[0-9a-f]{64}$/.test(name)));
  }

  #has(image: ImageID): boolean {
    return this.ids().includes(hexOf(image));
  }

  #policy(verb: string): string[] {
    return [verb, "--signature-policy", this.#options.buildah.settings("policy.json")];
  }

  async #within<T>(work: (directory: string) => Promise<T>): Promise<T> {
    mkdirSync(this.#options.directory, { recursive: true });
    const directory = await mkdtemp(join(this.#options.directory, "image-"));
    try {
      return await work(directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

async function writeImage(directory: string, id: ImageID, contents: OutgoingImage): Promise<void> {
  const { config, layers } = contents;
  await writeFile(join(directory, "version"), VERSION);
  await writeFile(join(directory, hexOf(id)), config);
  for (const layer of layers) {
    const path = join(directory, hexOf(layer.diffId));
    // An image may have the same layer twice.
    if (!existsSync(path)) await pipeline(layer.open(), createWriteStream(path));
  }
  const manifest = manifestOf(id, config.length, layers);
  await writeFile(join(directory, "manifest.json"), JSON.stringify(manifest));
}
