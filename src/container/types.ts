/**
 * Containers in Docker's own shape (Engine API, "Create a container"): what a client sent is stored and
 * shown again by inspect as it was, so its names are kept.
 */

import type { Image, ImageConfig } from "../image/types.ts";
import type { ContainerID, ExecID, ImageID } from "../lib/ids.ts";
import type { Sandbox } from "../network/types.ts";
import type { Attachment, ExitStatus, LogEntry, LogOptions, MonitorRecord } from "./monitor-types.ts";

/** The portable part. Docker's ContainerConfig, defaults filled in from the image. */
export interface ContainerConfig extends ImageConfig {
  readonly Hostname: string;
  readonly Domainname: string;
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  readonly Tty: boolean;
  readonly OpenStdin: boolean;
  readonly StdinOnce: boolean;
  /** As the client wrote it: `busybox`. */
  readonly Image: string;
  readonly NetworkDisabled?: boolean;
  readonly StopTimeout?: number;
}

export interface RestartPolicy {
  readonly Name: "" | "no" | "always" | "unless-stopped" | "on-failure";
  readonly MaximumRetryCount: number;
}

/** The part that depends on the host. Docker's HostConfig, as far as this engine carries it out. */
export interface HostConfig {
  readonly NetworkMode: string;
  readonly AutoRemove: boolean;
  readonly Privileged: boolean;
  readonly ReadonlyRootfs: boolean;
  readonly Init?: boolean;
  readonly CapAdd: readonly string[];
  readonly CapDrop: readonly string[];
  readonly SecurityOpt: readonly string[];
  readonly GroupAdd: readonly string[];
  readonly Binds: readonly string[];
  readonly Tmpfs: Readonly<Record<string, string>>;
  readonly Dns: readonly string[];
  readonly DnsSearch: readonly string[];
  readonly DnsOptions: readonly string[];
  readonly ExtraHosts: readonly string[];
  readonly Sysctls: Readonly<Record<string, string>>;
  readonly PidMode: string;
  readonly IpcMode: string;
  readonly UTSMode: string;
  readonly CgroupParent: string;
  readonly ShmSize: number;
  readonly OomScoreAdj: number;
  readonly Memory: number;
  readonly MemoryReservation: number;
  readonly MemorySwap: number;
  readonly NanoCpus: number;
  readonly CpuShares: number;
  readonly CpuPeriod: number;
  readonly CpuQuota: number;
  readonly CpusetCpus: string;
  readonly CpusetMems: string;
  readonly PidsLimit: number | null;
  readonly Ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly RestartPolicy: RestartPolicy;
  readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
  readonly ConsoleSize: readonly [number, number];
  readonly MaskedPaths: readonly string[] | null;
  readonly ReadonlyPaths: readonly string[] | null;
  readonly Runtime: string;
  /** By `80/tcp`; an empty HostPort asks for any. */
  readonly PortBindings: PortMap;
  readonly PublishAllPorts: boolean;
  /** On the default bridge: `container:alias`. */
  readonly Links: readonly string[];
}

/** Docker's PortMap. HostPort may be a range, of which one is taken: `8000-8010`. */
export type PortMap = Readonly<
  Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>
>;

/** Docker's EndpointSettings, as far as a user sets them. */
export interface EndpointSettings {
  readonly IPAMConfig?: {
    readonly IPv4Address?: string;
    readonly IPv6Address?: string;
    readonly LinkLocalIPs?: readonly string[] | null;
  } | null;
  readonly Aliases?: readonly string[] | null;
  /** `container:alias`. */
  readonly Links?: readonly string[] | null;
  readonly MacAddress?: string;
  readonly DriverOpts?: Readonly<Record<string, string>> | null;
  readonly GwPriority?: number;
  /** Of the network that was joined last under this name. */
  readonly NetworkID?: string;
}

/** A create request as checked by the API: what the client left out is left out. */
export interface CreateRequest {
  readonly name?: string;
  readonly config: Partial<ContainerConfig> & { readonly Image: string };
  readonly hostConfig: Partial<HostConfig>;
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** `linux/amd64`; refused where the image is for another. */
  readonly platform?: string;
}

export type Status = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

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
  createExec(reference: string, request: ExecRequest): Promise<ExecID>;
  startExec(
    exec: string,
    options: { readonly detach: boolean; readonly consoleSize?: readonly [number, number] },
  ): Promise<Session | undefined>;
  inspectExec(exec: string): ExecView;
  resizeExec(exec: string, size: { readonly columns: number; readonly rows: number }): Promise<void>;
}

export type { ExitStatus };
