/** An image's config as JSON, whose sha256 is the image's id (OCI image spec, "Image Configuration"). */
import { createHash } from "node:crypto";
import { arch } from "node:os";
import { internal, invalid } from "../../lib/errors.ts";
import type { ImageID } from "../../lib/ids.ts";
import type { DiffID, HistoryEntry, Image, ImageConfig } from "../types.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** What a config says; `Image` without what only the store knows. */
export interface Description extends Platform {
  /** RFC 3339. */
  readonly created: string;
  readonly author: string;
  readonly comment: string;
  readonly config: ImageConfig;
  /** Bottom first. */
  readonly diffIds: readonly DiffID[];
  readonly history: readonly HistoryEntry[];
}

const sha256 = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

export const imageIdOf = (json: string): ImageID => sha256(json) as ImageID;

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
  const present = (text: string) => text || undefined;
  return JSON.stringify({
    architecture: image.architecture,
    variant: image.variant,
    os: image.os,
    created: image.created,
    author: present(image.author),
    comment: present(image.comment),
    config: image.config,
    rootfs: { type: "layers", diff_ids: image.diffIds },
    history: image.history.map((entry) => ({
      created: entry.created,
      created_by: present(entry.createdBy),
      comment: present(entry.comment),
      empty_layer: entry.emptyLayer || undefined,
    })),
  });
}

interface ConfigJson {
  readonly architecture?: string;
  readonly variant?: string;
  readonly os?: string;
  readonly created?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly config?: ImageConfig | null;
  readonly rootfs?: { readonly diff_ids?: readonly DiffID[] };
  readonly history?: readonly {
    readonly created?: string;
    readonly created_by?: string;
    readonly comment?: string;
    readonly empty_layer?: boolean;
  }[];
}

/** @throws internal where `json` is not what `id` names, or no config */
export function decodeConfig(id: ImageID, json: string): Description {
  if (imageIdOf(json) !== id) throw internal(`the stored config of image ${id} is damaged`);
  const config = JSON.parse(json) as ConfigJson;
  return {
    os: config.os ?? "linux",
    architecture: config.architecture ?? "",
    ...(config.variant && { variant: config.variant }),
    created: config.created ?? "0001-01-01T00:00:00Z",
    author: config.author ?? "",
    comment: config.comment ?? "",
    config: config.config ?? {},
    diffIds: config.rootfs?.diff_ids ?? [],
    history: (config.history ?? []).map((entry) => ({
      created: entry.created ?? "0001-01-01T00:00:00Z",
      createdBy: entry.created_by ?? "",
      comment: entry.comment ?? "",
      emptyLayer: entry.empty_layer ?? false,
    })),
  };
}

/** As `Images` shows it. */
export function toImage(
  id: ImageID,
  { diffIds, variant: _, ...described }: Description,
  tags: readonly string[],
  sizeOf: (layer: DiffID) => number,
): Image {
  const layers = diffIds.map((diffId) => ({ diffId, size: sizeOf(diffId) }));
  return { id, tags, ...described, layers, size: layers.reduce((sum, { size }) => sum + size, 0) };
}

/** Node's names, and what people write, in OCI's (the GOARCH of Go). */
const ARCHITECTURE: Partial<Record<string, string>> = {
  x64: "amd64",
  x86_64: "amd64",
  "x86-64": "amd64",
  ia32: "386",
  i386: "386",
  aarch64: "arm64",
  armhf: "arm",
};
const KNOWN = new Set("amd64 arm64 arm 386 ppc64le s390x riscv64 mips64le loong64".split(" "));

export const hostPlatform = (): Platform => ({
  os: "linux",
  architecture: ARCHITECTURE[arch()] ?? arch(),
});

/** `linux/arm64`, `linux/arm/v7`, `arm64`; the empty string means this host. @throws invalid */
export function parsePlatform(text: string): Platform {
  if (text === "") return hostPlatform();
  const parts = text.toLowerCase().split("/");
  const named = (part: string): string => ARCHITECTURE[part] ?? part;
  if (parts.length === 1 && KNOWN.has(named(text))) return { os: "linux", architecture: named(text) };
  const [os, architecture, variant] = parts;
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9][a-z0-9_.-]*$/.test(part))) {
    throw invalid(`invalid platform: ${text}: it is written os[/architecture[/variant]]`);
  }
  if (os !== "linux") throw invalid(`operating system is not supported: ${os}`);
  return {
    os,
    architecture: architecture === undefined ? hostPlatform().architecture : named(architecture),
    ...(variant !== undefined && { variant }),
  };
}
