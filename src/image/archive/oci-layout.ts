/** The OCI image layout: `index.json` leads to manifests by digest (OCI image spec, "Image Layout"). */
import { Readable } from "node:stream";
import { sha256 } from "../../lib/digest.ts";
import { invalid, notFound } from "../../lib/errors.ts";
import { isObject } from "../../lib/is-object.ts";
import { checked } from "../checked.ts";
import { formatPlatform, hostPlatform, matchesPlatform, type Platform } from "../describe/platform.ts";
import { parseReference } from "../reference.ts";
import type { Found, LayerFile } from "./found.ts";
import type { Spool } from "./spool.ts";

export const INDEX = "index.json";

const INDEX_TYPES: ReadonlySet<unknown> = new Set([
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
]);
/** Indexes within indexes, and manifests in all of them: more is an attack. */
const DEEPEST = 8;
const MOST_MANIFESTS = 10_000;

interface Descriptor {
  readonly mediaType: unknown;
  readonly digest: string;
  readonly size: number;
  readonly platform: Platform | undefined;
  readonly annotations: Readonly<Record<string, unknown>>;
}

/**
 * Each manifest of the index is an image; an index in it is one image for several platforms, of which `platform`
 * is taken, or this host's.
 * @throws invalid; not-found where there is none for the platform
 */
export function readOciLayout(spool: Spool, platform: Platform | undefined): Found[] {
  const found = new Map<string, Found>();
  const wanted = platform ?? hostPlatform();
  for (const top of descriptorsOf(spool.json(INDEX), INDEX)) {
    const references = nameOf(top.annotations);
    const manifest = isIndex(top) ? choose(spool, top, wanted) : top;
    if (!manifest || isAttestation(manifest)) continue;
    if (platform && manifest.platform && !matchesPlatform(platform, manifest.platform)) continue;
    // Several names of one image are several entries.
    const known = found.get(manifest.digest);
    found.set(manifest.digest, {
      ...(known ?? imageOf(spool, manifest)),
      references: [...(known?.references ?? []), ...references],
    });
  }
  if (found.size === 0) {
    throw notFound(`no suitable image in the archive for platform ${formatPlatform(wanted)}`);
  }
  return [...found.values()];
}

const isIndex = ({ mediaType }: Descriptor): boolean => INDEX_TYPES.has(mediaType);

/** What BuildKit says about an image looks like one. */
const isAttestation = ({ annotations }: Descriptor): boolean =>
  annotations["vnd.docker.reference.type"] === "attestation-manifest";

/** The manifest for `wanted` in an index and those within it; the only one, where it does not say what it is for. */
function choose(spool: Spool, index: Descriptor, wanted: Platform): Descriptor | undefined {
  const manifests: Descriptor[] = [];
  const walk = (at: Descriptor, depth: number): void => {
    if (depth > DEEPEST) throw invalid(`${at.digest}: indexes within indexes without end`);
    for (const each of descriptorsOf(document(spool, at), at.digest)) {
      if (isIndex(each)) walk(each, depth + 1);
      else if (!isAttestation(each)) manifests.push(each);
      if (manifests.length > MOST_MANIFESTS) throw invalid(`${index.digest}: manifests without end`);
    }
  };
  walk(index, 1);
  const match = manifests.find(({ platform }) => platform && matchesPlatform(wanted, platform));
  if (match) return match;
  return manifests.length === 1 && !manifests[0]?.platform ? manifests[0] : undefined;
}

function imageOf(spool: Spool, descriptor: Descriptor): Omit<Found, "references"> {
  const manifest = document(spool, descriptor);
  if (!isObject(manifest) || !Array.isArray(manifest.layers)) {
    throw invalid(`${descriptor.digest}: not an image's manifest`);
  }
  return {
    config: verifiedBlob(spool, descriptorOf(manifest.config, descriptor.digest)),
    layers: manifest.layers.map((layer: unknown) => layerBlob(spool, descriptorOf(layer, descriptor.digest))),
  };
}

function layerBlob(spool: Spool, { digest, size }: Descriptor): LayerFile {
  const judge = (found: string, length: number) =>
    found === digest && length === size ? undefined : invalid(`blob ${digest} is damaged: it has ${found}`);
  return { size, open: async () => Readable.from(checked(spool.open(blob(digest)), judge)) };
}

const blob = (digest: string): string => `blobs/${digest.replace(":", "/")}`;

function document(spool: Spool, descriptor: Descriptor): unknown {
  verifiedBlob(spool, descriptor);
  return spool.json(blob(descriptor.digest));
}

function verifiedBlob(spool: Spool, { digest }: Descriptor): Buffer {
  const bytes = spool.read(blob(digest));
  const found = sha256(bytes);
  if (found !== digest) throw invalid(`blob ${digest} is damaged: it has ${found}`);
  return bytes;
}

function descriptorsOf(index: unknown, where: string): Descriptor[] {
  if (!isObject(index) || !Array.isArray(index.manifests)) throw invalid(`${where}: not an index`);
  return index.manifests.map((each: unknown) => descriptorOf(each, where));
}

function descriptorOf(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw invalid(`${where}: a descriptor is not an object`);
  const { mediaType, digest, size, platform, annotations } = value;
  if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw invalid(`${where}: not a digest: ${JSON.stringify(digest)}`);
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`${where}: ${digest} has no size`);
  }
  return {
    mediaType,
    digest,
    size,
    platform: platformOf(platform),
    annotations: isObject(annotations) ? annotations : {},
  };
}

function platformOf(value: unknown): Platform | undefined {
  if (!isObject(value) || typeof value.os !== "string" || typeof value.architecture !== "string") {
    return undefined;
  }
  const { os, architecture, variant } = value;
  return { os, architecture, ...(typeof variant === "string" && variant && { variant }) };
}

/** Containerd's annotation has the whole name; OCI's may be a tag alone, which names nothing. */
function nameOf(annotations: Readonly<Record<string, unknown>>): string[] {
  const whole = annotations["io.containerd.image.name"];
  if (typeof whole === "string") return [checkedName(whole)];
  const short = annotations["org.opencontainers.image.ref.name"];
  return typeof short === "string" && /[/:]/.test(short) ? [checkedName(short)] : [];
}

function checkedName(name: string): string {
  parseReference(name);
  return name;
}
