/** Builds: each from its request to an image of the engine's, and nothing left of it besides. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Image, Images } from "../image/types.ts";
import { inContext, invalid, throwAll } from "../lib/errors.ts";
import type { EngineEvent } from "../lib/events.ts";
import { type ContainerID, type ImageID, randomHex, shortId } from "../lib/ids.ts";
import { familiar, parseReference } from "../lib/reference.ts";
import { UndoStack } from "../lib/undo.ts";
import { treeSize } from "../linux/tree-size.ts";
import type { Networks } from "../network/types.ts";
import type { Registry } from "../registry/types.ts";
import { baseImage, tagOf } from "./bases.ts";
import { Buildah } from "./buildah.ts";
import { CGROUP, carryOut } from "./carry-out.ts";
import { removeCgroup } from "./cgroup.ts";
import { type Context, readContext } from "./context.ts";
import { checkTriggers, parseDockerfile } from "./dockerfile.ts";
import { stepLine } from "./narrator.ts";
import { recipeOf } from "./recipe.ts";
import { remoteContext } from "./remote.ts";
import { checkResult, imagesOf, type Stages, stagesOf } from "./stages.ts";
import { Transfer } from "./transfer.ts";
import type { Builder, BuildRequest, CacheUsage } from "./types.ts";

export interface BuilderOptions {
  readonly images: Images;
  readonly registry: Registry;
  readonly networks: Networks;
  readonly findContainer: (reference: string) => ContainerID;
  readonly publish: (event: Omit<EngineEvent, "time">) => void;
  readonly dataRoot: string;
  readonly execRoot: string;
  /** Below every hierarchy's root, unless a build asks for another. */
  readonly cgroupParent: string;
  /** The engine's own: a path. */
  readonly runtime: string;
  /** Of RUN steps, as in capabilities(7). */
  readonly capabilities: readonly string[];
  /** The filter of RUN steps' system calls, as the OCI runtime specification has it. */
  readonly seccompProfile: object;
}

type Handlers = Parameters<Builder["build"]>[1];

export function createBuilder(options: BuilderOptions): Builder {
  return new ImageBuilder(options);
}

/** What the client sent, or what lies where it says. @throws invalid without either */
async function contextOf(request: BuildRequest, directory: string, signal: AbortSignal): Promise<Context> {
  const { context, remote, dockerfile } = request;
  if (remote) return remoteContext(remote, directory, dockerfile, signal);
  if (!context) throw invalid("the request has no body: there is no context to build from");
  return readContext(context, directory, dockerfile);
}

class ImageBuilder implements Builder {
  readonly #options: BuilderOptions;
  readonly #dataRoot: string;
  readonly #execRoot: string;
  readonly #buildah: Buildah;
  readonly #transfer: Transfer;
  readonly #running = new Set<Promise<unknown>>();
  readonly #stopping = new AbortController();
  /** A build that was cut short has left containers in the builder's store: removed once nobody builds. */
  #untidy = false;
  /** Their removal: who builds next waits for it. */
  #tidying: Promise<unknown> = Promise.resolve();

  constructor(options: BuilderOptions) {
    const { dataRoot, execRoot, images } = options;
    this.#options = options;
    this.#dataRoot = join(dataRoot, "build");
    this.#execRoot = join(execRoot, "build");
    this.#buildah = new Buildah({
      dataRoot: this.#dataRoot,
      execRoot: this.#execRoot,
      storageDriver: () => images.storageDriver,
      capabilities: options.capabilities,
    });
    const directory = join(this.#dataRoot, "work");
    this.#transfer = new Transfer({ buildah: this.#buildah, images, directory });
  }

  /** What a crash left goes: contexts, cgroups, and with the next build the containers of the last. */
  async start(): Promise<void> {
    const work = join(this.#dataRoot, "work");
    if (!existsSync(work)) return;
    for (const name of await readdir(work)) {
      const cgroup = join(work, name, CGROUP);
      if (existsSync(cgroup)) await removeCgroup(readFileSync(cgroup, "utf8"));
      await rm(join(work, name), { recursive: true, force: true });
      this.#untidy = true;
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#running);
    await Promise.allSettled([this.#tidying]);
  }

  async build(request: BuildRequest, handlers: Handlers): Promise<string> {
    const signal = AbortSignal.any([handlers.signal, this.#stopping.signal]);
    const work = this.#tidied().then(() => this.#build(request, { ...handlers, signal }));
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
      // Whoever builds next tries again, and is told.
      this.#tidy().catch(() => {});
    }
  }

  async #tidied(): Promise<void> {
    Buildah.require();
    this.#buildah.configure();
    await this.#tidy();
  }

  #tidy(): Promise<unknown> {
    if (!this.#untidy || this.#running.size > 0) return this.#tidying;
    this.#untidy = false;
    this.#tidying = this.#buildah.read("rm", "--all").catch((thrown: unknown) => {
      this.#untidy = true;
      this.#tidying = Promise.resolve();
      throw thrown;
    });
    return this.#tidying;
  }

  async #build(request: BuildRequest, handlers: Handlers): Promise<string> {
    const tags = request.tags.map(tagOf);
    const id = randomHex(6);
    const directory = join(this.#dataRoot, "work", id);
    const undo = new UndoStack();
    try {
      undo.push("remove the context", () => rm(directory, { recursive: true, force: true }));
      const context = await contextOf(request, join(directory, "context"), handlers.signal);
      const dockerfile = parseDockerfile(context.dockerfile, request.dockerfile || "Dockerfile");
      const plan = stagesOf(dockerfile, request);
      checkResult(plan, request);
      return await this.#carryOut(request, plan, { id, directory, tags, undo }, handlers);
    } finally {
      throwAll("clean up after a build", await undo.unwind());
    }
  }

  async #carryOut(
    request: BuildRequest,
    plan: Stages,
    place: {
      readonly id: string;
      readonly directory: string;
      readonly tags: readonly string[];
      readonly undo: UndoStack;
    },
    { onMessage, signal }: Handlers,
  ): Promise<string> {
    const told = this.#tellBeginning(plan, request, onMessage);
    const bases = await this.#bring(plan, request, { onMessage, signal });
    const idOf = (name: string, platform: string): ImageID => {
      const base = bases.get(`${name} ${platform}`);
      if (!base) throw new TypeError(`${name} was not brought`);
      return base.id;
    };
    const recipe = recipeOf(plan, request.labels, idOf);
    const built = await carryOut(
      { ...this.#options, buildah: this.#buildah, transfer: this.#transfer },
      { request, plan, recipe, told, idOf, ...place },
      {
        onMessage,
        signal,
        onKilled: () => {
          this.#untidy = true;
        },
      },
    );
    const last = plan.stages.at(-1)?.base;
    const parent = last?.kind === "image" ? idOf(last.name, plan.stages.at(-1)?.platform ?? "") : undefined;
    const known = this.#options.images.find(built);
    const image = known ?? (await this.#take(built, parent));
    void onMessage({ stream: `Successfully built ${shortId(image.id)}\n` });
    for (const tag of place.tags) {
      await this.#options.images.tag(image.id, tag);
      void onMessage({ stream: `Successfully tagged ${familiar(parseReference(tag))}\n` });
    }
    return image.id;
  }

  async #take(built: ImageID, parent: ImageID | undefined): Promise<Image> {
    const image = await this.#transfer.take(built, parent);
    const attributes = { ...image.config.Labels, name: image.id };
    this.#options.publish({ type: "image", action: "create", actor: { id: image.id, attributes } });
    return image;
  }

  /** The steps up to the first FROM: an image that can't be had is told of after them. @returns how many */
  #tellBeginning(plan: Stages, request: BuildRequest, onMessage: Handlers["onMessage"]): number {
    const { globals, stages } = recipeOf(plan, request.labels, () => "" as ImageID);
    const beginning = [...globals, ...(stages[0] ?? []).slice(0, 1)];
    const total = globals.length + stages.flat().length;
    for (const [index, step] of beginning.entries())
      void onMessage({ stream: stepLine(index + 1, total, step) });
    return beginning.length;
  }

  async #bring(plan: Stages, request: BuildRequest, handlers: Handlers): Promise<ReadonlyMap<string, Image>> {
    const { images, registry } = this.#options;
    const found = new Map<string, Image>();
    for (const { name, platform, isCopied } of imagesOf(plan)) {
      const { pull, credentials } = request;
      const base = await baseImage(name, platform || request.platform, {
        images,
        registry,
        pull,
        credentials,
        ...handlers,
      }).catch((thrown: unknown) => {
        throw isCopied ? inContext(`invalid from flag value ${name}`, thrown) : thrown;
      });
      checkTriggers(base.config.OnBuild ?? [], name);
      await this.#transfer.bring(base.id);
      found.set(`${name} ${platform}`, base);
    }
    return found;
  }

  async usage(): Promise<CacheUsage> {
    const { storage } = this.#buildah;
    const bytes = (await treeSize(storage)).allocated;
    const made = statSync(storage, { throwIfNoEntry: false });
    return { bytes, ...(made && { createdAt: made.birthtime }) };
  }

  /** What running builds may use stays: with one running, nothing goes. */
  async prune(): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }> {
    if (this.#running.size > 0) return { deleted: [], reclaimed: 0 };
    const work = this.#prune();
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  async #prune() {
    const { publish } = this.#options;
    await Promise.allSettled([this.#tidying]);
    const deleted = this.#transfer.ids();
    const { bytes: reclaimed } = await this.usage();
    await rm(this.#buildah.storage, { recursive: true, force: true });
    this.#untidy = false;
    publish({
      type: "builder",
      action: "prune",
      actor: { id: "", attributes: { reclaimed: String(reclaimed) } },
    });
    return { deleted, reclaimed };
  }
}
