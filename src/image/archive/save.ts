/**
 * `docker save`: one tar that is Docker's archive and an OCI layout at once, as Docker writes it since 25:
 *
 *     blobs/sha256/<hex>   configs, layers (uncompressed) and OCI manifests, by digest
 *     index.json           OCI's way to the manifests
 *     manifest.json        Docker's: config, tags and layers of each image
 *     oci-layout
 *     repositories         names, for Docker before 1.10
 */
import type { Readable } from "node:stream";
import { sha256 } from "../../lib/digest.ts";
import { ENTRY_DEFAULTS } from "../../tar/entry.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "../../tar/writer.ts";
import { type Reference, repositoryOf } from "../reference.ts";
import type { OutgoingImage } from "../types.ts";

/** An image with the tags that it is saved under; none where it was asked for by id. */
export interface Saved {
  readonly contents: OutgoingImage;
  readonly tags: readonly {
    readonly reference: Reference;
    readonly familiar: string;
    readonly tag: string;
  }[];
}

interface File {
  readonly name: string;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  open(): Readable | readonly Buffer[];
}

const OCI = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  index: "application/vnd.oci.image.index.v1+json",
} as const;

/** Its bytes in order; each blob once. @throws what a layer that is damaged throws, where its end should be */
export async function* archiveOf(images: readonly Saved[]): AsyncGenerator<Buffer> {
  const blobs = new Map<string, File>();
  for (const { contents } of images) for (const blob of blobsOf(contents)) blobs.set(blob.name, blob);
  const directories = ["blobs", "blobs/sha256"];
  for (const name of directories)
    yield encodeEntry({ ...ENTRY_DEFAULTS, type: "directory", name: `${name}/`, mode: 0o755 });
  const sorted = [...blobs.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const file of [...sorted, ...documentsOf(images)]) {
    const { name, size, mtime } = file;
    yield encodeEntry({ ...ENTRY_DEFAULTS, type: "file", name, size, mtime, mode: 0o644 });
    yield* file.open();
    yield padding(size);
  }
  yield END_OF_ARCHIVE;
}

const pathOf = (digest: string): string => `blobs/${digest.replace(":", "/")}`;

function bytesAsFile(name: string, bytes: Buffer, mtime = 0): File {
  return { name, size: bytes.length, mtime, open: () => [bytes] };
}

function blobsOf(contents: OutgoingImage): File[] {
  const mtime = Math.max(0, Math.floor(Date.parse(contents.image.created) / 1000));
  const manifest = manifestOf(contents);
  return [
    bytesAsFile(pathOf(contents.image.id), Buffer.from(contents.config), mtime),
    bytesAsFile(pathOf(sha256(manifest)), manifest),
    ...contents.layers.map(({ diffId, size, open }) => ({ name: pathOf(diffId), size, mtime, open })),
  ];
}

const layerDescriptor = ({ diffId, size }: OutgoingImage["layers"][number]) => ({
  mediaType: OCI.layer,
  digest: diffId,
  size,
});

const manifestOf = ({ image, config, layers }: OutgoingImage): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI.manifest,
      config: { mediaType: OCI.config, digest: image.id, size: config.length },
      layers: layers.map(layerDescriptor),
    }),
  );

function documentsOf(images: readonly Saved[]): File[] {
  const here = new Set(images.map(({ contents }) => contents.image.id));
  const document = (name: string, value: unknown) =>
    bytesAsFile(name, Buffer.from(`${JSON.stringify(value)}\n`));
  const repositories = repositoriesOf(images);
  return [
    document("index.json", {
      schemaVersion: 2,
      mediaType: OCI.index,
      manifests: images.flatMap(indexEntriesOf),
    }),
    document(
      "manifest.json",
      images.map(({ contents: { image, layers }, tags }) => ({
        Config: pathOf(image.id),
        RepoTags: tags.length > 0 ? tags.map(({ familiar }) => familiar) : null,
        Layers: layers.map(({ diffId }) => pathOf(diffId)),
        ...(image.parent && here.has(image.parent) && { Parent: image.parent }),
        LayerSources: Object.fromEntries(layers.map((layer) => [layer.diffId, layerDescriptor(layer)])),
      })),
    ),
    bytesAsFile("oci-layout", Buffer.from('{"imageLayoutVersion": "1.0.0"}')),
    ...(Object.keys(repositories).length > 0 ? [document("repositories", repositories)] : []),
  ];
}

function indexEntriesOf({ contents, tags }: Saved) {
  const manifest = manifestOf(contents);
  const plain = { mediaType: OCI.manifest, digest: sha256(manifest), size: manifest.length };
  if (tags.length === 0) return [plain];
  return tags.map(({ reference, tag }) => ({
    ...plain,
    annotations: {
      "io.containerd.image.name": `${repositoryOf(reference)}:${tag}`,
      "org.opencontainers.image.ref.name": tag,
    },
  }));
}

/** Name, tag, and the topmost layer. */
function repositoriesOf(images: readonly Saved[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { contents, tags } of images) {
    const top = contents.layers.at(-1);
    if (!top) continue;
    for (const { familiar, tag } of tags) {
      const name = familiar.slice(0, -(tag.length + 1));
      repositories[name] = { ...repositories[name], [tag]: top.diffId.slice("sha256:".length) };
    }
  }
  return repositories;
}
