/** Manifests and indexes (OCI image spec; Docker's "Image Manifest V 2, Schema 2"), read and written. */

import { sha256 } from "../lib/digest.ts";
import { internal, invalid } from "../lib/errors.ts";
import type { Platform } from "./platform.ts";

export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

export interface ImageManifest {
  readonly kind: "image";
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Bottom first. */
  readonly layers: readonly Descriptor[];
}

export interface Index {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly (Descriptor & { readonly platform?: Platform })[];
}

const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  DOCKER_CONFIG,
  "application/vnd.oci.image.config.v1+json",
  "application/octet-stream",
  "",
]);

/** No image of more runs: overlayfs shows no more at once. */
const MOST_LAYERS = 500;

const DIGEST = /^sha256:[a-f0-9]{64}$/;

/** Its hex digits, which are a blob's name on a disk. */
export const hexOf = (digest: string): string => digest.slice("sha256:".length);

/** As Docker's progress lines name a layer. */
export const shortDigest = (digest: string): string => hexOf(digest).slice(0, 12);

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;
const text = (value: unknown): string => (typeof value === "string" ? value : "");

function parseJson(bytes: Uint8Array, what: string): Json {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (isObject(value)) return value;
  } catch (error) {
    throw invalid(`${what} is no JSON`, error);
  }
  throw invalid(`${what} is no JSON object`);
}

function descriptor(value: unknown, what: string): Descriptor {
  const { mediaType, digest, size } = isObject(value) ? value : {};
  if (!DIGEST.test(text(digest))) throw invalid(`invalid digest ${JSON.stringify(digest)} of ${what}`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`invalid size ${JSON.stringify(size)} of ${what}`);
  }
  return { mediaType: text(mediaType), digest: text(digest), size };
}

function platformOf(value: unknown): Platform | undefined {
  if (!isObject(value)) return undefined;
  const { os, architecture, variant } = value;
  return {
    os: text(os),
    architecture: text(architecture),
    ...(text(variant) && { variant: text(variant) }),
  };
}

/** @throws invalid for what is neither, or not an image's */
export function parseManifest(bytes: Uint8Array, reference: string): ImageManifest | Index {
  const json = parseJson(bytes, `the manifest of ${reference}`);
  if (json.schemaVersion === 1) {
    throw invalid(
      `Docker Image manifest version 2, schema 1 support is removed: ${reference} must be built or pushed anew by its author`,
    );
  }
  const mediaType = text(json.mediaType);
  if (Array.isArray(json.manifests)) {
    const manifests = json.manifests.map((each: unknown) => {
      const platform = platformOf(isObject(each) ? each.platform : undefined);
      return { ...descriptor(each, "a manifest"), ...(platform && { platform }) };
    });
    return { kind: "index", mediaType: mediaType || OCI_INDEX, manifests };
  }
  if (!Array.isArray(json.layers)) throw invalid(`unsupported manifest format: ${mediaType || "unknown"}`);
  const config = descriptor(json.config, "the config");
  if (!IMAGE_CONFIGS.has(config.mediaType)) {
    throw invalid(`Encountered remote ${JSON.stringify(config.mediaType)}(unknown) when fetching`);
  }
  if (json.layers.length > MOST_LAYERS) throw invalid("max depth exceeded");
  const layers = json.layers.map((each: unknown) => descriptor(each, "a layer"));
  return { kind: "image", mediaType: mediaType || OCI_MANIFEST, config, layers };
}

/** Docker's manifest of an image that is to be pushed. */
export function encodeManifest(config: Omit<Descriptor, "mediaType">, layers: readonly Descriptor[]): Buffer {
  const ordered = ({ mediaType, size, digest }: Descriptor) => ({ mediaType, size, digest });
  const manifest = {
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config: ordered({ ...config, mediaType: DOCKER_CONFIG }),
    layers: layers.map(ordered),
  };
  return Buffer.from(JSON.stringify(manifest, undefined, 3));
}

/** What an image's config says of its layers and of where it runs. @throws invalid */
export function parseConfig(bytes: Uint8Array): {
  readonly diffIds: readonly string[];
  readonly platform: Platform;
} {
  const json = parseJson(bytes, "the image's config");
  const ids = isObject(json.rootfs) ? json.rootfs.diff_ids : undefined;
  const diffIds = Array.isArray(ids) ? ids.map(text) : [];
  if (!diffIds.every((id) => DIGEST.test(id))) throw invalid("invalid rootfs in image configuration");
  return { diffIds, platform: platformOf(json) ?? { os: "", architecture: "" } };
}

/** Bytes that came for a digest. @throws internal where they are others */
export function verified(bytes: Uint8Array, digest: string, what: string): Uint8Array {
  if (sha256(bytes) !== digest) throw internal(`${what} verification failed for digest ${digest}`);
  return bytes;
}
