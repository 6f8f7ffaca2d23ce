/**
 * An engine without a kernel, for tests of the API: containers are records, and their processes are small
 * programs of `fake-program.ts` that only read and write streams.
 */
import { EventEmitter, once } from "node:events";
import type {
  Container,
  Containers,
  ContainerView,
  CreateRequest,
  State,
  StatsSample,
} from "../../src/container/types.ts";
import type { Engine } from "../../src/engine/types.ts";
import type { ImportRequest } from "../../src/image/types.ts";
import { Bus } from "../../src/lib/bus.ts";
import { conflict, EngineError, forbidden, invalid, notFound, unchanged } from "../../src/lib/errors.ts";
import { type EngineEvent, formatTime, nowNanoseconds } from "../../src/lib/events.ts";
import { type ContainerID, type ExecID, newId } from "../../src/lib/ids.ts";
import { FakeVolumes } from "../support/volume-fakes.ts";
import { FakeBuilder } from "./fake-builder.ts";
import {
  bindingsOf,
  CONFIG,
  type Entry,
  type Exec,
  execView,
  HOST_CONFIG,
  programOf,
  sandboxFor,
  viewOf,
} from "./fake-container.ts";
import { fakeFiles } from "./fake-files.ts";
import { fakeImages } from "./fake-images.ts";
import { fakeMounts } from "./fake-mounts.ts";
import { fakeNetworks } from "./fake-networks.ts";
import { FakeSession, Program } from "./fake-program.ts";
import { fakeRegistry } from "./fake-registry.ts";
import { fakeSample } from "./fake-sample.ts";
import { fakeSystem } from "./fake-system.ts";

const NEVER = "0001-01-01T00:00:00Z";
const now = () => formatTime(nowNanoseconds());
export class FakeEngine implements Engine {
  readonly entries = new Map<string, Entry>();
  readonly execs = new Map<string, Exec>();
  readonly imported: { request: ImportRequest; bytes: number }[] = [];
  readonly requests: CreateRequest[] = [];
  readonly calls: unknown[][] = [];
  readonly waits = { open: 0 };
  readonly bus = new Bus<EngineEvent>(() => {});
  readonly kept: EngineEvent[] = [];
  subscribers = 0;
  /** Of whatever runs. */
  sample: StatsSample = fakeSample();

  readonly system = async () => fakeSystem();

  readonly events = {
    publish: (event: Omit<EngineEvent, "time">) => {
      const full = { ...event, time: nowNanoseconds() };
      this.kept.push(full);
      this.bus.publish(full);
    },
    subscribe: (listener: (event: EngineEvent) => void) => {
      this.subscribers += 1;
      const stop = this.bus.subscribe(listener);
      return () => {
        this.subscribers -= 1;
        stop();
      };
    },
    past: (since: bigint) => this.kept.filter((event) => event.time >= since),
    listeners: 0,
  };

  readonly images = fakeImages(this.imported);
  readonly registry = fakeRegistry(this.images);
  readonly builder = new FakeBuilder();
  readonly networks = fakeNetworks(this.entries);
  readonly volumes = new FakeVolumes("/var/lib/drawbridge/volumes");
  readonly bridge = this.networks.find("bridge");
  readonly containers: Containers = this.#containers();

  entry(reference: string): Entry {
    const all = [...this.entries.values()];
    const found =
      all.find(({ container }) => container.name === reference) ??
      all.find(({ container }) => container.id.startsWith(reference));
    if (!found) throw notFound(`No such container: ${reference}`);
    return found;
  }

  #setState(entry: Entry, state: Partial<State>): void {
    entry.container = { ...entry.container, state: { ...entry.container.state, ...state } };
    entry.watchers.emit(state.status ?? "changed");
  }

  #tell(entry: Entry, action: string, more: Record<string, string> = {}): void {
    const { id, name, config } = entry.container;
    const attributes = { image: config.Image, name, ...config.Labels, ...more };
    this.events.publish({ type: "container", action, actor: { id, attributes } });
  }

  #view(entry: Entry): ContainerView {
    const execs = [...this.execs.values()].map(({ view }) => view);
    return viewOf(entry, execs, this.images.list());
  }

  #ended(entry: Entry, exitCode: number): void {
    this.#setState(entry, { status: "exited", pid: 0, exitCode, finishedAt: now() });
    entry.sandbox = undefined;
    this.#tell(entry, "die", { exitCode: String(exitCode) });
    if (entry.container.hostConfig.AutoRemove) this.#gone(entry);
  }

  #gone(entry: Entry): void {
    this.entries.delete(entry.container.id);
    this.#tell(entry, "destroy");
    entry.watchers.emit("gone");
  }

  #containers(): Containers {
    const unused = async () => {
      throw new Error("not of the API");
    };
    const start = async (reference: string) => {
      const entry = this.entry(reference);
      if (entry.container.state.status === "running") throw unchanged("container is running");
      if (entry.container.state.status === "exited") entry.program = programOf(entry.container);
      entry.sandbox = sandboxFor(
        entry.container,
        this.bridge.id,
        this.networks.endpointsOf(this.bridge.id).length,
      );
      this.#setState(entry, { status: "running", pid: 4711, startedAt: now(), exitCode: 0 });
      this.#tell(entry, "start");
      void entry.program.ended.then((code) => this.#ended(entry, code));
      entry.program.start();
    };
    const stop = async (reference: string) => {
      const entry = this.entry(reference);
      if (entry.container.state.status !== "running") throw unchanged("container is not running");
      entry.program.exit(137);
      await entry.program.ended;
      await Promise.resolve();
    };
    return {
      start: unused,
      stop: unused,
      alive: unused,
      create: async (request) => {
        this.requests.push(request);
        const name = request.name ?? `made_${this.entries.size}`;
        if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) throw invalid(`Invalid container name (${name})`);
        for (const { container } of this.entries.values()) {
          if (container.name !== name) continue;
          throw conflict(
            `Conflict. The container name "/${name}" is already in use by container "${container.id}".`,
          );
        }
        const image = await this.images.resolve(request.config.Image);
        const config = { ...CONFIG, ...image.config, ...request.config };
        const id = newId<ContainerID>();
        const [path = "sh", ...args] = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
        const container: Container = {
          id,
          name,
          created: now(),
          image: image.id,
          config: { ...config, Hostname: config.Hostname || id.slice(0, 12) },
          hostConfig: { ...HOST_CONFIG, ...request.hostConfig },
          // As the engine has it: the mode's network, where none was asked for.
          endpoints: Object.keys(request.endpoints).length > 0 ? request.endpoints : { bridge: {} },
          mounts: await fakeMounts(request, this.volumes),
          path,
          args,
          state: {
            status: "created",
            pid: 0,
            exitCode: 0,
            error: "",
            oomKilled: false,
            startedAt: NEVER,
            finishedAt: NEVER,
          },
          restartCount: 0,
          stoppedByUser: false,
        };
        const entry: Entry = {
          container,
          sandbox: undefined,
          program: programOf(container),
          log: [],
          watchers: new EventEmitter().setMaxListeners(0),
        };
        this.entries.set(id, entry);
        this.#tell(entry, "create");
        return { id, warnings: [] };
      },
      list: () => [...this.entries.values()].reverse().map((entry) => this.#view(entry)),
      inspect: (reference) => this.#view(this.entry(reference)),
      usersOf: (volume) =>
        [...this.entries.values()]
          .filter(({ container }) => container.mounts.some(({ Name }) => Name === volume))
          .map(({ container }) => container.id),
      sizes: async () => ({ writable: 42, total: 1000 }),
      startContainer: start,
      stopContainer: async (reference, options) => {
        this.calls.push(["stop", reference, options]);
        await stop(reference);
        this.#tell(this.entry(reference), "stop");
      },
      restart: async (reference) => {
        if (this.entry(reference).container.state.status === "running") await stop(reference);
        await start(reference);
      },
      kill: async (reference, signal) => {
        this.calls.push(["kill", reference, signal]);
        await stop(reference).catch(() => {
          throw conflict(`Container ${reference} is not running`);
        });
      },
      pause: async (reference) => this.#setState(this.entry(reference), { status: "paused" }),
      unpause: async (reference) => this.#setState(this.entry(reference), { status: "running" }),
      update: async (reference, request) => {
        const entry = this.entry(reference);
        this.calls.push(["update", reference, request]);
        entry.container = {
          ...entry.container,
          hostConfig: { ...entry.container.hostConfig, ...request },
        };
        return [];
      },
      stats: async (reference) => {
        const { container } = this.entry(reference);
        this.calls.push(["stats", container.name]);
        return container.state.status === "running" ? this.sample : undefined;
      },
      top: async (reference, words) => {
        const { container } = this.entry(reference);
        if (container.state.status !== "running") throw conflict(`container ${container.id} is not running`);
        return { titles: ["PID", "CMD"], processes: [["4711", ["sh", ...words].join(" ")]] };
      },
      rename: async (reference, name) => {
        const entry = this.entry(reference);
        entry.container = { ...entry.container, name };
        this.#tell(entry, "rename");
      },
      connect: async (reference, network, settings) => {
        const { container } = this.entry(reference);
        const { name } = this.networks.find(network);
        if (Object.hasOwn(container.endpoints, name)) {
          throw forbidden(`endpoint with name ${container.name} already exists in network ${name}`);
        }
        this.calls.push(["connect", reference, name, settings]);
        this.entry(reference).container = {
          ...container,
          endpoints: { ...container.endpoints, [name]: settings },
        };
      },
      disconnect: async (reference, network, options) => {
        this.calls.push(["disconnect", this.entry(reference).container.name, network, options]);
      },
      publish: async (reference, ports) => {
        const entry = this.entry(reference);
        if (!entry.sandbox) throw conflict(`container ${entry.container.id} is not running`);
        this.calls.push(["publish", reference, ports]);
        entry.sandbox = { ...entry.sandbox, ports: [...entry.sandbox.ports, ...bindingsOf(ports)] };
      },
      unpublish: async (reference, ports) => {
        const entry = this.entry(reference);
        this.calls.push(["unpublish", reference, ports]);
        if (entry.sandbox) entry.sandbox = { ...entry.sandbox, ports: [] };
      },
      ...fakeFiles(
        (reference) => this.entry(reference),
        this.calls,
        (id) => this.#gone(this.entry(id)),
      ),
      remove: async (reference, { force }) => {
        const entry = this.entry(reference);
        const { status } = entry.container.state;
        if (status === "running" && !force) {
          throw conflict(`cannot remove container "/${entry.container.name}": container is running`);
        }
        if (status === "running") await stop(reference);
        this.#gone(entry);
      },
      wait: (reference, condition) => {
        const entry = this.entry(reference);
        this.waits.open += 1;
        const aborter = new AbortController();
        const exited = () => ({ code: entry.container.state.exitCode });
        const on = (event: string) => once(entry.watchers, event, { signal: aborter.signal }).then(exited);
        const at = entry.container.state.status;
        const status =
          condition === "removed"
            ? on("gone")
            : condition === "not-running" && at !== "running"
              ? Promise.resolve(exited())
              : on("exited");
        const settled = () => {
          this.waits.open -= 1;
        };
        status.then(settled, settled);
        return { status, cancel: () => aborter.abort() };
      },
      logs: (reference, options) => {
        const { log } = this.entry(reference);
        const wanted = log.filter(({ stream }) => options[stream]);
        const lines = options.tail === undefined ? wanted : wanted.slice(wanted.length - options.tail);
        return (async function* () {
          yield* lines;
          if (options.follow && !options.signal?.aborted)
            await once(options.signal ?? new EventTarget(), "abort");
        })();
      },
      attach: async (reference, options) => {
        if (options.detachKeys === "bad") throw invalid("Invalid detach keys (bad) provided");
        const entry = this.entry(reference);
        return new FakeSession(entry.program, entry.container.config.Tty);
      },
      resize: async (reference, size) => {
        this.entry(reference);
        this.calls.push(["resize", reference, size]);
      },
      createExec: async (reference, request) => {
        const { container } = this.entry(reference);
        if (container.state.status !== "running") throw conflict(`container ${container.id} is not running`);
        const id = newId<ExecID>();
        this.execs.set(id, {
          program: new Program(request.command),
          view: execView(id, container.id, request),
        });
        return id;
      },
      startExec: async (id, options) => {
        const exec = this.execs.get(id);
        if (!exec) throw notFound(`No such exec instance: ${id}`);
        this.calls.push(["startExec", id, options]);
        if (exec.view.exitCode !== null) throw conflict(`exec command ${id} has already run`);
        if (exec.view.request.command[0] === "nosuch") {
          exec.view = { ...exec.view, exitCode: 127 };
          throw new EngineError("invalid", 'exec: "nosuch": executable file not found in $PATH');
        }
        if (exec.view.running) throw conflict(`exec ${id} is running already`);
        exec.view = { ...exec.view, running: true, pid: 4712 };
        void exec.program.ended.then((exitCode) => {
          exec.view = { ...exec.view, running: false, exitCode, pid: 0 };
        });
        exec.program.start();
        return options.detach ? undefined : new FakeSession(exec.program, exec.view.request.terminal);
      },
      inspectExec: (id) => {
        const exec = this.execs.get(id);
        if (!exec) throw notFound(`No such exec instance: ${id}`);
        return exec.view;
      },
      resizeExec: async (id, size) => {
        this.calls.push(["resizeExec", id, size]);
      },
    };
  }
}
