/** Containers: what is known of each, and all that can be done with it. */
import type { Readable } from "node:stream";
import type { FilesystemChange, Image } from "../image/types.ts";
import type { ContainerID, ExecID, ImageID } from "../lib/ids.ts";
import type { BlockUse, CpuUse, MemoryUse, PidsUse } from "../linux/cgroup/parse.ts";
import type { LinkTraffic } from "../linux/kernel.ts";
import type { Sandbox } from "../network/types.ts";
import type {
  ContainerConfig,
  CreateRequest,
  EndpointSettings,
  HostConfig,
  MountPoint,
  PortMap,
  UpdateRequest,
} from "./config-types.ts";
import type { Attachment, ExitStatus, LogEntry, LogOptions, MonitorRecord } from "./process/monitor-types.ts";

export type * from "./config-types.ts";

export type Status = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

/** One run of a health check. */
export interface HealthResult {
  /** RFC 3339. */
  readonly start: string;
  readonly end: string;
  /** 0 healthy; -1 where it ran out of time or could not be started. */
  readonly exitCode: number;
  /** The first 4,096 bytes. */
  readonly output: string;
}

export interface Health {
  readonly status: "starting" | "healthy" | "unhealthy";
  readonly failingStreak: number;
  /** The last five. */
  readonly log: readonly HealthResult[];
}

export interface State {
  readonly status: Status;
  /** 0 where it does not run. */
  readonly pid: number;
  readonly exitCode: number;
  /** Why the last start failed. */
  readonly error: string;
  readonly oomKilled: boolean;
  /** RFC 3339; `0001-01-01T00:00:00Z` for never. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Where it has a health check. */
  readonly health?: Health;
}

/** A container as stored. */
export interface Container {
  readonly id: ContainerID;
  /** Without the slash. */
  readonly name: string;
  /** RFC 3339, nine digits. */
  readonly created: string;
  readonly image: ImageID;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** In the order of their destinations. */
  readonly mounts: readonly MountPoint[];
  /** The command: `Path` and `Args` of inspect. */
  readonly path: string;
  readonly args: readonly string[];
  readonly state: State;
  readonly restartCount: number;
  /** Stopped by a user: `unless-stopped` and `on-failure` leave it alone. */
  readonly stoppedByUser: boolean;
  readonly monitor?: MonitorRecord;
  /** /proc/sys/kernel/random/boot_id at the last start: another one means that nothing of it runs. */
  readonly bootId?: string;
}

/** All that inspect and list show of one container. */
export interface ContainerView {
  readonly container: Container;
  /** Absent where the image was removed by force. */
  readonly image?: Image;
  /** Present while the container has one (running, paused). */
  readonly sandbox?: Sandbox;
  /** In a list: what those that link to it call it, `web/db`. */
  readonly linkedAs?: readonly string[];
  readonly execs: readonly ExecID[];
  readonly paths: {
    readonly log: string;
    readonly hostname: string;
    readonly hosts: string;
    readonly resolvConf: string;
  };
  readonly graphDriver: { readonly name: string; readonly data: Readonly<Record<string, string>> };
}

export interface ExecRequest {
  readonly command: readonly string[];
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly environment: readonly string[];
  readonly user: string;
  readonly workingDirectory: string;
  readonly privileged: boolean;
  readonly detachKeys?: string;
  /** Rows, then columns; unless its start tells another. */
  readonly consoleSize?: readonly [number, number];
}

export interface ExecView {
  readonly id: ExecID;
  readonly container: ContainerID;
  readonly request: ExecRequest;
  readonly running: boolean;
  readonly exitCode: number | null;
  readonly pid: number;
}

/** A client's streams, with its detach keys watched for. */
export interface Session extends Attachment {
  readonly terminal: boolean;
  /** Resolves with how it ended: the process ended, or the client typed its detach keys. */
  readonly ended: Promise<"exited" | "detached">;
}

export interface SessionOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** First what was logged until now (`logs=1`). */
  readonly logs: boolean;
  /** And what comes (`stream=1`). */
  readonly stream: boolean;
  /** `ctrl-p,ctrl-q` by default; the empty string for none. @throws invalid */
  readonly detachKeys?: string;
}

/** A container's use of the machine at one moment: numbers of 64 bits as the kernel tells them, in bytes and nanoseconds. */
export interface StatsSample {
  /** RFC 3339, nine digits. */
  readonly read: string;
  readonly cgroupVersion: "1" | "2";
  readonly cpu: CpuUse;
  /** All CPUs of the machine since boot, nanoseconds; and how many there are online. */
  readonly machine: { readonly cpu: bigint; readonly cpus: number };
  /** The machine's memory is the limit where there is no lower one. */
  readonly memory: MemoryUse & { readonly limit: bigint };
  readonly pids: PidsUse;
  readonly block: BlockUse;
  /** Of its network's interfaces: of the owner's where it shares another container's, none where it shares the host's. */
  readonly networks: readonly LinkTraffic[];
}

/** X-Docker-Container-Path-Stat. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Go's os.FileMode: permission bits, and its own bits for kinds. */
  readonly mode: number;
  /** RFC 3339. */
  readonly mtime: string;
  readonly linkTarget: string;
}

/** `docker commit`. */
export interface CommitOptions {
  readonly reference?: string;
  readonly comment: string;
  readonly author: string;
  /** Stop it meanwhile; true by default. */
  readonly pause: boolean;
  readonly changes: readonly string[];
  /** Over the container's own. */
  readonly config?: Partial<ContainerConfig>;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

/** Who a container's reference means, and all that can be done with it. References: id, unambiguous prefix, or name. */
export interface Containers {
  /** Take over what runs, settle what ended meanwhile. */
  start(): Promise<void>;
  /** Let go; containers go on, or are stopped first where `stopAll`. */
  stop(options: { readonly stopAll: boolean; readonly timeout: number }): Promise<void>;
  /** Ids of those whose processes are alive, as `start` will find them: networks are reconciled with these first. */
  alive(): Promise<ReadonlySet<ContainerID>>;

  create(request: CreateRequest): Promise<{ readonly id: ContainerID; readonly warnings: readonly string[] }>;
  /** Newest first. */
  list(): readonly ContainerView[];
  /** @throws not-found: `No such container: x`; invalid where a prefix is ambiguous */
  inspect(reference: string): ContainerView;
  /** Bytes in the writable layer, and in all. */
  sizes(reference: string): Promise<{ readonly writable: number; readonly total: number }>;
  /** @throws unchanged where it runs already; RuntimeError */
  startContainer(reference: string): Promise<void>;
  /** SIGTERM or its StopSignal, then SIGKILL after `timeout` seconds (-1: never). @throws unchanged where it does not run */
  stopContainer(
    reference: string,
    options: { readonly timeout?: number; readonly signal?: string },
  ): Promise<void>;
  restart(reference: string, options: { readonly timeout?: number; readonly signal?: string }): Promise<void>;
  /** @throws conflict where it does not run; invalid signal */
  kill(reference: string, signal: string): Promise<void>;
  pause(reference: string): Promise<void>;
  unpause(reference: string): Promise<void>;
  rename(reference: string, name: string): Promise<void>;
  /**
   * Attach to a network more: now where it runs, else from its next start on.
   * @throws conflict, forbidden, invalid, not-found in Docker's words
   */
  connect(reference: string, network: string, settings: EndpointSettings): Promise<void>;
  /** @throws forbidden, not-found in Docker's words */
  disconnect(reference: string, network: string, options: { readonly force: boolean }): Promise<void>;
  /** Publish ports of a running container, for its next starts as well. @throws conflict, invalid */
  publish(reference: string, ports: PortMap): Promise<void>;
  /** Close published ports; an empty HostPort means all of that container port. @throws not-found, invalid */
  unpublish(reference: string, ports: PortMap): Promise<void>;
  remove(reference: string, options: { readonly force: boolean; readonly volumes: boolean }): Promise<void>;
  /** A link alone, by the name of who has it and its alias: `/web/db`. @throws not-found, internal in Docker's words */
  removeLink(name: string): Promise<void>;
  /**
   * Registered at once (a later start or exit is seen); `status` resolves when the condition holds.
   * With `removed`, an AutoRemove container's status is told once it is gone.
   */
  wait(
    reference: string,
    condition: WaitCondition,
  ): { readonly status: Promise<{ readonly code: number; readonly error?: string }>; cancel(): void };
  logs(reference: string, options: LogOptions): AsyncIterable<LogEntry>;
  attach(reference: string, options: SessionOptions): Promise<Session>;
  resize(reference: string, size: { readonly columns: number; readonly rows: number }): Promise<void>;

  /** @throws conflict: `container x is not running`, `… is paused` */
  /** @returns warnings. @throws invalid, conflict in Docker's words; then nothing has changed */
  update(reference: string, request: UpdateRequest): Promise<readonly string[]>;
  /** Now; undefined where it does not run. @throws not-found */
  stats(reference: string): Promise<StatsSample | undefined>;
  /** `ps` with these words on the host, of the container's processes alone. @throws conflict where it does not run; invalid */
  top(
    reference: string,
    arguments_: readonly string[],
  ): Promise<{ readonly titles: readonly string[]; readonly processes: readonly (readonly string[])[] }>;
  changes(reference: string): Promise<readonly FilesystemChange[]>;
  export(reference: string): Promise<Readable>;
  commit(reference: string, options: CommitOptions): Promise<ImageID>;
  /** @throws not-found: `Could not find the file x in container y` */
  statPath(reference: string, path: string): Promise<PathStat>;
  readArchive(reference: string, path: string): Promise<{ readonly stat: PathStat; readonly tar: Readable }>;
  /** @throws invalid, forbidden (read-only), not-found; what lies outside the container is never touched */
  writeArchive(
    reference: string,
    path: string,
    tar: Readable,
    options: { readonly noOverwriteDirNonDir: boolean; readonly copyOwner: boolean },
  ): Promise<void>;
  /** Remove those of `candidates` that are stopped still. */
  prune(
    candidates: readonly ContainerID[],
  ): Promise<{ readonly deleted: readonly ContainerID[]; readonly reclaimed: number }>;
  /** Ids of containers, whatever their state, that a volume belongs to. */
  usersOf(volume: string): readonly ContainerID[];

  createExec(reference: string, request: ExecRequest): Promise<ExecID>;
  startExec(
    exec: string,
    options: { readonly detach: boolean; readonly consoleSize?: readonly [number, number] },
  ): Promise<Session | undefined>;
  inspectExec(exec: string): ExecView;
  resizeExec(exec: string, size: { readonly columns: number; readonly rows: number }): Promise<void>;
}

export type { ExitStatus };
