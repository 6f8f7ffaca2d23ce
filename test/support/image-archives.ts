/** Archives of images in their forms, made by hand. */
import { createHash } from "node:crypto";
import { archive, entry } from "./images.ts";

export const digestOf = (bytes: Buffer | string) =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
export const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

export const LOWER = archive(entry({ name: "a" }, "lower"), entry({ name: "gone" }, "gone"));
export const UPPER = archive(entry({ name: "a" }, "upper"), entry({ name: ".wh.gone" }));

export const configOf = (layers: readonly Buffer[], change: object = {}) =>
  json({
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    history: layers.map((_, i) => ({ created: "2026-01-01T00:00:00Z", created_by: `step ${i}` })),
    ...change,
  });

interface Image {
  readonly config?: Buffer;
  readonly layers?: readonly Buffer[];
  readonly tags?: readonly string[] | null;
  readonly manifest?: object;
}

export function dockerArchive({ layers = [LOWER, UPPER], tags = ["x:1"], ...given }: Image = {}): Buffer {
  const config = given.config ?? configOf(layers);
  const names = layers.map((_, i) => `${i}/layer.tar`);
  const item = { Config: "config.json", RepoTags: tags, Layers: names, ...given.manifest };
  return archive(
    ...layers.map((layer, i) => entry({ name: names[i] ?? "" }, layer)),
    entry({ name: "config.json" }, config),
    entry({ name: "manifest.json" }, json([item])),
  );
}

export const OCI = "application/vnd.oci.image";
export const blob = (bytes: Buffer) => entry({ name: `blobs/sha256/${digestOf(bytes).slice(7)}` }, bytes);
export const descriptor = (mediaType: string, bytes: Buffer, more: object = {}) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
  ...more,
});

/** Blobs and the descriptor of one image. */
export function ociImage(
  architecture: string,
  pack: (layer: Buffer) => Buffer,
  text: string,
  more: object = {},
) {
  const layer = archive(entry({ name: "a" }, text));
  const packed = pack(layer);
  const config = configOf([layer], { architecture });
  const manifest = json({
    schemaVersion: 2,
    config: descriptor(`${OCI}.config.v1+json`, config),
    layers: [descriptor(`${OCI}.layer.v1.tar+gzip`, packed)],
  });
  const platform = { os: "linux", architecture };
  return {
    blobs: [blob(packed), blob(config), blob(manifest)],
    descriptor: descriptor(`${OCI}.manifest.v1+json`, manifest, { platform, ...more }),
    id: digestOf(config),
  };
}

export const layout = (manifests: readonly object[], blobs: readonly Buffer[]) =>
  archive(
    ...blobs,
    entry({ name: "oci-layout" }, '{"imageLayoutVersion":"1.0.0"}'),
    entry({ name: "index.json" }, json({ schemaVersion: 2, manifests })),
  );
