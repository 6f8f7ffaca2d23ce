import { pipeline, type Readable, Transform } from "node:stream";
import { type Descriptor, shortDigest } from "./manifest.ts";
import { retryStatus } from "./retrying.ts";
import type { TransferOptions } from "./types.ts";

/** Milliseconds between two lines of one layer's unpacking. */
const EVERY = 100;

/** What people are told of each layer, in Docker's words, one line at a time and not too often. */
export class LayerProgress {
  readonly #onProgress: TransferOptions["onProgress"];

  constructor(onProgress: TransferOptions["onProgress"]) {
    this.#onProgress = onProgress;
  }

  tell({ digest }: Descriptor, status: string, progressDetail: { current?: number; total?: number } = {}) {
    this.#onProgress({ status, progressDetail, id: shortDigest(digest) });
  }

  ofDownload(layers: readonly Descriptor[]) {
    const sizes = new Map(layers.map(({ digest, size }) => [digest, size]));
    const seen = new Map<string, number>();
    const line = (digest: string, status: string, detail: { current?: number; total?: number } = {}) =>
      this.#onProgress({ status, progressDetail: detail, id: shortDigest(digest) });
    return {
      onBytes: (digest: string, current: number) => {
        const total = sizes.get(digest) ?? current;
        if (current === 0 || (seen.get(digest) ?? 0) >= current) return;
        seen.set(digest, current);
        line(digest, "Downloading", { current, total });
      },
      onWhole: (digest: string) => line(digest, "Download complete"),
      onRetry: (digest: string, seconds: number) => line(digest, retryStatus(seconds)),
    };
  }

  /** The layer's file, told of as it is read. */
  extracting(layer: Descriptor, file: Readable): Readable {
    let current = 0;
    let told = 0;
    const counted = new Transform({
      transform: (piece: Buffer, _encoding, done) => {
        current += piece.length;
        const now = performance.now();
        if (now - told >= EVERY || current === layer.size) {
          told = now;
          this.tell(layer, "Extracting", { current, total: layer.size });
        }
        done(null, piece);
      },
    });
    // Either's end, or failure, is the other's: whoever reads is told.
    return pipeline(file, counted, () => {});
  }
}
