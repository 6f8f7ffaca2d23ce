/** An image's config as JSON, whose sha256 is the image's id (OCI image spec, "Image Configuration"). */

import { isUtf8 } from "node:buffer";
import { sha256 } from "../../lib/digest.ts";
import { internal, invalid } from "../../lib/errors.ts";
import type { ImageID } from "../../lib/ids.ts";
import { isObject } from "../../lib/is-object.ts";
import type { DiffID, HistoryEntry, Image, ImageConfig } from "../types.ts";
import type { Platform } from "./platform.ts";
import { readRunConfig } from "./run-config.ts";

/** What a config says; `Image` without what only the store knows. */
export interface Description extends Platform {
  /** RFC 3339. */
  readonly created: string;
  readonly author: string;
  readonly comment: string;
  readonly config: ImageConfig;
  /** Of a commit: the container, and its own config. */
  readonly container?: string;
  readonly containerConfig?: object;
  /** Bottom first. */
  readonly diffIds: readonly DiffID[];
  readonly history: readonly HistoryEntry[];
}

export const imageIdOf = (json: string | Uint8Array): ImageID => sha256(json) as ImageID;

/** Names the first n layers together, for each n from 1 (OCI image spec, "Layer ChainID"). */
export function chainIdsOf(diffIds: readonly DiffID[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : sha256(`${below} ${diffId}`));
  }
  return chain;
}

/** Keys in one order and empty ones left out: the same description gives the same id. */
export function encodeConfig(image: Description): string {
  const present = (text: string | undefined) => text || undefined;
  return JSON.stringify({
    architecture: image.architecture,
    variant: image.variant,
    os: image.os,
    created: image.created,
    author: present(image.author),
    comment: present(image.comment),
    config: image.config,
    container: image.container,
    container_config: image.containerConfig,
    rootfs: { type: "layers", diff_ids: image.diffIds },
    history: image.history.map((entry) => ({
      created: entry.created,
      created_by: present(entry.createdBy),
      author: present(entry.author),
      comment: present(entry.comment),
      empty_layer: entry.emptyLayer || undefined,
    })),
  });
}

/** What Go says of a time that was never set. */
const NEVER = "0001-01-01T00:00:00Z";

/** Configs are some kilobytes; more is an attack on memory. */
const LARGEST_CONFIG = 8 << 20;

/** @throws invalid for bytes that are no config of an image */
export function configText(bytes: Uint8Array): string {
  if (bytes.length > LARGEST_CONFIG) throw invalid(`image config: ${bytes.length} bytes are too many`);
  if (!isUtf8(bytes)) throw invalid("image config: not UTF-8");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

/** @throws internal where `json` is not what `id` names; invalid where it is no config */
export function decodeConfig(id: ImageID, json: string): Description {
  if (imageIdOf(json) !== id) throw internal(`the stored config of image ${id} is damaged`);
  return readConfig(json);
}

/** @throws invalid */
export function readConfig(json: string): Description {
  const config = parse(json);
  const text = (key: string): string => textOf(config, key);
  const variant = text("variant");
  const container = text("container");
  const containerConfig = config.container_config;
  return {
    os: text("os") || "linux",
    architecture: text("architecture"),
    ...(variant && { variant }),
    created: timeOf(config),
    author: text("author"),
    comment: text("comment"),
    config: readRunConfig(config.config),
    ...(container && { container }),
    ...(isObject(containerConfig) && { containerConfig }),
    diffIds: diffIdsOf(config.rootfs),
    history: list(config.history, "history").map((entry) => {
      if (!isObject(entry)) throw invalid("image config: history is not what it should be");
      const author = textOf(entry, "author");
      return {
        created: timeOf(entry),
        createdBy: textOf(entry, "created_by"),
        ...(author && { author }),
        comment: textOf(entry, "comment"),
        emptyLayer: entry.empty_layer === true,
      };
    }),
  };
}

function parse(json: string): Readonly<Record<string, unknown>> {
  let config: unknown;
  try {
    config = JSON.parse(json);
  } catch (thrown) {
    throw invalid("image config: not JSON", thrown);
  }
  if (!isObject(config)) throw invalid("image config: not an object");
  return config;
}

function textOf(object: Readonly<Record<string, unknown>>, key: string): string {
  const value = object[key] ?? "";
  if (typeof value !== "string") throw invalid(`image config: ${key} is not text`);
  return value;
}

function timeOf(object: Readonly<Record<string, unknown>>): string {
  const created = textOf(object, "created") || NEVER;
  if (Number.isNaN(Date.parse(created))) throw invalid(`image config: not a time: ${created}`);
  return created;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`image config: ${what} is not a list`);
  return value;
}

function diffIdsOf(rootfs: unknown): readonly DiffID[] {
  if (!isObject(rootfs)) throw invalid("invalid image JSON, no RootFS key");
  return list(rootfs.diff_ids, "rootfs.diff_ids").map((diffId) => {
    if (typeof diffId === "string" && /^sha256:[0-9a-f]{64}$/.test(diffId)) return diffId as DiffID;
    throw invalid(`image config: not a layer's digest: ${JSON.stringify(diffId)}`);
  });
}

/** What the store knows of an image besides its config. */
export interface Standing {
  /** Familiar forms, in order: tags, and names by digest. */
  readonly names: readonly string[];
  readonly parent: ImageID | undefined;
  readonly tagged: string | undefined;
}

/** As `Images` shows it. */
export function toImage(
  id: ImageID,
  { diffIds, ...described }: Description,
  { names, parent, tagged }: Standing,
  sizeOf: (layer: DiffID) => number,
): Image {
  const layers = diffIds.map((diffId) => ({ diffId, size: sizeOf(diffId) }));
  return {
    id,
    tags: names.filter((name) => !name.includes("@")),
    digests: names.filter((name) => name.includes("@")),
    ...(parent !== undefined && { parent }),
    ...(tagged !== undefined && { tagged }),
    ...described,
    layers,
    size: layers.reduce((sum, { size }) => sum + size, 0),
  };
}
