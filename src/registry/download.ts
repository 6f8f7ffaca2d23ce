/** Layers of one image brought into files, and how far each of them has come. */
import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asError, codeOf, internal } from "../lib/errors.ts";
import type { BlobShelf } from "./blobs.ts";
import { type Descriptor, hexOf } from "./manifest.ts";
import { retrying } from "./retrying.ts";
import type { Session } from "./skopeo.ts";

/** Milliseconds between two looks at how far it has come. */
const LOOK_EVERY = 100;
/** A file on its way may be the image's config. */
const LARGEST_CONFIG = 16 << 20;

export interface DownloadOptions {
  readonly session: Session;
  readonly shelf: BlobShelf;
  /** `docker.io/library/busybox@sha256:…`, of an image, not of an index. */
  readonly source: string;
  readonly wanted: readonly Descriptor[];
  /** Layers that are here already. */
  readonly unwanted: readonly Descriptor[];
  readonly signal: AbortSignal;
  readonly onBytes: (digest: string, bytes: number) => void;
  readonly onWhole: (digest: string) => void;
  readonly onRetry: (digest: string, seconds: number) => void;
}

export interface Download {
  /** Its file, once it is whole. @throws what the download failed of */
  file(digest: string): Promise<string>;
  /** @throws the same */
  readonly done: Promise<void>;
}

export function download(options: DownloadOptions): Download {
  const transfer = new Transfer(options);
  const done = transfer.run();
  done.catch(() => {}); // told to whoever waits for a file, or for the end
  return { file: (digest) => transfer.file(digest), done };
}

class Transfer {
  readonly #options: DownloadOptions;
  readonly #blobs: string;
  readonly #layout: string;
  readonly #missing: Map<string, Descriptor>;
  readonly #files = new Map<string, PromiseWithResolvers<string>>();

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#blobs = join(options.session.directory, "blobs", "sha256");
    this.#layout = join(options.session.directory, "layout");
    this.#missing = new Map(options.wanted.map((each) => [each.digest, each]));
    for (const digest of this.#missing.keys()) {
      const file = Promise.withResolvers<string>();
      file.promise.catch(() => {});
      this.#files.set(digest, file);
    }
  }

  async file(digest: string): Promise<string> {
    const file = this.#files.get(digest);
    // It was here when the download began, and is no more.
    if (!file) throw internal(`layer ${digest} was removed while the image was pulled: pull it again`);
    return file.promise;
  }

  async run(): Promise<void> {
    try {
      this.#prepare();
      const { signal, onRetry } = this.#options;
      const tell = (seconds: number) => {
        for (const digest of this.#missing.keys()) onRetry(digest, seconds);
      };
      if (this.#missing.size > 0) await retrying(() => this.#attempt(), signal, tell);
    } catch (thrown) {
      for (const { reject } of this.#files.values()) reject(asError(thrown));
      throw thrown;
    }
  }

  /** What is here already is a file of the right size without contents: the program leaves it as it is. */
  #prepare(): void {
    mkdirSync(this.#blobs, { recursive: true });
    for (const { digest, size } of this.#options.unwanted) {
      const file = join(this.#blobs, hexOf(digest));
      writeFileSync(file, "");
      truncateSync(file, size);
    }
    for (const each of this.#options.wanted) {
      if (this.#missing.has(each.digest)) {
        this.#options.shelf.take(each, join(this.#blobs, hexOf(each.digest)));
      }
    }
    this.#look();
  }

  async #attempt(): Promise<void> {
    const { session, source } = this.#options;
    const broken = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, broken.signal]);
    const timer = setInterval(() => {
      try {
        this.#look();
      } catch (thrown) {
        broken.abort(thrown);
      }
    }, LOOK_EVERY);
    try {
      await session.run(
        [
          "copy",
          "--preserve-digests",
          "--dest-oci-accept-uncompressed-layers",
          "--dest-shared-blob-dir",
          join(session.directory, "blobs"),
          "--authfile",
          session.authFile,
          `docker://${source}`,
          `oci:${this.#layout}:image`,
        ],
        { signal },
      );
    } finally {
      clearInterval(timer);
      this.#look();
    }
    const [left] = this.#missing.keys();
    if (left !== undefined) throw internal(`skopeo ended without having brought ${left}`);
  }

  /** A blob has its name when it is whole and its digest is right; before that its file has a random one. */
  #look(): void {
    const { shelf, onWhole, onBytes } = this.#options;
    for (const { digest, size } of [...this.#missing.values()]) {
      const file = join(this.#blobs, hexOf(digest));
      if (statSync(file, { throwIfNoEntry: false })?.size !== size) continue;
      this.#missing.delete(digest);
      shelf.keep(digest, file);
      onWhole(digest);
      this.#files.get(digest)?.resolve(file);
    }
    const missing = [...this.#missing.values()];
    const sizes = growing(this.#layout);
    refuseEndless(missing, sizes);
    for (const [digest, bytes] of assign(missing, sizes)) onBytes(digest, bytes);
  }
}

/** Sizes of the files that are being filled, in the order in which they were begun. */
function growing(layout: string): readonly number[] {
  try {
    return readdirSync(layout)
      .filter((name) => name.startsWith("oci-put-blob"))
      .flatMap((name) => statSync(join(layout, name), { throwIfNoEntry: false }) ?? [])
      .sort((a, b) => a.birthtimeMs - b.birthtimeMs)
      .map(({ size }) => size);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return []; // not begun
    throw thrown;
  }
}

/** @throws internal for a file that is longer than any layer that is still to come: its digest can't be right */
export function refuseEndless(layers: readonly Descriptor[], sizes: readonly number[]): void {
  const longest = Math.max(LARGEST_CONFIG, ...layers.map(({ size }) => size));
  if (sizes.every((bytes) => bytes <= longest)) return;
  const said = `at most ${longest} bytes, and the registry sends more`;
  throw internal(`filesystem layer verification failed: by the manifest, a layer has ${said}`);
}

/**
 * Which file is which layer's is not told: layers are begun in their order, and a file that is longer than a
 * layer isn't that one's. Only what people see of the progress hangs on it.
 */
export function assign(
  layers: readonly Descriptor[],
  sizes: readonly number[],
): readonly (readonly [digest: string, bytes: number])[] {
  const left = [...layers];
  return sizes.flatMap((bytes) => {
    const at = left.findIndex(({ size }) => bytes <= size);
    const [layer] = at < 0 ? [] : left.splice(at, 1);
    return layer ? [[layer.digest, bytes] as const] : [];
  });
}
