/** Images in memory, as far as pulls and pushes ask for them: layers are read, unzipped and hashed. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { DiffID, Image, Images, IncomingImage } from "../../src/image/types.ts";
import { invalid, notFound } from "../../src/lib/errors.ts";
import type { ImageID } from "../../src/lib/ids.ts";
import { familiar, parseReference, withDefaultTag } from "../../src/lib/reference.ts";

interface Kept {
  readonly config: Uint8Array;
  readonly layers: readonly DiffID[];
  readonly references: Set<string>;
}

export const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export class MemoryImages {
  readonly kept = new Map<string, Kept>();
  readonly tars = new Map<string, Buffer>();
  /** Layers that were opened, in order. */
  readonly opened: string[] = [];
  /** Told of `resolve`, which makes the built-in image. */
  madeBuiltIn = 0;

  readonly images = {
    list: () => this.list(),
    find: (text: string) => this.find(text),
    add: (incoming: IncomingImage) => this.add(incoming),
    contents: async (id: ImageID) => this.contents(id),
    resolve: async () => this.#builtIn(),
  } as unknown as Images;

  list(): readonly Image[] {
    return [...this.kept].map(([id, { config, layers, references }]) => {
      const { architecture, os, variant } = JSON.parse(Buffer.from(config).toString());
      const names = [...references].sort();
      return {
        id: id as ImageID,
        tags: names.filter((name) => !name.includes("@")),
        digests: names.filter((name) => name.includes("@")),
        created: "2020-01-01T00:00:00Z",
        architecture,
        os,
        ...(variant && { variant }),
        author: "",
        comment: "",
        config: {},
        layers: layers.map((diffId) => ({ diffId, size: this.tars.get(diffId)?.length ?? 0 })),
        history: [],
        size: 0,
      };
    });
  }

  find(text: string): Image | undefined {
    const name = familiar(withDefaultTag(parseReference(text)));
    return this.list().find(({ tags, digests }) => [...tags, ...digests].includes(name));
  }

  async add({ config, layers, references, onLayer }: IncomingImage): Promise<Image> {
    for (const { diffId, open } of layers) {
      if (this.tars.has(diffId)) {
        onLayer?.(diffId, "exists", 0);
        continue;
      }
      this.opened.push(diffId);
      onLayer?.(diffId, "extracting", 0);
      const tar = await read(await open());
      if (sha256(tar) !== diffId) throw invalid(`layer ${diffId} is damaged`);
      this.tars.set(diffId, tar);
      onLayer?.(diffId, "complete", tar.length);
    }
    const names = references.map((text) => familiar(parseReference(text)));
    for (const { references: others } of this.kept.values()) for (const name of names) others.delete(name);
    const id = sha256(config);
    const kept = this.kept.get(id) ?? {
      config,
      layers: layers.map(({ diffId }) => diffId),
      references: new Set<string>(),
    };
    for (const name of names) kept.references.add(name);
    this.kept.set(id, kept);
    const image = this.list().find((each) => each.id === id);
    if (!image) throw notFound(`No such image: ${id}`);
    return image;
  }

  contents(id: ImageID) {
    const kept = this.kept.get(id);
    const image = this.list().find((each) => each.id === id);
    if (!kept || !image) throw notFound(`No such image: ${id}`);
    return {
      image,
      config: kept.config,
      layers: kept.layers.map((diffId) => {
        const tar = this.tars.get(diffId) ?? Buffer.alloc(0);
        return { diffId, size: tar.length, open: () => Readable.from([tar]) };
      }),
    };
  }

  #builtIn(): Promise<Image> {
    this.madeBuiltIn += 1;
    const config = imageConfig([], { architecture: process.arch === "x64" ? "amd64" : process.arch });
    return this.add({ config, layers: [], references: ["busybox:latest"] });
  }
}

/** A config's bytes. */
export function imageConfig(diffIds: readonly string[], more: object = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: diffIds },
      ...more,
    }),
  );
}

async function read(stream: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
  }
  const whole = Buffer.concat(pieces, bytes);
  if (whole[0] !== 0x1f || whole[1] !== 0x8b) return whole;
  const unzipped: Buffer[] = [];
  for await (const piece of Readable.from([whole]).pipe(createGunzip())) unzipped.push(piece as Buffer);
  return Buffer.concat(unzipped);
}
