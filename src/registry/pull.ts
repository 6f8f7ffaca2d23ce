/** One image brought from a registry (Docker API, "Create an image"; OCI distribution spec, "Pull"). */
import { createReadStream } from "node:fs";
import type { DiffID, Image, IncomingLayer } from "../image/types.ts";
import { internal, invalid, kindOf, notFound } from "../lib/errors.ts";
import { canonical, familiar, type Reference } from "../lib/reference.ts";
import { type Download, download } from "./download.ts";
import { byDigest, type Fetched, fetchConfig, fetchManifest } from "./fetch.ts";
import { LayerProgress } from "./layer-progress.ts";
import { type Descriptor, type ImageManifest, parseConfig } from "./manifest.ts";
import type { Parts } from "./parts.ts";
import { choose, formatPlatform, hostPlatform, type Platform, runsOn } from "./platform.ts";
import { Session } from "./skopeo.ts";
import type { TransferOptions } from "./types.ts";

export interface Pulled {
  readonly image: Image;
  /** The tag leads to another image than before, or is new. */
  readonly updated: boolean;
  /** Of no registry: made of what this machine has. */
  readonly made?: true;
}

export interface PullOptions extends Omit<TransferOptions, "platform"> {
  readonly platform?: Platform;
  /** How long the registry may stay silent, as Go writes durations. */
  readonly patience?: string;
}

/** Of indexes within indexes: more is an attack. */
const DEEPEST = 8;

/** @param reference with a tag or a digest. @throws SkopeoError, and errors of its own */
export async function pullOne(parts: Parts, reference: Reference, options: PullOptions): Promise<Pulled> {
  const { signal, onProgress } = options;
  await using session = await Session.open(parts.surroundings, reference.domain, options.credentials);
  const top = await fetchManifest(session, reference, signal, options.patience);
  onProgress({ status: `Pulling from ${reference.path}`, id: reference.digest ?? reference.tag ?? "" });
  const references = namesFor(reference, top.digest);
  const before = parts.images.find(references[0] ?? "");
  const image =
    (await takeKnown(parts, references, options.platform)) ??
    (await bring({ parts, session, reference, top, references, options }));
  onProgress({ status: `Digest: ${top.digest}` });
  warnOfPlatform(image, reference, options);
  return { image, updated: before?.id !== image.id };
}

/** What the image shall be known by: its tag, unless it was asked for by digest, and the digest. */
function namesFor(reference: Reference, digest: string): readonly string[] {
  const exact = familiar(byDigest(reference, digest));
  if (reference.digest !== undefined) return [exact];
  return [familiar(reference), exact];
}

const platformOf = ({ os, architecture, variant }: Image): Platform => ({
  os,
  architecture,
  ...(variant && { variant }),
});

/** The image that this very manifest was of, where it is here and fits: nothing more is asked of the registry. */
async function takeKnown(
  { images }: Parts,
  references: readonly string[],
  platform: Platform = hostPlatform(),
): Promise<Image | undefined> {
  const exact = references.at(-1) ?? "";
  const here = images.list().find((image) => image.digests.includes(exact));
  if (!here || here.architecture !== platform.architecture || !runsOn(platform, platformOf(here))) {
    return undefined;
  }
  if (references.every((name) => here.tags.includes(name) || here.digests.includes(name))) return here;
  return images.add(await known(await images.contents(here.id), references));
}

/** An image that is here, under further names. */
function known(
  { config, layers }: Awaited<ReturnType<Parts["images"]["contents"]>>,
  references: readonly string[],
) {
  return {
    config,
    layers: layers.map(({ diffId, open }) => ({ diffId, open: async () => open() })),
    references,
  };
}

interface Order {
  readonly parts: Parts;
  readonly session: Session;
  readonly reference: Reference;
  readonly top: Fetched;
  readonly references: readonly string[];
  readonly options: PullOptions;
}

async function bring(order: Order): Promise<Image> {
  const { parts, session, references, options } = order;
  const { exact, manifest } = await imageManifest(order);
  const config = await fetchConfig(session, exact, manifest, options.signal);
  const { diffIds } = parseConfig(config);
  if (diffIds.length !== manifest.layers.length) {
    throw invalid(`layers from manifest don't match image configuration`);
  }
  const layers = manifest.layers.map((layer, i) => ({ layer, diffId: diffIds[i] as DiffID }));
  const here = new Set<string>(
    parts.images.list().flatMap((image) => image.layers.map((each) => each.diffId)),
  );
  const missing = layers.filter(({ diffId }) => !here.has(diffId));
  const wholeImage = parts.images.list().some(({ id }) => id === manifest.config.digest);
  const progress = new LayerProgress(options.onProgress);
  if (!wholeImage) {
    for (const { layer, diffId } of layers) {
      progress.tell(layer, here.has(diffId) ? "Already exists" : "Pulling fs layer");
    }
  }
  const stopper = new AbortController();
  const transfer = download({
    session,
    shelf: parts.shelf,
    source: canonical(exact),
    wanted: missing.map(({ layer }) => layer),
    unwanted: layers.filter(({ diffId }) => here.has(diffId)).map(({ layer }) => layer),
    signal: AbortSignal.any([options.signal, stopper.signal]),
    ...progress.ofDownload(missing.map(({ layer }) => layer)),
  });
  const image = await take(order, { config, layers, transfer, progress, stopper });
  const { domain, path } = order.reference;
  for (const { layer, diffId } of layers) {
    parts.known.add(diffId, { ...layer, repository: canonical({ domain, path }) });
  }
  for (const { layer } of missing) parts.shelf.drop(layer.digest);
  if (!image.digests.includes(references.at(-1) ?? "")) {
    parts.logger.warn({ image: image.id, references }, "a pulled image is not known by its digest");
  }
  return image;
}

/** The manifest of the image itself: of an index, the one for the platform. */
async function imageManifest({ session, reference, top, options }: Order): Promise<{
  readonly exact: Reference;
  readonly manifest: ImageManifest;
}> {
  const platform = options.platform ?? hostPlatform();
  let { digest, manifest } = top;
  for (let depth = 1; manifest.kind === "index"; depth += 1) {
    if (depth > DEEPEST) throw invalid(`${canonical(reference)}: indexes within indexes without end`);
    const chosen = choose(manifest.manifests, platform);
    if (!chosen) {
      throw notFound(`no matching manifest for ${formatPlatform(platform)} in the manifest list entries`);
    }
    ({ digest, manifest } = await fetchManifest(session, byDigest(reference, chosen.digest), options.signal));
  }
  return { exact: byDigest(reference, digest), manifest };
}

interface Taking {
  readonly config: Uint8Array;
  readonly layers: readonly { readonly layer: Descriptor; readonly diffId: DiffID }[];
  readonly transfer: Download;
  readonly progress: LayerProgress;
  readonly stopper: AbortController;
}

/** Each layer is unpacked as soon as its file is whole, those below it being so. */
async function take({ parts, references }: Order, taking: Taking): Promise<Image> {
  const { config, layers, transfer, progress, stopper } = taking;
  const byDiffId = new Map<string, Descriptor>(layers.map(({ layer, diffId }) => [diffId, layer]));
  const incoming = layers.map(
    ({ layer, diffId }): IncomingLayer => ({
      diffId,
      open: async () => progress.extracting(layer, createReadStream(await transfer.file(layer.digest))),
    }),
  );
  try {
    const image = await parts.images.add({
      config,
      layers: incoming,
      references,
      onLayer: (diffId, step) => {
        const layer = byDiffId.get(diffId);
        if (layer && step === "complete") progress.tell(layer, "Pull complete");
      },
    });
    // A layer that another pull brought meanwhile needs no download: what is still under way for it is given up.
    stopper.abort(internal("the image is whole"));
    await transfer.done.catch(() => {});
    return image;
  } catch (thrown) {
    stopper.abort(thrown);
    const cause = await transfer.done.then(
      () => thrown,
      (failure: unknown) => (failure === stopper.signal.reason ? thrown : failure),
    );
    if (kindOf(thrown) === "invalid") for (const { layer } of layers) parts.shelf.drop(layer.digest);
    throw cause;
  }
}

/** An image that is for one platform only is taken all the same, as ever; the one who asked for another is told. */
function warnOfPlatform(image: Image, reference: Reference, { platform, onProgress }: PullOptions): void {
  const own = platformOf(image);
  if (!platform || runsOn(platform, own)) return;
  const story = `image with reference ${familiar(reference)} was found but its platform`;
  onProgress({
    status: `WARNING: ${story} (${formatPlatform(own)}) does not match the specified platform (${formatPlatform(platform)})`,
  });
}
