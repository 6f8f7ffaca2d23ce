/** One image taken to a registry (Docker API, "Push an image"; OCI distribution spec, "Push"). */

import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Image, OutgoingImage } from "../image/types.ts";
import { sha256 } from "../lib/digest.ts";
import { canonical, familiar, type Reference } from "../lib/reference.ts";
import { Turns } from "../lib/turns.ts";
import { byDigest } from "./fetch.ts";
import { type Descriptor, DOCKER_LAYER, encodeManifest, hexOf, shortDigest } from "./manifest.ts";
import type { Parts } from "./parts.ts";
import { SkopeoError } from "./refusals.ts";
import { retrying, retryStatus } from "./retrying.ts";
import { Session } from "./skopeo.ts";
import type { TransferOptions } from "./types.ts";
import { type UploadOptions, upload } from "./upload.ts";

export interface Pushed {
  readonly tag: string;
  readonly digest: string;
  readonly size: number;
}

type Options = Pick<TransferOptions, "credentials" | "onProgress" | "signal">;

/** Layers compressed at the same time: each takes a processor. */
const COMPRESSIONS = 3;

/** Layers that Docker's manifest can name; others are compressed anew. */
const GZIP: ReadonlySet<string> = new Set([DOCKER_LAYER, "application/vnd.oci.image.layer.v1.tar+gzip"]);

/** @param reference with a tag, which is `image`'s. @throws SkopeoError, and errors of its own */
export async function pushOne(
  parts: Parts,
  reference: Reference,
  image: Image,
  options: Options,
): Promise<Pushed> {
  const { onProgress, credentials } = options;
  const contents = await parts.images.contents(image.id);
  await using session = await Session.open(parts.surroundings, reference.domain, credentials);
  const order = { parts, session, reference, contents, options };
  const manifest = await sendTrusting(order);
  const digest = sha256(manifest);
  const tag = reference.tag ?? "";
  onProgress({ status: `${tag}: digest: ${digest} size: ${manifest.length}` });
  const exact = familiar(byDigest(reference, digest));
  if (!image.digests.includes(exact)) {
    const layers = contents.layers.map(({ diffId, open }) => ({ diffId, open: async () => open() }));
    await parts.images.add({ config: contents.config, layers, references: [exact] });
  }
  const aux = { Tag: tag, Digest: digest, Size: manifest.length };
  onProgress({ status: "", progressDetail: {}, aux });
  return { tag, digest, size: manifest.length };
}

interface Order {
  readonly parts: Parts;
  readonly session: Session;
  readonly reference: Reference;
  readonly contents: OutgoingImage;
  readonly options: Options;
}

/**
 * Layers that were in the repository once are not even read: files without contents stand for them. Where
 * the registry has one of them no more, all are made and it is sent again.
 */
async function sendTrusting(order: Order): Promise<Buffer> {
  const { parts, reference, contents, options } = order;
  const repository = repositoryOf(reference);
  const trusted = new Map<string, Descriptor>();
  for (const { diffId } of contents.layers) {
    const known = parts.known
      .of(diffId)
      .find((blob) => blob.repository === repository && GZIP.has(blob.mediaType));
    if (known) trusted.set(diffId, known);
  }
  try {
    return await send(order, trusted);
  } catch (thrown) {
    options.signal.throwIfAborted();
    if (trusted.size === 0 || !(thrown instanceof SkopeoError) || !isAboutContents(thrown)) throw thrown;
    for (const diffId of trusted.keys()) parts.known.forget(diffId, repository);
    return await send(order, new Map());
  }
}

/** How many layers dockerd sends at a time: the others wait. */
const AT_ONCE = 5;

const isAboutContents = ({ message }: SkopeoError): boolean =>
  /did not match|digest|DIGEST_INVALID|provided digest|size invalid/i.test(message);

const repositoryOf = ({ domain, path }: Reference): string => canonical({ domain, path });

async function send(order: Order, trusted: ReadonlyMap<string, Descriptor>): Promise<Buffer> {
  const { session, reference, contents, options, parts } = order;
  const directory = join(session.directory, "image");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  const distinct = new Map(contents.layers.map((layer) => [layer.diffId as string, layer]));
  const tell = (diffId: string, status: string, progressDetail: { current?: number; total?: number } = {}) =>
    options.onProgress({ status, progressDetail, id: shortDigest(diffId) });
  for (const diffId of [...distinct.keys()].reverse()) tell(diffId, "Preparing");

  const blobs = await blobsOf(distinct, trusted, directory, options.signal);
  for (const diffId of [...distinct.keys()].slice(AT_ONCE)) tell(diffId, "Waiting");
  const config = { digest: sha256(contents.config), size: contents.config.length };
  const layers = contents.layers.flatMap(({ diffId }) => blobs.get(diffId) ?? []);
  const manifest = encodeManifest(config, layers);
  writeFileSync(join(directory, hexOf(config.digest)), contents.config);
  writeFileSync(join(directory, "manifest.json"), manifest);
  writeFileSync(join(directory, "version"), "Directory Transport Version: 1.1\n");

  const left = new Map([...blobs].map(([diffId, blob]) => [blob.digest, { diffId, size: blob.size }]));
  const transfer: UploadOptions = {
    session,
    directory,
    target: canonical(reference),
    signal: options.signal,
    onBytes: (blob, current) => {
      const layer = left.get(`sha256:${blob}`);
      if (layer) tell(layer.diffId, "Pushing", { current, total: layer.size });
    },
    onBlob: (digest, outcome) => {
      const layer = left.get(digest);
      if (!layer) return;
      left.delete(digest);
      if (outcome === "exists") tell(layer.diffId, "Layer already exists");
      else if (outcome === "sent") tell(layer.diffId, "Pushed");
      else tell(layer.diffId, `Mounted from ${outcome.mountedFrom}`);
    },
  };
  const wait = (seconds: number) => {
    for (const { diffId } of left.values()) tell(diffId, retryStatus(seconds));
  };
  await retrying(() => upload(transfer), options.signal, wait);
  for (const { diffId } of left.values()) tell(diffId, "Pushed");
  for (const [diffId, blob] of blobs) {
    parts.known.add(diffId, { ...blob, repository: repositoryOf(reference) });
  }
  return manifest;
}

/** Each layer's blob, in its file. @throws what the first of them failed of, when none is written any more */
async function blobsOf(
  layers: ReadonlyMap<string, OutgoingImage["layers"][number]>,
  trusted: ReadonlyMap<string, Descriptor>,
  directory: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Descriptor>> {
  const turns = new Turns(COMPRESSIONS);
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const blobs = new Map<string, Descriptor>();
  const making = [...layers].map(async ([diffId, layer]) => {
    const known = trusted.get(diffId);
    if (known) {
      blobs.set(diffId, placeholder(directory, { ...known, mediaType: DOCKER_LAYER }));
      return;
    }
    const done = await turns.take();
    try {
      blobs.set(diffId, await compress(directory, layer, either));
    } catch (thrown) {
      failed.abort(thrown);
    } finally {
      done();
    }
  });
  await Promise.all(making);
  either.throwIfAborted();
  return blobs;
}

function placeholder(directory: string, blob: Descriptor): Descriptor {
  const file = join(directory, hexOf(blob.digest));
  writeFileSync(file, "");
  truncateSync(file, blob.size);
  return blob;
}

/** Always the same bytes for the same tar, so that a registry knows the layer again. */
async function compress(
  directory: string,
  { diffId, open }: OutgoingImage["layers"][number],
  signal: AbortSignal,
): Promise<Descriptor> {
  const file = join(directory, `${hexOf(diffId)}.part`);
  const hash = createHash("sha256");
  let size = 0;
  const measure = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      size += piece.length;
      done(null, piece);
    },
  });
  await pipeline(open(), createGzip(), measure, createWriteStream(file), { signal });
  const digest = `sha256:${hash.digest("hex")}`;
  renameSync(file, join(directory, hexOf(digest)));
  return { mediaType: DOCKER_LAYER, digest, size };
}
