/** Images from and to registries, by way of skopeo: the parts of this room put together. */
import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Image, Images } from "../image/types.ts";
import { EngineError, forbidden, invalid, kindOf, messageOf, unavailable } from "../lib/errors.ts";
import type { EngineEvent } from "../lib/events.ts";
import type { Logger } from "../lib/log.ts";
import { canonical, familiar, parseReference, type Reference, withDefaultTag } from "../lib/reference.ts";
import { BlobShelf } from "./blobs.ts";
import { byDigest, fetchConfig, fetchManifest } from "./fetch.ts";
import { KnownBlobs } from "./known.ts";
import { type ImageManifest, parseConfig } from "./manifest.ts";
import { removeOrphans } from "./orphans.ts";
import type { Parts } from "./parts.ts";
import { hostPlatform, parsePlatform, runsOn } from "./platform.ts";
import { type Pulled, type PullOptions, pullOne } from "./pull.ts";
import { type Pushed, pushOne } from "./push.ts";
import { type Asked, refusal, UnreachableError } from "./refusals.ts";
import { SharedWork } from "./shared.ts";
import { domainOf, Session } from "./skopeo.ts";
import { mirrorLocation, mirrorsOf, type RegistrySettings, trustsBlindly } from "./trust.ts";
import type { Credentials, Registry, TransferOptions } from "./types.ts";

export interface RegistryOptions {
  readonly images: Images;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly settings: RegistrySettings;
  readonly logger: Logger;
  readonly publish: (event: Omit<EngineEvent, "time">) => void;
}

export const createRegistry = (options: RegistryOptions): Registry => new SkopeoRegistry(options);

/** The image that is made of the machine's own busybox where no registry can be asked for it. */
const BUILT_IN = "docker.io/library/busybox:latest";
/** How long a registry may be silent before the machine's own busybox will do. */
const BUILT_IN_PATIENCE = "10s";

/** `host`, `host:port`, `[::1]:port`. */
const SERVER = /^(\[[\da-fA-F:.]+\]|[A-Za-z0-9][\w.-]*)(:\d{1,5})?$/;

class SkopeoRegistry implements Registry {
  readonly #options: RegistryOptions;
  readonly #parts: Parts;
  readonly #pulls = new SharedWork<Pulled>();
  readonly #closing = new AbortController();
  readonly #transfers = new Set<Promise<unknown>>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    const { images, logger, publish, settings } = options;
    const root = join(options.dataRoot, "registry");
    this.#parts = {
      images,
      logger,
      publish,
      shelf: new BlobShelf(join(root, "blobs")),
      known: new KnownBlobs(join(root, "layers"), logger),
      surroundings: {
        settings,
        secrets: join(options.execRoot, "registry"),
        transfers: join(root, "transfers"),
        notes: join(root, "notes"),
      },
    };
  }

  async start(): Promise<void> {
    const { shelf, known, surroundings, images } = this.#parts;
    mkdirSync(surroundings.transfers, { recursive: true, mode: 0o700 });
    removeOrphans(realpathSync(surroundings.transfers), surroundings.secrets);
    shelf.sweep();
    known.start(new Set(images.list().flatMap(({ layers }) => layers.map(({ diffId }) => diffId))));
  }

  async pull(text: string, options: TransferOptions): Promise<Image> {
    const reference = withDefaultTag(pullable(text));
    const pulled = await this.#pull(reference, options);
    this.#publish("pull", reference);
    tellStatus(options, reference, pulled);
    return pulled.image;
  }

  async pullAll(text: string, options: TransferOptions): Promise<readonly Image[]> {
    const { domain, path } = pullable(text);
    const repository: Reference = { domain, path };
    const tags = await this.#track(options.signal, (signal) =>
      this.#asking(asked("pull", repository, options), () =>
        this.#tags(repository, options.credentials, signal),
      ),
    ).catch((thrown: unknown) => {
      // What the machine has for it is its only tag.
      if (isBuiltIn({ ...repository, tag: "latest" }) && isOutOfReach(thrown)) return ["latest"];
      throw thrown;
    });
    const pulled: Pulled[] = [];
    for (const tag of tags) pulled.push(await this.#pull({ ...repository, tag }, options));
    this.#publish("pull", repository);
    const updated = pulled.some((each) => each.updated);
    tellStatus(options, repository, { updated, ...(pulled.some(({ made }) => made) && { made: true }) });
    return pulled.map(({ image }) => image);
  }

  async push(text: string, options: TransferOptions): Promise<Pushed> {
    const reference = parseReference(text);
    if (reference.digest !== undefined) throw invalid("cannot push a digest reference");
    const { domain, path } = reference;
    const name = familiar({ domain, path });
    options.onProgress({ status: `The push refers to repository [${canonical({ domain, path })}]` });
    const here = tagsOf(this.#parts.images, reference);
    if (here.length === 0) throw invalid(`An image does not exist locally with the tag: ${name}`);
    const chosen = here.filter(({ tag }) => reference.tag === undefined || tag === reference.tag);
    if (chosen.length === 0) throw invalid(`tag does not exist: ${familiar(reference)}`);
    let last: Pushed = { tag: "", digest: "", size: 0 };
    for (const { tag, image } of chosen) {
      const tagged = { domain, path, tag };
      last = await this.#track(options.signal, (signal) =>
        this.#asking(asked("push", tagged, options), () =>
          pushOne(this.#parts, tagged, image, { ...options, signal }),
        ),
      );
    }
    this.#publish("push", reference);
    return last;
  }

  async login(credentials: Credentials) {
    const domain = domainOf(credentials.serverAddress ?? "");
    const { username, password = "" } = credentials;
    if (!username) throw new EngineError("unauthorized", "username and password required");
    // Both are words of a command line.
    if (!SERVER.test(domain)) throw invalid(`invalid registry address: ${JSON.stringify(domain)}`);
    if (username.includes("\0")) throw invalid("a NUL byte in the username");
    const reference: Reference = { domain, path: "" };
    await this.#track(new AbortController().signal, (signal) =>
      this.#asking({ reference, verb: "login", anonymous: false }, async () => {
        await using session = await Session.open(this.#parts.surroundings, domain, undefined);
        const args = ["login", "--authfile", session.authFile, `--username=${username}`, "--password-stdin"];
        await session.run([...args, domain], { signal, input: password });
      }),
    );
    return { status: "Login Succeeded", identityToken: "" };
  }

  async inspect(text: string, options: Pick<TransferOptions, "credentials" | "signal">) {
    const reference = withDefaultTag(parseReference(text));
    return this.#track(options.signal, (signal) =>
      this.#asking(asked("pull", reference, options), async () => {
        const { surroundings } = this.#parts;
        await using session = await Session.open(surroundings, reference.domain, options.credentials);
        const { bytes, digest, manifest } = await fetchManifest(session, reference, signal);
        const descriptor = { mediaType: manifest.mediaType, digest, size: bytes.length };
        if (manifest.kind === "index") {
          const platforms = manifest.manifests.flatMap(({ platform }) => platform ?? []);
          return { descriptor, platforms };
        }
        const { platform } = await this.#config(session, byDigest(reference, digest), manifest, signal);
        return { descriptor, platforms: [platform] };
      }),
    );
  }

  async stop(): Promise<void> {
    this.#closing.abort(unavailable("the engine stops"));
    await Promise.allSettled(this.#transfers);
  }

  async #pull(reference: Reference, options: TransferOptions): Promise<Pulled> {
    const platform = options.platform ? parsePlatform(options.platform) : undefined;
    const who = createHash("sha256")
      .update(JSON.stringify(options.credentials ?? {}))
      .digest("hex");
    const key = JSON.stringify([canonical(reference), platform ?? null, who]);
    return this.#pulls.run(key, options, (shared) =>
      this.#track(shared.signal, (signal) =>
        this.#pullAlone(reference, {
          onProgress: shared.onProgress,
          signal,
          ...(options.credentials && { credentials: options.credentials }),
          ...(platform && { platform }),
        }),
      ),
    );
  }

  /** Without a registry to be reached, `busybox` is what it always was: the machine's own. */
  async #pullAlone(reference: Reference, options: PullOptions): Promise<Pulled> {
    const builtIn = isBuiltIn(reference) && runsOn(hostPlatform(), options.platform ?? hostPlatform());
    const given = builtIn ? { ...options, patience: BUILT_IN_PATIENCE } : options;
    try {
      return await this.#asking(asked("pull", reference, options), () =>
        pullOne(this.#parts, reference, given),
      );
    } catch (thrown) {
      if (!builtIn || !isOutOfReach(thrown)) throw thrown;
      this.#parts.logger.info(
        { reason: messageOf(thrown) },
        "no registry to ask for busybox: this machine's own",
      );
      const before = this.#parts.images.find(BUILT_IN);
      const image = await this.#parts.images.resolve(BUILT_IN);
      return { image, updated: before?.id !== image.id, made: true };
    }
  }

  async #tags(
    { domain, path }: Reference,
    credentials: Credentials | undefined,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { surroundings } = this.#parts;
    await using session = await Session.open(surroundings, domain, credentials);
    const list = async (repository: string, ...options: string[]) => {
      const args = ["list-tags", "--authfile", session.authFile, ...options, `docker://${repository}`];
      const answer = JSON.parse((await session.run(args, { signal })).toString()) as {
        readonly Tags?: readonly string[] | null;
      };
      return answer.Tags ?? [];
    };
    // Of tags alone, skopeo asks no mirror by itself.
    for (const { location, plain } of mirrorsOf(domain, surroundings.settings).map(mirrorLocation)) {
      const blind =
        plain || (await trustsBlindly(location.split("/", 1)[0] ?? location, surroundings.settings));
      try {
        return await list(`${location}/${path}`, ...(blind ? ["--tls-verify=false"] : []));
      } catch (thrown) {
        signal.throwIfAborted();
        this.#parts.logger.info(
          { mirror: location, reason: messageOf(thrown) },
          "a mirror has no tags to tell",
        );
      }
    }
    return list(canonical({ domain, path }));
  }

  async #config(session: Session, reference: Reference, manifest: ImageManifest, signal: AbortSignal) {
    return parseConfig(await fetchConfig(session, reference, manifest, signal));
  }

  /** @throws what the registry says, in Docker's words */
  async #asking<T>(asked: Asked, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw refusal(thrown, asked);
    }
  }

  /** Work that ends with the engine, which waits for it to be tidied up. */
  #track<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const all = AbortSignal.any([signal, this.#closing.signal]);
    const ended = Promise.resolve().then(() => work(all));
    this.#transfers.add(ended);
    const forget = () => void this.#transfers.delete(ended);
    ended.then(forget, forget);
    return ended;
  }

  /** As Docker tells of it: by the name that was asked for, with the image's labels. */
  #publish(action: string, reference: Reference): void {
    const { domain, path } = reference;
    const id = familiar(reference);
    const labels = this.#parts.images.find(id)?.config.Labels;
    const attributes = { ...labels, name: familiar({ domain, path }) };
    this.#options.publish({ type: "image", action, actor: { id, attributes } });
  }
}

const asked = (
  verb: Asked["verb"],
  reference: Reference,
  { credentials }: Pick<TransferOptions, "credentials">,
): Asked => ({ verb, reference, anonymous: !credentials?.username && !credentials?.identityToken });

const isBuiltIn = (reference: Reference): boolean => canonical(reference) === BUILT_IN;

/** There is no way to a registry: no network, or no program that talks to one. */
const isOutOfReach = (thrown: unknown): boolean =>
  thrown instanceof UnreachableError || kindOf(thrown) === "not-built-in";

/** @throws invalid; forbidden for the name that stands for no image at all */
function pullable(text: string): Reference {
  const reference = parseReference(text);
  if (canonical({ domain: reference.domain, path: reference.path }) === "docker.io/library/scratch") {
    throw forbidden("'scratch' is a reserved name");
  }
  return reference;
}

function tellStatus(
  { onProgress }: TransferOptions,
  reference: Reference,
  { updated, made }: Pick<Pulled, "updated" | "made">,
): void {
  const name = familiar(reference);
  if (!updated) onProgress({ status: `Status: Image is up to date for ${name}` });
  else if (made) onProgress({ status: `Status: Made ${name} from this machine's own busybox` });
  else onProgress({ status: `Status: Downloaded newer image for ${name}` });
}

/** A repository's tags here, in order. */
function tagsOf(images: Images, { domain, path }: Reference) {
  return images.list().flatMap((image) =>
    image.tags.flatMap((text) => {
      const reference = parseReference(text);
      const { tag } = reference;
      return tag !== undefined && reference.domain === domain && reference.path === path
        ? [{ tag, image }]
        : [];
    }),
  );
}
