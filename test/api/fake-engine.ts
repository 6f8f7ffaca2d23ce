/**
 * An engine without a kernel, for tests of the API: containers are records, and their processes are small
 * programs of this file (`cat`, `echo`, `exit`, `yes`, `sleep`) that only read and write streams.
 */
import { EventEmitter, once } from "node:events";
import type { OutputFrame } from "../../src/container/monitor-types.ts";
import type {
  Container,
  ContainerConfig,
  Containers,
  ContainerView,
  CreateRequest,
  ExecRequest,
  ExecView,
  HostConfig,
  Session,
  State,
} from "../../src/container/types.ts";
import type { Engine, SystemView } from "../../src/engine-types.ts";
import type { Image, ImportRequest } from "../../src/image/types.ts";
import { Bus } from "../../src/lib/bus.ts";
import { conflict, EngineError, invalid, notFound, unchanged } from "../../src/lib/errors.ts";
import { type EngineEvent, formatTime, nowNanoseconds } from "../../src/lib/events.ts";
import { type ContainerID, type ExecID, type ImageID, type NetworkID, newId } from "../../src/lib/ids.ts";
import { macOf, offset, parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { Endpoint, Network, Sandbox } from "../../src/network/types.ts";

const NEVER = "0001-01-01T00:00:00Z";
const now = () => formatTime(nowNanoseconds());

/** Frames in order, for one reader; `push` resolves when it was taken. */
export class Output implements AsyncIterable<OutputFrame> {
  readonly #frames: { readonly frame: OutputFrame; readonly taken: () => void }[] = [];
  readonly #bell = new EventEmitter();
  #ended = false;
  /** Bytes that were taken. */
  taken = 0;

  push(stream: OutputFrame["stream"], data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) return resolve();
      this.#frames.push({ frame: { stream, data: Buffer.from(data) }, taken: resolve });
      this.#bell.emit("ring");
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  end(): void {
    this.#ended = true;
    this.#bell.emit("ring");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputFrame> {
    for (;;) {
      const next = this.#frames.shift();
      if (next) {
        next.taken();
        this.taken += next.frame.data.length;
        yield next.frame;
      } else if (this.#ended) return;
      else await once(this.#bell, "ring");
    }
  }
}

/** A running program of this file. */
export class Program {
  readonly output = new Output();
  readonly ended: Promise<number>;
  readonly sessions: FakeSession[] = [];
  readonly received: Buffer[] = [];
  /** While set, nothing is read: `write` waits. */
  stopped: Promise<void> | undefined;
  #settle: (code: number) => void = () => {};
  readonly #command: readonly string[];

  constructor(command: readonly string[]) {
    this.#command = command;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** `sh -c 'exit 7'` ends with 7, `echo …` prints, `cat` gives back, `yes` never stops, `sleep` does nothing. */
  start(): void {
    const line = this.#command.join(" ").replace(/^(\/bin\/)?sh -c /, "");
    const [word = "", ...rest] = line.split(" ");
    if (word === "exit") this.exit(Number(rest[0]));
    else if (word === "true") this.exit(0);
    else if (word === "echo") void this.output.push("stdout", `${rest.join(" ")}\n`).then(() => this.exit(0));
    else if (word === "both") {
      void this.output
        .push("stdout", "out\n")
        .then(() => this.output.push("stderr", "err\n"))
        .then(() => this.exit(3));
    } else if (word === "yes") void this.#yes();
  }

  async #yes(): Promise<void> {
    const data = Buffer.alloc(16 << 10, "y\n");
    while (!this.output.ended) await this.output.push("stdout", data);
  }

  async write(data: Uint8Array): Promise<void> {
    await this.stopped;
    if (this.output.ended) return;
    this.received.push(Buffer.from(data));
    if (/^cat|sh$/.test(this.#command[0] ?? "")) await this.output.push("stdout", Buffer.from(data));
  }

  endInput(): void {
    if (/^cat|sh$/.test(this.#command[0] ?? "")) this.exit(0);
  }

  exit(code: number): void {
    this.output.end();
    this.#settle(code);
  }
}

export class FakeSession implements Session {
  readonly terminal: boolean;
  readonly ended: Promise<"exited" | "detached">;
  closed = false;
  inputEnded = false;
  readonly program: Program;
  readonly output: AsyncIterable<OutputFrame>;

  constructor(program: Program, terminal: boolean) {
    this.program = program;
    this.terminal = terminal;
    this.output = program.output;
    this.ended = program.ended.then(() => "exited" as const);
    program.sessions.push(this);
  }
  write(data: Uint8Array): Promise<void> {
    return this.program.write(data);
  }
  async endInput(): Promise<void> {
    this.inputEnded = true;
    this.program.endInput();
  }
  close(): void {
    this.closed = true;
    this.program.output.end();
  }
}

const CONFIG: Omit<ContainerConfig, "Image"> = {
  Hostname: "",
  Domainname: "",
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
};

const HOST_CONFIG: HostConfig = {
  NetworkMode: "bridge",
  AutoRemove: false,
  Privileged: false,
  ReadonlyRootfs: false,
  CapAdd: [],
  CapDrop: [],
  SecurityOpt: [],
  GroupAdd: [],
  Binds: [],
  Tmpfs: {},
  Dns: [],
  DnsSearch: [],
  DnsOptions: [],
  ExtraHosts: [],
  Sysctls: {},
  PidMode: "",
  IpcMode: "private",
  UTSMode: "",
  CgroupParent: "",
  ShmSize: 67108864,
  OomScoreAdj: 0,
  Memory: 0,
  MemoryReservation: 0,
  MemorySwap: 0,
  NanoCpus: 0,
  CpuShares: 0,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpusetCpus: "",
  CpusetMems: "",
  PidsLimit: null,
  Ulimits: [],
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
  LogConfig: { Type: "json-file", Config: {} },
  ConsoleSize: [0, 0],
  MaskedPaths: [],
  ReadonlyPaths: [],
  Runtime: "crun",
};

interface Entry {
  container: Container;
  sandbox: Sandbox | undefined;
  program: Program;
  readonly log: { stream: "stdout" | "stderr"; time: string; data: Uint8Array }[];
  readonly watchers: EventEmitter;
}

interface Exec {
  view: ExecView;
  readonly program: Program;
}

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

  readonly system = async (): Promise<SystemView> => ({
    id: "2d7fa5b0-0000-4000-8000-000000000000",
    version: "0.1.0",
    name: "fake",
    dataRoot: "/var/lib/drawbridge",
    execRoot: "/run/drawbridge",
    labels: ["a=b"],
    kernel: "6.18.0",
    operatingSystem: "Test",
    osVersion: "1",
    architecture: "x86_64",
    cpus: 2,
    memory: 4 * 2 ** 30,
    cgroupVersion: "2",
    cgroupDriver: "cgroupfs",
    storageDriver: "overlay2",
    runtime: { name: "crun", path: "/usr/bin/crun", version: "1.8" },
    monitorVersion: "2.1.6",
    liveRestore: true,
    ipForwarding: true,
    warnings: ["WARNING: this is a fake"],
    startedAt: now(),
  });

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
  };

  readonly bridge = this.#network("bridge", "bridge");
  readonly images: Engine["images"] = this.#images();
  readonly networks: Engine["networks"] = this.#networks();
  readonly containers: Containers = this.#containers();

  #network(name: string, driver: "bridge" | "host" | "null"): Network {
    return {
      id: newId<NetworkID>(),
      name,
      driver,
      created: now(),
      internal: false,
      attachable: false,
      ipv4: true,
      ipv6: false,
      ipam: {
        driver: "default",
        options: {},
        pools:
          driver === "bridge"
            ? [{ subnet: parsePrefix("172.17.0.0/16"), gateway: parseAddress("172.17.0.1"), auxiliary: {} }]
            : [],
      },
      options: driver === "bridge" ? { "com.docker.network.bridge.name": "docker0" } : {},
      labels: {},
    };
  }

  #networks(): Engine["networks"] {
    const all = [this.bridge, this.#network("host", "host"), this.#network("none", "null")];
    const unused = async () => {
      throw new Error("not of the API");
    };
    return {
      start: unused,
      stop: unused,
      list: () => all,
      find: (reference) => {
        const found = all.find(({ id, name }) => name === reference || id.startsWith(reference));
        if (!found) throw notFound(`network ${reference} not found`);
        return found;
      },
      endpointsOf: (network) =>
        [...this.entries.values()]
          .flatMap(({ sandbox }) => sandbox?.endpoints ?? [])
          .filter((endpoint) => endpoint.network === network),
      sandboxOf: (container) => this.entries.get(container)?.sandbox,
      check: () => {},
      openSandbox: unused,
      closeSandbox: unused,
      renameContainer: unused,
    };
  }

  #images(): Engine["images"] {
    const all: Image[] = [];
    const made = (tags: readonly string[], size: number, config: Image["config"] = {}): Image => {
      const image: Image = {
        id: `sha256:${newId<ContainerID>()}` as ImageID,
        tags,
        created: now(),
        architecture: "amd64",
        os: "linux",
        author: "",
        comment: "",
        config,
        layers: [{ diffId: `sha256:${newId<ContainerID>()}` as Image["layers"][number]["diffId"], size }],
        history: [{ created: now(), createdBy: "import", comment: "", emptyLayer: false }],
        size,
      };
      all.push(image);
      return image;
    };
    const find = (reference: string) => {
      if (/[^\w./:@-]/.test(reference)) throw invalid(`invalid reference format: ${reference}`);
      return all.find(
        ({ id, tags }) =>
          tags.includes(reference) ||
          tags.includes(`${reference}:latest`) ||
          id === reference ||
          id.slice(7).startsWith(reference),
      );
    };
    const unused = async () => {
      throw new Error("not of the API");
    };
    return {
      start: unused,
      stop: unused,
      list: () => all,
      find,
      resolve: async (reference) => {
        const found = find(reference);
        if (found) return found;
        if (/^busybox(:latest)?$/.test(reference)) return made(["busybox:latest"], 1 << 20, { Cmd: ["sh"] });
        throw notFound(`No such image: ${reference}: docker import a root filesystem by that name`);
      },
      import: async (request) => {
        let bytes = 0;
        for await (const piece of request.tar) bytes += piece.length;
        this.imported.push({ request, bytes });
        if (bytes === 0) throw invalid("the tar is empty");
        return made(request.reference ? [request.reference] : [], bytes);
      },
      tag: async (id, reference) => {
        const at = all.findIndex((image) => image.id === id);
        const image = all[at];
        if (image) all[at] = { ...image, tags: [...image.tags, reference.replace(/^docker\.io\//, "")] };
      },
      remove: async (reference, { force, usedBy }) => {
        const image = find(reference);
        if (!image) throw notFound(`No such image: ${reference}`);
        if (usedBy(image.id).length > 0 && !force) throw conflict(`image is being used: ${reference}`);
        all.splice(all.indexOf(image), 1);
        return [...image.tags.map((untagged) => ({ untagged })), { deleted: image.id }];
      },
      createLayer: unused,
      mount: unused,
      filesystemOf: () => {
        throw new Error("not of the API");
      },
      unmount: unused,
      removeLayer: unused,
      layerOwners: () => [],
      layerUsage: unused,
      storageDriver: "overlay2",
    };
  }

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
    const { container, sandbox } = entry;
    const image = this.images.list().find(({ id }) => id === container.image);
    const directory = `/var/lib/drawbridge/containers/${container.id}`;
    return {
      container,
      ...(image && { image }),
      ...(sandbox && { sandbox }),
      execs: [...this.execs.values()]
        .filter(({ view }) => view.container === container.id)
        .map(({ view }) => view.id),
      paths: {
        log: `${directory}/${container.id}-json.log`,
        hostname: `${directory}/hostname`,
        hosts: `${directory}/hosts`,
        resolvConf: `${directory}/resolv.conf`,
      },
      graphDriver: { name: "overlay2", data: { MergedDir: "/merged" } },
    };
  }

  #sandbox(container: Container): Sandbox {
    const address = offset(
      parseAddress("172.17.0.2"),
      BigInt(this.networks.endpointsOf(this.bridge.id).length),
    );
    const id = newId<Sandbox["id"]>();
    const endpoint: Endpoint = {
      id: newId<Endpoint["id"]>(),
      network: this.bridge.id,
      networkName: "bridge",
      container: container.id,
      containerName: container.name,
      interfaceName: "eth0",
      mac: macOf(address),
      address: { address, length: 16 },
      gateway: parseAddress("172.17.0.1"),
      aliases: [],
      dnsNames: [],
    };
    const key = `/run/drawbridge/netns/${id.slice(0, 12)}` as NetnsPath;
    return { id, container: container.id, key, mode: "own", endpoints: [endpoint] };
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
      entry.sandbox = this.#sandbox(entry.container);
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
          endpoints: request.endpoints,
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
      rename: async (reference, name) => {
        const entry = this.entry(reference);
        entry.container = { ...entry.container, name };
        this.#tell(entry, "rename");
      },
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

const programOf = ({ path, args }: Container) => new Program([path, ...args]);

const execView = (id: ExecID, container: ContainerID, request: ExecRequest): ExecView => ({
  id,
  container,
  request,
  running: false,
  exitCode: null,
  pid: 0,
});
