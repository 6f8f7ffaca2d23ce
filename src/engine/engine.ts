/** The only place where the parts are wired together. */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createContainers } from "../container/containers.ts";
import { readLog } from "../container/logs/read.ts";
import type { Supervisor } from "../container/process/monitor-types.ts";
import { run } from "../container/process/programs.ts";
import { startSupervisor } from "../container/process/supervisor.ts";
import { runningContainers } from "../container/running.ts";
import { createImages } from "../image/images.ts";
import type { Images } from "../image/types.ts";
import { asError, conflict, inContext, kindOf, messageOf, throwAll } from "../lib/errors.ts";
import { formatTime, nowNanoseconds } from "../lib/events.ts";
import { type UndoStack, undoing } from "../lib/undo.ts";
import { defaultCgroupDriver } from "../linux/host.ts";
import type { Kernel } from "../linux/kernel.ts";
import { startKernel } from "../linux/kernel-client.ts";
import { lockFile } from "../linux/lock.ts";
import { Reactor } from "../linux/reactor.ts";
import { createNetworks } from "../network/controller.ts";
import { createDns } from "../network/dns/dns.ts";
import type { Dns } from "../network/dns/types.ts";
import { createHostPorts } from "../network/port/host-ports.ts";
import type { HostPorts } from "../network/port/types.ts";
import { cleanNetworks } from "../network/reconcile/clean.ts";
import type { Networks } from "../network/types.ts";
import { createRegistry } from "../registry/registry.ts";
import { EmbeddedStore } from "../store/embedded.ts";
import type { Store } from "../store/kv.ts";
import type { Volumes } from "../volume/types.ts";
import { createVolumes } from "../volume/volumes.ts";
import { builderWith } from "./builds.ts";
import { EventLog } from "./events.ts";
import type { EngineSettings, ReloadableSettings } from "./settings.ts";
import { type SystemParts, systemView } from "./system.ts";
import type { Engine } from "./types.ts";

/** An engine that was started, and can be stopped. */
export interface RunningEngine extends Engine {
  /** Take over what can change while running. */
  reload(settings: ReloadableSettings): void;
  /**
   * Let go of everything, in order. Containers go on where `liveRestore`, and are stopped otherwise.
   * @throws AggregateError of what failed on the way; everything else was let go all the same
   */
  stop(): Promise<void>;
}

/** What is put between the engine and its parts, for tests of what it does when one of them fails. */
export interface Between {
  readonly store?: (store: Store) => Store;
  readonly kernel?: (kernel: Kernel) => Kernel;
  readonly supervisor?: (supervisor: Supervisor) => Supervisor;
  readonly images?: (images: Images) => Images;
  readonly volumes?: (volumes: Volumes) => Volumes;
  readonly networks?: (networks: Networks) => Networks;
  readonly ports?: (ports: HostPorts) => HostPorts;
  readonly dns?: (dns: Dns) => Dns;
}

const itself = <T>(part: T): T => part;

/** The parts that every use of the data root begins with, each released by `undo`. */
async function openRoots(settings: EngineSettings, undo: UndoStack) {
  // Traversable: a container's bind mounts lie below. What they hold is protected where it lies.
  for (const root of [settings.dataRoot, settings.execRoot])
    mkdirSync(root, { recursive: true, mode: 0o711 });
  try {
    const lock = lockFile(join(settings.dataRoot, "engine.lock"));
    undo.push("release the lock", () => lock.release());
  } catch (thrown) {
    const taken = kindOf(thrown) === "conflict";
    const story = taken ? "another engine uses the data root" : "lock the data root";
    throw inContext(`${story} ${settings.dataRoot}`, thrown);
  }
  const store = new EmbeddedStore(join(settings.dataRoot, "drawbridge.db"), {
    onDamage: (key, cause) =>
      settings.logger.error({ key, error: messageOf(cause) }, "a damaged record is left out"),
  });
  undo.push("close the store", () => store.close());
  const kernel = await startKernel({
    onDeath: (cause) =>
      settings.logger.error({ err: cause }, "the kernel's thread died; another one takes its place"),
  });
  undo.push("close the kernel's thread", () => kernel.close());
  return { store, kernel };
}

/** What is in force now, as dockerd tells it. */
const reloadAttributes = (settings: ReloadableSettings): Readonly<Record<string, string>> => ({
  name: hostname(),
  labels: JSON.stringify(settings.labels),
  "insecure-registries": JSON.stringify(settings.insecureRegistries),
  "live-restore": String(settings.liveRestore),
  "registry-mirrors": JSON.stringify(settings.registryMirrors),
  "shutdown-timeout": String(settings.shutdownTimeout),
});

/** The id that `docker info` shows: made once, kept with the data. */
async function engineId(store: Store): Promise<string> {
  const kept = await store.get("engine/id");
  if (typeof kept === "string") return kept;
  const id = randomUUID();
  await store.commit([{ key: "engine/id", value: id }]);
  return id;
}

/**
 * Start an engine: take over what an earlier one left (containers that run, networks, rules), make what is
 * missing. Whatever fails undoes what was begun; containers that run are never touched by that.
 * @throws conflict where another engine uses the data root, or holds the bridge or its subnet
 */
export function createEngine(settings: EngineSettings, between: Between = {}): Promise<RunningEngine> {
  return undoing(async (undo) => {
    const startedAt = formatTime(nowNanoseconds());
    const opened = await openRoots(settings, undo);
    const store = (between.store ?? itself)(opened.store);
    const kernel = (between.kernel ?? itself)(opened.kernel);
    const { logger, dataRoot, execRoot } = settings;
    const events = new EventLog(logger);
    const publish = events.publish.bind(events);
    const cgroupDriver = settings.cgroupDriver ?? defaultCgroupDriver();
    // One thread waits for all descriptors that Node can't serve.
    const reactor = new Reactor((error) =>
      logger.error({ err: asError(error) }, "serving a descriptor failed"),
    );
    undo.push("close the reactor", () => reactor.close());
    const realSupervisor = await startSupervisor({
      execRoot,
      logger,
      systemdCgroup: cgroupDriver === "systemd",
      reactor,
    });
    undo.push("let go of processes", () => realSupervisor.close());
    const supervisor = (between.supervisor ?? itself)(realSupervisor);
    const images = (between.images ?? itself)(createImages({ store, dataRoot, logger, publish }));
    await images.start();
    undo.push("stop images", () => images.stop());
    const { insecureRegistries, registryMirrors } = settings;
    const trust = { insecureRegistries, registryMirrors };
    const registry = createRegistry({ images, dataRoot, execRoot, settings: trust, logger, publish });
    await registry.start();
    undo.push("stop transfers", () => registry.stop());
    const volumes = (between.volumes ?? itself)(createVolumes({ store, dataRoot, logger, publish }));
    await volumes.start();
    undo.push("stop volumes", () => volumes.stop());
    const ports = (between.ports ?? itself)(createHostPorts({ reactor, logger }));
    undo.push("let go of host ports", () => ports.stop());
    const dns = (between.dns ?? itself)(createDns({ logger }));
    undo.push("stop the DNS", () => dns.stop());
    const networks = (between.networks ?? itself)(
      createNetworks({ kernel, store, events, logger, execRoot, settings, reactor, ports, dns }),
    );
    const containers = createContainers({
      readLog: (path, options, ended) => readLog(path, options, { ended }),
      run: (path, args) => run(reactor, path, args),
      store,
      images,
      volumes,
      networks,
      supervisor,
      publish,
      logger,
      dataRoot,
      execRoot,
      settings: {
        cgroupDriver,
        ...(settings.cgroupParent !== undefined && { cgroupParent: settings.cgroupParent }),
        ...(settings.defaultLog && { defaultLog: settings.defaultLog }),
        ...(settings.containerDefaults && { containerDefaults: settings.containerDefaults }),
        ...(settings.defaultShmSize && { defaultShmSize: settings.defaultShmSize }),
      },
    });
    await networks.start(await containers.alive());
    undo.push("stop networks", () => networks.stop());
    await containers.start();
    const builder = builderWith({
      images,
      registry,
      networks,
      containers,
      publish,
      dataRoot,
      execRoot,
      cgroupParent: (cgroupDriver === "cgroupfs" && settings.cgroupParent) || "drawbridge",
      runtime: supervisor.runtime.path,
    });
    await builder.start();
    undo.push("stop builds", () => builder.stop());

    const parts = { containers, images, volumes, registry, builder, networks, events };
    const fixed = { id: await engineId(store), startedAt, cgroupDriver, supervisor };
    const onReload = (changed: ReloadableSettings) => {
      trust.insecureRegistries = changed.insecureRegistries;
      trust.registryMirrors = changed.registryMirrors;
    };
    return running(parts, fixed, settings, onReload, undo);
  });
}

/** All parts, which were started, as one. */
function running(
  parts: Omit<Engine, "system">,
  fixed: Pick<SystemParts, "id" | "startedAt" | "cgroupDriver" | "supervisor">,
  settings: EngineSettings,
  onReload: (changed: ReloadableSettings) => void,
  undo: UndoStack,
): RunningEngine {
  const { containers, images, events } = parts;
  let current = settings;
  return {
    ...parts,
    system: async () =>
      systemView({
        ...fixed,
        settings: current,
        storageDriver: images.storageDriver,
        listeners: events.listeners,
      }),
    reload(changed) {
      current = { ...current, ...changed };
      onReload(changed);
      const actor = { id: fixed.id, attributes: reloadAttributes(changed) };
      events.publish({ type: "daemon", action: "reload", actor });
    },
    async stop() {
      const errors: unknown[] = [];
      try {
        await containers.stop({ stopAll: !current.liveRestore, timeout: current.shutdownTimeout });
      } catch (thrown) {
        errors.push(thrown);
      }
      errors.push(...(await undo.unwind()));
      throwAll("stop the engine", errors);
    },
  };
}

/**
 * Undo what the engine changed in the host: sandboxes, bridges, rules, sysctls. Images and stopped containers
 * stay in the data root; the next start makes the rest anew.
 * @returns what was done, a line each
 * @throws conflict where an engine or a container runs; AggregateError
 */
export function cleanHost(settings: EngineSettings): Promise<readonly string[]> {
  return undoing(async (undo) => {
    const { store, kernel } = await openRoots(settings, undo);
    const running = await runningContainers(store);
    if (running.length > 0) {
      throw conflict(`containers run: ${running.join(", ")}. Stop them before cleaning up`);
    }
    const done = await cleanNetworks({ kernel, store, execRoot: settings.execRoot });
    throwAll("clean the host", await undo.unwind());
    return done;
  });
}
