/** From a stopped container to a running process: each step knows its reverse. */
import { mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { RootFilesystem } from "../image/types.ts";
import { formatTime, nowNanoseconds } from "../lib/events.ts";
import { type UndoStack, undoing } from "../lib/undo.ts";
import { expectMove } from "../linux/cgroup/move.ts";
import type { Sandbox } from "../network/types.ts";
import type { Entry } from "./entry.ts";
import { healthAtStart } from "./health/health.ts";
import { makeDirectoryInRoot } from "./mounts/rootfs.ts";
import { joinedContainer, prepareShm } from "./mounts/shm.ts";
import { dropVolumes, type MountSources, prepareMounts } from "./mounts/sources.ts";
import { joinedEndpoints, joiningOrder } from "./network/endpoints.ts";
import { linkVariables } from "./network/links.ts";
import { networkOwner } from "./network/network-owner.ts";
import { filesOf, sandboxRequestOf } from "./network/sandbox-request.ts";
import type { Context } from "./options.ts";
import { bundleOf, logPathOf, monitorDirectoryOf, runtimeDirectoryOf } from "./paths.ts";
import type { MonitorRequest, Supervised } from "./process/monitor-types.ts";
import { removeCgroups } from "./process/strays.ts";
import type { Registry } from "./registry.ts";
import { unmountRoot } from "./removal.ts";
import { deviceNumberAt, devicesOf } from "./spec/devices.ts";
import type { JoinedNamespaces } from "./spec/namespaces.ts";
import type { SeccompProfile } from "./spec/seccomp-profile.ts";
import { cgroupsPathOf, specOf } from "./spec/spec.ts";
import { accountsIn, resolveUser } from "./spec/user.ts";
import type { Container, State } from "./types.ts";

export interface Started {
  readonly supervised: Supervised;
  readonly bundle: string;
}

/** What the supervisor is asked to run, or to find again, for a container. */
export function monitorRequestOf(context: Context, container: Container, bundle: string): MonitorRequest {
  const { config, hostConfig, id } = container;
  return {
    container: id,
    bundle,
    directory: monitorDirectoryOf(bundle),
    ...(hostConfig.LogConfig.Type !== "none" && { logPath: logPathOf(context, id) }),
    terminal: config.Tty,
    openStdin: config.OpenStdin,
    stdinOnce: config.StdinOnce,
  };
}

/**
 * The network and the root filesystem at the same time, then the bundle, the process, its record, and go.
 * `bind` is called with the process before its first instruction. Whatever fails, nothing is left of it all.
 * @throws RuntimeError; whatever network and image say
 */
export async function startProcess(
  context: Context,
  entry: Entry,
  bind: (supervised: Supervised) => void,
): Promise<Started> {
  // Over when the runtime comes to it.
  expectMove();
  const container = withOwnersName(entry.container, context.registry);
  if (container.monitor) await finishLastRun(context, container);
  return await undoing(async (undo) => {
    const { sandbox, rootfs } = await openBoth(context, container, undo);
    const mounts = await prepareMounts(context, container, undo);
    using _ = mounts.held;
    const { bundle, profile } = writeBundle(context, container, { sandbox, rootfs, mounts }, undo);
    const endpoints = joinedEndpoints(joiningOrder(container, context.networks), sandbox);
    const { config } = container;
    undo.push("remove its cgroups", () => removeOwnCgroups(context, container));
    const supervised = await context.supervisor.create(monitorRequestOf(context, container, bundle));
    undo.push("delete the process", () => context.supervisor.delete(container.id));
    undo.push("forget the process", () => context.registry.forgetRun(entry));
    context.filters.learn(profile, container.id);
    // Before it runs: an engine that dies from here on finds the process again.
    const process = { monitor: supervised.record, bootId: context.host.bootId };
    const described = isDeepStrictEqual(
      [endpoints, config],
      [entry.container.endpoints, entry.container.config],
    );
    await context.registry.save(entry, described ? process : { ...process, endpoints, config });
    bind(supervised);
    const startedAt = formatTime(nowNanoseconds());
    await context.supervisor.start(container.id);
    undo.push("call it running", () => context.registry.setState(entry, container.state));
    await context.registry.save(entry, { state: runningState(container, supervised, startedAt) });
    return { supervised, bundle };
  });
}

/** Those that a runtime made before it failed; systemd removes its scopes itself. */
async function removeOwnCgroups({ cgroups }: Context, container: Container): Promise<void> {
  if (cgroups.driver === "cgroupfs") await removeCgroups(cgroupsPathOf(container, cgroups));
}

/** Its end left something behind: once more. */
async function finishLastRun(context: Context, container: Container): Promise<void> {
  const { id } = container;
  await Promise.all([
    context.supervisor.delete(id),
    context.networks.closeSandbox(id),
    unmountRoot(context, id),
    dropVolumes(context, container),
  ]);
}

/** Who shares another's network is called as that one, in its own UTS namespace. */
function withOwnersName(container: Container, registry: Registry): Container {
  const owner = networkOwner(container, registry);
  if (!owner || owner === container || container.hostConfig.UTSMode === "host") return container;
  const { Hostname, Domainname } = owner.config;
  return { ...container, config: { ...container.config, Hostname, Domainname } };
}

const runningState = (container: Container, { record }: Supervised, startedAt: string): State => ({
  ...container.state,
  ...healthAtStart(container),
  status: "running",
  pid: record.process.pid,
  exitCode: 0,
  error: "",
  oomKilled: false,
  startedAt,
});

async function openBoth(
  context: Context,
  container: Container,
  undo: UndoStack,
): Promise<{ sandbox: Sandbox; rootfs: RootFilesystem }> {
  const { images, networks } = context;
  const request = sandboxRequestOf(container, context, context);
  const [sandbox, rootfs] = await Promise.allSettled([
    networks.openSandbox(request),
    images.mount(container.id),
  ]);
  if (rootfs.status === "fulfilled") undo.push("unmount", () => images.unmount(container.id));
  if (sandbox.status === "fulfilled")
    undo.push("close the sandbox", () => networks.closeSandbox(container.id));
  if (sandbox.status === "rejected") throw sandbox.reason;
  if (rootfs.status === "rejected") throw rootfs.reason;
  return { sandbox: sandbox.value, rootfs: rootfs.value };
}

interface Opened {
  readonly sandbox: Sandbox;
  readonly rootfs: RootFilesystem;
  readonly mounts: MountSources;
}

/** Small files on local disks: written at once, which is faster than to wait for a thread to do it. */
function writeBundle(
  context: Context,
  container: Container,
  { sandbox, rootfs, mounts }: Opened,
  undo: UndoStack,
): { readonly bundle: string; readonly profile: SeccompProfile | undefined } {
  const { config, hostConfig, id } = container;
  const user = resolveUser(config.User ?? "", hostConfig.GroupAdd, accountsIn(rootfs.path));
  if (config.WorkingDir && config.WorkingDir !== "/") makeDirectoryInRoot(rootfs.path, config.WorkingDir);
  const shm = prepareShm(context, container, undo);
  const spec = specOf({
    container,
    rootfs: rootfs.path,
    ...mounts,
    sandbox,
    files: filesOf(container, context.registry, context),
    user,
    joined: joinedNamespaces(context, container),
    linkEnvironment: linkVariables(container, context),
    ...(shm !== undefined && { shm }),
    cgroups: context.cgroups,
    host: context.host,
    devices: devicesOf(hostConfig),
    findDevice: deviceNumberAt,
  });
  const bundle = bundleOf(context, id, Date.now().toString(36));
  // A container that does not run has nothing else there.
  undo.push("remove the bundle", () => rm(runtimeDirectoryOf(context, id), { recursive: true, force: true }));
  mkdirSync(monitorDirectoryOf(bundle), { recursive: true, mode: 0o700 });
  const profile = spec.linux.seccomp;
  const whole = { ...spec, annotations: { ...spec.annotations, ...context.filters.annotation(profile) } };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(whole), { mode: 0o600 });
  return { bundle, profile };
}

function joinedNamespaces({ registry }: Context, { hostConfig }: Container): JoinedNamespaces {
  const [pid, ipc] = (["PID", "IPC"] as const).map((kind) => {
    const other = joinedContainer(kind, kind === "PID" ? hostConfig.PidMode : hostConfig.IpcMode, registry);
    return other && `/proc/${other.container.state.pid}/ns/${kind.toLowerCase()}`;
  });
  return { ...(pid !== undefined && { pid }), ...(ipc !== undefined && { ipc }) };
}
