/** A container's creation: checked whole, then layer, files and record; or nothing. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { Image } from "../image/types.ts";
import { invalid, notFound } from "../lib/errors.ts";
import { formatTime, nowNanoseconds } from "../lib/events.ts";
import { type ContainerID, newId } from "../lib/ids.ts";
import { undoing } from "../lib/undo.ts";
import { sysctlExists } from "../linux/sysctl.ts";
import { commandLineOf, configOf, type Defaults, hostConfigOf } from "./defaults.ts";
import { Entry } from "./entry.ts";
import { fitLimits } from "./limits/limits.ts";
import { type Draft, settleMounts } from "./mounts/settling.ts";
import { fillVolumes, makeVolumes } from "./mounts/volumes.ts";
import { makeWorkingDirectory } from "./mounts/working-directory.ts";
import { checkName } from "./names.ts";
import { firstEndpoints, modeOf, networkMeant } from "./network/endpoints.ts";
import { endpointLinks, legacyLinks } from "./network/links.ts";
import { networkDemands, refuseMac, refuseNetworksOfHost, sandboxModeOf } from "./network/sandbox-request.ts";
import type { Context } from "./options.ts";
import { directoryOf, networkFilesOf } from "./paths.ts";
import type { HostAbilities } from "./spec/host.ts";
import { containerOfMode } from "./spec/namespaces.ts";
import { parseSecurity } from "./spec/security.ts";
import type { Container, CreateRequest, HostConfig, State } from "./types.ts";
import { validateConfig, validateHostConfig } from "./validate.ts";

const NEVER = "0001-01-01T00:00:00Z";

const NEW: State = {
  status: "created",
  pid: 0,
  exitCode: 0,
  error: "",
  oomKilled: false,
  startedAt: NEVER,
  finishedAt: NEVER,
};

export const wasStarted = (state: State): boolean => state.startedAt !== NEVER;

export interface Created {
  readonly id: ContainerID;
  readonly warnings: readonly string[];
}

/** @throws invalid, not-found, not-built-in, conflict; in Docker's words where there are any */
export async function create(context: Context, request: CreateRequest): Promise<Created> {
  const wanted = request.name ? checkName(request.name) : undefined;
  const id = newId<ContainerID>();
  const image = await context.images.resolve(request.config.Image);
  checkPlatform(request, image);
  const { container, warnings } = describe(context, request, id, image);
  const drafts = draftMounts(context, request, container);

  const { names } = context.registry;
  return undoing(async (undo) => {
    if (wanted !== undefined) names.reserve(wanted, id);
    const name = wanted ?? names.reserveGenerated(id);
    undo.push("release the name", () => names.release(name, id));
    // The directory comes first: one without a record tells the next engine of a creation cut short.
    undo.push("remove the directory", () => rm(directoryOf(context, id), { recursive: true, force: true }));
    mkdirSync(directoryOf(context, id), { recursive: true, mode: 0o710 });
    writeFileSync(networkFilesOf(context, id).hostname, `${container.config.Hostname}\n`, { mode: 0o644 });
    await context.images.createLayer(id, image.id);
    undo.push("remove the layer", () => context.images.removeLayer(id));
    undo.push("let go of its volumes", () => context.claims.release(id));
    await makeWorkingDirectory(context, container, undo);
    const mounts = await makeVolumes(context, id, drafts, undo);
    await fillVolumes(context, id, mounts, undo);
    const entry = new Entry({ ...container, name, mounts });
    await context.registry.add(entry);
    context.claims.release(id);
    context.tell(entry.container, "create");
    return { id, warnings };
  });
}

function draftMounts(context: Context, request: CreateRequest, container: Container): readonly Draft[] {
  return settleMounts({
    hostConfig: container.hostConfig,
    volumes: Object.keys(container.config.Volumes ?? {}),
    readonlyNonRecursive: request.readonlyNonRecursive ?? false,
    dataRoot: context.dataRoot,
    mountsOf: (reference) => context.registry.find(reference).container.mounts,
    exists: existsSync,
  });
}

/** The whole of it, but for its name and its mounts. */
function describe(
  context: Context,
  request: CreateRequest,
  id: ContainerID,
  image: Image,
): { container: Container; warnings: readonly string[] } {
  const defaults: Defaults = {
    host: context.host,
    shmSize: context.shmSize,
    log: context.defaultLog,
    runtime: context.supervisor.runtime.name,
    engine: context.engineDefaults,
  };
  const written = hostConfigOf(request.hostConfig, defaults);
  validateHostConfig(written, request.config, {
    host: context.host,
    cgroups: context.cgroups,
    runtimes: [context.supervisor.runtime.name, ...RUNTIMES],
    sysctlExists,
  });
  const { limits: hostConfig, warnings } = fitLimits(withIds(context, written), context.host);
  const config = configOf(request, id, image, hostConfig.NetworkMode, defaults);
  validateConfig(config);
  refuseMac(hostConfig.NetworkMode, request.endpoints);
  refuseNetworksOfHost(hostConfig.NetworkMode, request.endpoints);
  const endpoints = config.NetworkDisabled
    ? {}
    : firstEndpoints(hostConfig.NetworkMode, request.endpoints, context.networks);
  for (const { Links } of Object.values(endpoints)) endpointLinks(Links ?? [], context.registry);
  const container: Container = {
    id,
    name: "",
    created: formatTime(nowNanoseconds()),
    image: image.id,
    config,
    hostConfig,
    endpoints,
    mounts: [],
    ...commandLineOf(config),
    state: NEW,
    restartCount: 0,
    stoppedByUser: false,
  };
  context.networks.check(networkDemands(container, sandboxModeOf(container, context)));
  return {
    container,
    warnings: [...warnings, ...ignored(hostConfig, context.host), ...networkWarnings(container, context)],
  };
}

/** What Docker's users call the runtime, whichever it is here: each does the same. */
const RUNTIMES = ["runc", "crun", "io.containerd.runc.v2"];

/** What dockerd on Linux takes without a word, and without an effect. */
function ignored({ CpuCount, SecurityOpt }: HostConfig, { confinement }: HostAbilities): readonly string[] {
  const { appArmor } = parseSecurity(SecurityOpt);
  return [
    ...(CpuCount > 0 ? ["linux does not support CPU count. Count discarded."] : []),
    ...(appArmor !== undefined && appArmor !== "unconfined" && !confinement.appArmor
      ? [`AppArmor is not at work on this machine. Profile ${appArmor} discarded.`]
      : []),
  ];
}

/**
 * Names of containers become ids, so that a new name does not part the two. Who shares the network of an unknown
 * one is told at its start.
 * @throws invalid for all other unknown ones
 */
function withIds({ registry, networks }: Context, hostConfig: HostConfig): HostConfig {
  const resolve = (mode: string) => {
    const reference = containerOfMode(mode);
    const other = reference === undefined ? undefined : registry.lookUp(reference);
    return other ? `container:${other.container.id}` : mode;
  };
  const resolveKnown = (mode: string) => {
    const resolved = resolve(mode);
    const reference = containerOfMode(resolved);
    if (reference !== undefined && !registry.lookUp(reference)) {
      throw invalid(`No such container: ${reference}`);
    }
    return resolved;
  };
  return {
    ...hostConfig,
    NetworkMode: resolve(modeOf(hostConfig, networks)),
    PidMode: resolveKnown(hostConfig.PidMode),
    IpcMode: resolveKnown(hostConfig.IpcMode),
    Links: legacyLinks(hostConfig, registry),
  };
}

/** @throws not-found in Docker's words */
function checkPlatform({ platform, config }: CreateRequest, image: Image): void {
  if (!platform) return;
  const [os = "", architecture] = platform.split("/");
  const matches = os === image.os && (architecture === undefined || architecture === image.architecture);
  if (matches) return;
  throw notFound(
    `image with reference ${config.Image} was found but does not provide the specified platform: ` +
      `wanted ${platform}, actual: ${image.os}/${image.architecture}`,
  );
}

/** What is in the way of all that forwards through the host. */
function networkWarnings({ hostConfig, endpoints }: Container, { networks }: Context): readonly string[] {
  if (hostConfig.NetworkMode === "host") {
    const published = Object.keys(hostConfig.PortBindings).length > 0;
    return published ? ["Published ports are discarded when using host network mode"] : [];
  }
  const bridged = Object.keys(endpoints).some((name) => networkMeant(name, networks)?.driver === "bridge");
  return bridged ? networks.warnings() : [];
}
