/** A recipe carried out by the builder: what it runs in, what is heard of it, what became of it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Images } from "../image/types.ts";
import { invalid } from "../lib/errors.ts";
import { type ContainerID, type ImageID, randomHex } from "../lib/ids.ts";
import type { UndoStack } from "../lib/undo.ts";
import type { Networks } from "../network/types.ts";
import type { Buildah } from "./buildah.ts";
import { removeCgroup } from "./cgroup.ts";
import { failureOf } from "./failure.ts";
import { ALWAYS, requestFlags, untoldArguments, withoutProxies } from "./flags.ts";
import { Narrator } from "./narrator.ts";
import { openNetwork } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import type { Stages } from "./stages.ts";
import type { Transfer } from "./transfer.ts";
import type { BuildMessage, BuildRequest } from "./types.ts";

export interface Tools {
  readonly buildah: Buildah;
  readonly transfer: Transfer;
  readonly images: Images;
  readonly networks: Networks;
  readonly findContainer: (reference: string) => ContainerID;
  readonly cgroupParent: string;
  readonly runtime: string;
  readonly seccompProfile: object;
}

export interface Work {
  readonly request: BuildRequest;
  readonly plan: Stages;
  readonly recipe: Recipe;
  /** Of the build: 12 digits. */
  readonly id: string;
  /** The build's own, with the context in `context`. */
  readonly directory: string;
  /** Steps that the client was told of. */
  readonly told: number;
  readonly idOf: (name: string, platform: string) => ImageID;
  /** What is made for the build is taken away by it. */
  readonly undo: UndoStack;
}

export interface Listeners {
  readonly onMessage: (message: BuildMessage) => Promise<void> | void;
  readonly signal: AbortSignal;
  /** The builder had no time to clean up its own store. */
  readonly onKilled: () => void;
}

/** Holds the path of a build's cgroup, while it has one. */
export const CGROUP = "cgroup";

/**
 * @returns the result's id, in the builder's store
 * @throws CommandFailure; invalid, internal with what the builder said
 */
export async function carryOut(tools: Tools, work: Work, listeners: Listeners): Promise<ImageID> {
  const { plan, directory } = work;
  const commands = [...plan.globals, ...plan.stages.flatMap((stage) => stage.commands)];
  const { rest: request, surroundings: proxies } = withoutProxies(work.request, commands);
  const { signal, onMessage, onKilled } = listeners;
  const surroundings = await surroundingsOf(tools, work);
  // The builder is not read before its last words have been taken.
  let heard: Promise<void> | void;
  const narrator = narratorOf(tools, work, (message) => {
    heard = onMessage(message);
  });
  const flags = [
    ...ALWAYS,
    ...(Object.keys(proxies).length > 0 ? ["--http-proxy=true"] : []),
    ...surroundings,
    ...requestFlags(request, isCached(tools.images, request)),
  ];
  const file = ["--file", write(directory, "Dockerfile", work.recipe.text)];
  const code = await tools.buildah.run(["build", ...flags, ...file, join(directory, "context")], {
    signal,
    environment: { ...proxies, ...untoldArguments(request) },
    onStdout: (text) => {
      narrator.stdout(text);
      return heard;
    },
    onStderr: (text) => {
      narrator.stderr(text);
      return heard;
    },
  });
  narrator.end(code);
  if (code === 0 && narrator.result !== "") return `sha256:${narrator.result}` as ImageID;
  if (code < 0) onKilled();
  if (signal.aborted) throw invalid("Build cancelled");
  const { step, before } = narrator.position;
  throw failureOf(narrator.complaint, code, step, before);
}

function write(directory: string, name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** Network, cgroup, runtime and filters of RUN steps, as flags. */
async function surroundingsOf(tools: Tools, { request, id, directory, undo }: Work): Promise<string[]> {
  const { buildah, networks, findContainer, runtime, seccompProfile } = tools;
  const cgroup = join("/", request.cgroupParent || tools.cgroupParent, `build-${id}`);
  // For the next start, should this engine not come to its removal.
  write(directory, CGROUP, cgroup);
  undo.push("remove the cgroup", () => removeCgroup(cgroup));
  const network = await openNetwork(request.networkMode, {
    networks,
    findContainer,
    directory: join(directory, "network"),
    extraHosts: request.extraHosts,
  });
  undo.push("close the network", () => network.close());
  const profile = write(directory, "seccomp.json", JSON.stringify(seccompProfile));
  return [
    ...["--runtime", runtime, "--cgroup-parent", cgroup, "--security-opt", `seccomp=${profile}`],
    ...["--signature-policy", buildah.settings("policy.json"), "--hooks-dir", buildah.settings("hooks")],
    ...["--ignorefile", buildah.settings("ignore")],
    ...network.flags,
  ];
}

/** Where images are named to take steps from, and none of them is here, there is nothing to take. */
const isCached = (images: Images, { noCache, cacheFrom }: BuildRequest): boolean =>
  !noCache && (cacheFrom.length === 0 || cacheFrom.some((name) => images.find(name) !== undefined));

function narratorOf(
  { transfer }: Tools,
  { plan, recipe, told, idOf }: Work,
  emit: (message: BuildMessage) => void,
): Narrator {
  return new Narrator({
    recipe,
    bases: plan.stages.map(({ base, platform }) => {
      if (base.kind === "stage") return { stage: base.index };
      return base.kind === "image" ? idOf(base.name, platform).replace(/^sha256:/, "") : "";
    }),
    emit,
    completeId: (prefix) => transfer.completeId(prefix),
    newId: () => randomHex(6),
    told,
  });
}
