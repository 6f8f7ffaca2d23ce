/** The rooms beside the containers', small and obedient: each step is written down and can be told to fail. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createContainers } from "../../src/container/containers.ts";
import type { ContainersOptions } from "../../src/container/options.ts";
import type {
  Attachment,
  AttachOptions,
  ExitStatus,
  LogEntry,
  MonitorRecord,
  MonitorRequest,
  OutputFrame,
  Supervised,
  Supervisor,
} from "../../src/container/process/monitor-types.ts";
import { ALL_CAPABILITIES } from "../../src/container/spec/capabilities.ts";
import type { HostAbilities } from "../../src/container/spec/host.ts";
import type { Containers, CreateRequest } from "../../src/container/types.ts";
import type { Image, Images } from "../../src/image/types.ts";
import { notFound } from "../../src/lib/errors.ts";
import { type EngineEvent, formatTime, nowNanoseconds } from "../../src/lib/events.ts";
import type { ContainerID, ImageID } from "../../src/lib/ids.ts";
import { silent } from "../../src/lib/log.ts";
import type { Networks, SandboxRequest } from "../../src/network/types.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { FakeNetworks } from "./container-network-fakes.ts";
import { FakeVolumes } from "./volume-fakes.ts";

export const IMAGE: Image = {
  id: `sha256:${"ab".repeat(32)}` as ImageID,
  tags: ["busybox:latest"],
  digests: [],
  created: "2026-01-01T00:00:00Z",
  architecture: "amd64",
  os: "linux",
  author: "",
  comment: "",
  config: { Cmd: ["sh"], Env: ["FROM_IMAGE=1"], Labels: { of: "image" } },
  layers: [],
  history: [],
  size: 1000,
};

export const HOST: HostAbilities = {
  machine: "x86_64",
  kernel: "6.18.0",
  hostname: "host.example",
  bootId: "boot-1",
  cpus: 2,
  cgroupVersion: "2",
  controllers: new Set(["cpu", "cpuset", "memory", "pids"]),
  cgroupAbilities: new Set(),
  cpuset: { cpus: "0-1", mems: "0" },
  swapLimit: true,
  capabilities: ALL_CAPABILITIES,
  hardLimits: { RLIMIT_NOFILE: 20_000 },
  oomScoreAdj: 0,
  confinement: { appArmor: false, seLinux: false },
  init: "/usr/bin/tini",
  maskedCpuPaths: [],
};

/** A process that ends when it is told to. */
export class FakeProcess implements Supervised {
  readonly record: MonitorRecord;
  readonly request: MonitorRequest;
  readonly exited: Promise<ExitStatus>;
  readonly signals: number[] = [];
  readonly input: number[] = [];
  readonly attached: AttachOptions[] = [];
  inputEnded = false;
  /** What it does about a signal; by default any ends it. */
  onSignal: (number: number) => void = (number) => this.exit(128 + number);
  readonly #exited = Promise.withResolvers<ExitStatus>();
  #over = false;
  readonly #output: OutputFrame[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(request: MonitorRequest, pid: number) {
    this.request = request;
    this.exited = this.#exited.promise;
    const identity = { pid, startTime: String(pid * 10) };
    this.record = { process: identity, monitor: identity, directory: request.directory };
  }

  exit(code: number, more: Partial<ExitStatus> = {}): void {
    this.#over = true;
    this.#exited.resolve({ code, finishedAt: formatTime(nowNanoseconds()), oomKilled: false, ...more });
    this.#wake.resolve();
  }

  print(text: string): void {
    this.#output.push({ stream: "stdout", data: Buffer.from(text) });
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  attach(options: AttachOptions): Attachment {
    this.attached.push(options);
    let closed = false;
    const output = async function* (this: FakeProcess): AsyncGenerator<OutputFrame> {
      for (let next = 0; !closed; ) {
        const frame = this.#output[next];
        if (frame) {
          next += 1;
          yield frame;
        } else if (this.#over) return;
        else await this.#wake.promise;
      }
    }.call(this);
    return {
      output,
      write: async (data) => void this.input.push(...data),
      endInput: async () => {
        this.inputEnded = true;
      },
      close: () => {
        closed = true;
        this.#wake.resolve();
      },
    };
  }

  async resize(): Promise<void> {}

  onOutput(): void {}

  reopenLog(): boolean {
    return false;
  }

  signal(number: number): boolean {
    if (this.#over) return false;
    this.signals.push(number);
    this.onSignal(number);
    return true;
  }
}

export class World {
  readonly root = mkdtempSync(join(tmpdir(), "drawbridge-container-"));
  readonly store = new MemoryStore();
  readonly events: Omit<EngineEvent, "time">[] = [];
  /** Each step, in order: `mount`, `openSandbox`, `create` … */
  readonly steps: string[] = [];
  /** What is there now: `mount <id>`, `sandbox <id>`, `process <id>`, `layer <id>`. */
  readonly held = new Set<string>();
  /** The step that is to fail, and with what. */
  readonly failures = new Map<string, Error>();
  readonly processes: FakeProcess[] = [];
  readonly adoptable = new Map<ContainerID, FakeProcess>();
  readonly requests: SandboxRequest[] = [];
  log: LogEntry[] = [];
  #pid = 100;

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  async step(name: string): Promise<void> {
    this.steps.push(name);
    await new Promise((resolve) => setImmediate(resolve));
    const failure = this.failures.get(name);
    if (failure) throw failure;
  }

  readonly #supervise = (request: MonitorRequest): FakeProcess => {
    this.#pid += 1;
    const process = new FakeProcess(request, this.#pid);
    this.processes.push(process);
    return process;
  };

  readonly #delete = async (id: ContainerID): Promise<void> => {
    await this.step("delete");
    this.held.delete(`process ${id}`);
  };

  readonly supervisor: Supervisor = {
    runtime: { name: "crun", path: "/usr/bin/crun", version: "1" },
    monitorVersion: "2",
    create: async (request) => {
      await this.step("create");
      this.held.add(`process ${request.container}`);
      const process = this.#supervise(request);
      this.adoptable.set(request.container, process);
      return process;
    },
    start: () => this.step("start"),
    exec: async (request) => {
      await this.step("exec");
      return this.#supervise(request);
    },
    probe: (request) => this.onProbe(request),
    endProbe: () => {},
    adopt: async (request) => {
      const process = this.adoptable.get(request.container);
      if (!process) throw new Error("nothing to adopt");
      return process;
    },
    pause: () => this.step("pause"),
    resume: () => this.step("resume"),
    update: () => this.step("update"),
    delete: this.#delete,
    forget: this.#delete,
    close: async () => {},
  };

  /** What a health check finds. */
  onProbe: Supervisor["probe"] = () => ({
    ended: Promise.resolve({ exitCode: 0, output: "", timedOut: false }),
    kill: () => {},
  });

  rootfsOf = (id: ContainerID): string => join(this.root, "layers", id);

  readonly images: Images = {
    start: async () => {},
    list: () => [IMAGE],
    find: () => IMAGE,
    resolve: async (reference) => {
      if (reference !== "busybox") throw notFound(`No such image: ${reference}`);
      return IMAGE;
    },
    import: async () => IMAGE,
    tag: async () => {},
    remove: async () => [],
    add: async () => IMAGE,
    contents: async () => ({ image: IMAGE, config: Buffer.from("{}"), layers: [] }),
    save: async () => Readable.from([]),
    load: async () => [],
    commit: async () => IMAGE,
    changes: async () => [],
    export: async () => Readable.from([]),
    prune: async () => ({ removed: [], reclaimed: 0 }),
    driverOf: () => ({ name: "overlay2", data: {} }),
    createLayer: async (id) => {
      await this.step("createLayer");
      mkdirSync(join(this.rootfsOf(id), "etc"), { recursive: true });
      writeFileSync(
        join(this.rootfsOf(id), "etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n",
      );
      this.held.add(`layer ${id}`);
    },
    mount: async (id) => {
      await this.step("mount");
      this.held.add(`mount ${id}`);
      return this.images.filesystemOf(id);
    },
    filesystemOf: (id) => ({
      path: this.rootfsOf(id),
      driver: { name: "overlay2", data: { UpperDir: this.rootfsOf(id) } },
    }),
    unmount: async (id) => {
      await this.step("unmount");
      this.held.delete(`mount ${id}`);
    },
    removeLayer: async (id) => {
      await this.step("removeLayer");
      rmSync(this.rootfsOf(id), { recursive: true, force: true });
      this.held.delete(`layer ${id}`);
    },
    layerOwners: () => [],
    layerUsage: async () => ({ writable: 10, total: 1010 }),
    storageDriver: "overlay2",
    stop: async () => {},
  };

  readonly networks = new FakeNetworks(this);
  readonly volumes = new FakeVolumes(join(this.root, "volumes"));

  /** An engine's containers, over this store and these processes. */
  containers(more: Partial<ContainersOptions> = {}): Containers {
    const log = this.log;
    return createContainers({
      store: this.store,
      images: this.images,
      networks: this.networks as unknown as Networks,
      volumes: this.volumes,
      supervisor: this.supervisor,
      readLog: async function* () {
        yield* log;
      },
      run: async () => ({ code: 0, stdout: "", stderr: "" }),
      publish: (event) => this.events.push(event),
      logger: silent,
      dataRoot: join(this.root, "data"),
      execRoot: join(this.root, "exec"),
      settings: {},
      host: HOST,
      ...more,
    });
  }

  /** `kill 15`, `die 0`: actions with what a reader needs of their attributes. */
  story(): string[] {
    return this.events.map(({ type, action, actor: { attributes } }) =>
      [type === "network" ? "network" : "", action, attributes.signal ?? attributes.exitCode ?? ""]
        .filter(Boolean)
        .join(" "),
    );
  }

  get last(): FakeProcess {
    const process = this.processes.at(-1);
    if (!process) throw new Error("no process was started");
    return process;
  }
}

export const request = (
  hostConfig: CreateRequest["hostConfig"] = {},
  config: Partial<CreateRequest["config"]> = {},
): CreateRequest => ({ config: { Image: "busybox", ...config }, hostConfig, endpoints: {} });
