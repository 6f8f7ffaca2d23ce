/** From the flags of `run` to the body of "Create a container" (Engine API): pure but for the files that flags name. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { readEnvironment, readLabels } from "./environment.ts";
import { ExitError, UsageError } from "./errors.ts";
import { healthcheckOf } from "./health-flags.ts";
import { parseMount } from "./mount-flag.ts";
import { parseNetworks } from "./network-flag.ts";
import { pair, pairs } from "./pairs.ts";
import { parseExposed, parsePortSpecs } from "./port-spec.ts";
import { resourcesOf } from "./resource-flags.ts";
import type { RunOptions } from "./run-flags.ts";

/** `no`, `always`, `unless-stopped`, `on-failure[:n]`. */
export function parseRestartPolicy(text: string): {
  readonly Name: string;
  readonly MaximumRetryCount: number;
} {
  const [name, count] = text.split(":", 2);
  if (name === "" && text !== "")
    throw new Error("invalid restart policy format: no policy provided before colon");
  if (count !== undefined && !/^\d+$/.test(count)) {
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  }
  return { Name: name ?? "", MaximumRetryCount: Number(count ?? 0) };
}

/** `nofile=1024:2048`, `nproc=512`; -1 for no limit. */
function parseUlimit(text: string): {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
} {
  const [name, limits] = pair(text);
  const [soft = "", hard = soft, ...more] = limits.split(":");
  if (!name || more.length > 0 || ![soft, hard].every((limit) => /^-1$|^\d+$/.test(limit))) {
    throw new UsageError(`invalid argument "${text}" for "--ulimit" flag: invalid ulimit argument: ${text}`);
  }
  if (Number(hard) !== -1 && (Number(soft) > Number(hard) || Number(soft) === -1)) {
    throw new UsageError(
      `invalid argument "${text}" for "--ulimit" flag: ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
    );
  }
  return { Name: name, Soft: Number(soft), Hard: Number(hard) };
}

/** No path of the system's is masked or read-only: no option of the engine's, but empty lists of them. */
const isSystemPaths = (text: string): boolean => text === "systempaths=unconfined";
const systemPaths = (securityOptions: readonly string[]) =>
  securityOptions.some(isSystemPaths) ? { MaskedPaths: [], ReadonlyPaths: [] } : {};

/** A profile's file is read here: the engine gets its text. */
function securityOption(text: string): string {
  const [key, value] = text.includes("=") ? pair(text) : pair(text, ":");
  if (key === "no-new-privileges" || key === "writable-cgroups" || value === "") return text;
  if (key !== "seccomp" || value === "unconfined" || value === "builtin") return `${key}=${value}`;
  try {
    return `seccomp=${JSON.stringify(JSON.parse(readFileSync(value, "utf8")))}`;
  } catch (thrown) {
    throw new Error(
      `opening seccomp profile (${value}) failed: ${thrown instanceof Error ? thrown.message : thrown}`,
    );
  }
}

interface Mounts {
  readonly Binds: readonly string[];
  readonly Volumes: Record<string, object>;
}

/** `SOURCE:TARGET[:MODE]` are binds, a lone `TARGET` is an anonymous volume. */
function mounts(volumes: readonly string[]): Mounts {
  const Binds = volumes
    .filter((volume) => volume.includes(":"))
    .map((volume) => {
      const [source = "", ...rest] = volume.split(":");
      return [source.startsWith(".") ? resolve(source) : source, ...rest].join(":");
    });
  const Volumes = Object.fromEntries(
    volumes.filter((volume) => !volume.includes(":")).map((path) => [path, {}]),
  );
  return { Binds, Volumes };
}

function extraHost(text: string): string {
  const [name, address] = text.includes("=") ? pair(text) : pair(text, ":");
  if (!name || !address)
    throw new UsageError(
      `invalid argument "${text}" for "--add-host" flag: bad format for add-host: "${text}"`,
    );
  return `${name}:${address.replace(/^\[(.*)\]$/, "$1")}`;
}

/** What is exposed by name, and what is published. */
function exposedPorts({ expose, publish }: RunOptions): Record<string, object> {
  const keys = [...Object.keys(parsePortSpecs(publish)), ...parseExposed(expose)];
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

const STREAMS = ["stdin", "stdout", "stderr"] as const;

export interface Attached {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Which streams the client stays with. `-a` names them; else output, and input with `-i`. */
export function attachedStreams({ attach, detach, interactive }: RunOptions): Attached {
  const named = attach.map((word) => word.toLowerCase());
  const wrong = named.find((name) => !STREAMS.some((stream) => stream === name));
  if (wrong !== undefined) {
    throw new UsageError(
      `invalid argument "${wrong}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`,
    );
  }
  if (detach) return { stdin: false, stdout: false, stderr: false };
  if (named.length === 0) return { stdin: interactive, stdout: true, stderr: true };
  return {
    stdin: named.includes("stdin"),
    stdout: named.includes("stdout"),
    stderr: named.includes("stderr"),
  };
}

function check(options: RunOptions): void {
  if (options.detach && options.attach.length > 0)
    throw new ExitError(1, "conflicting options: cannot specify both --attach and --detach");
  if (options.rm && options.restart && parseRestartPolicy(options.restart).Name !== "no") {
    throw new Error("conflicting options: cannot specify both --restart and --rm");
  }
  if (options.pull && !["always", "missing", "never"].includes(options.pull)) {
    throw new Error(`invalid pull option: '${options.pull}': must be one of "always", "missing" or "never"`);
  }
}

function config(options: RunOptions, image: string, command: readonly string[]) {
  const attached = attachedStreams(options);
  const { entrypoint } = options;
  return {
    Image: image,
    ...(command.length > 0 && { Cmd: command }),
    ...(entrypoint !== undefined && { Entrypoint: [entrypoint] }),
    Hostname: options.hostname,
    Domainname: options.domainname,
    User: options.user,
    WorkingDir: options.workdir,
    Tty: options.tty,
    OpenStdin: options.interactive,
    StdinOnce: options.interactive && attached.stdin,
    AttachStdin: attached.stdin,
    AttachStdout: attached.stdout,
    AttachStderr: attached.stderr,
    Env: readEnvironment(options.env, options.envFile),
    Labels: readLabels(options.label, options.labelFile),
    Volumes: mounts(options.volume).Volumes,
    ExposedPorts: exposedPorts(options),
    StopSignal: options.stopSignal,
    StopTimeout: options.stopTimeout,
    Healthcheck: healthcheckOf(options),
  };
}

function hostConfig(options: RunOptions, networkMode: string, size: readonly [number, number]) {
  const logOptions = pairs(options.logOpt);
  return {
    ...resourcesOf(options),
    ...systemPaths(options.securityOpt),
    NetworkMode: networkMode,
    PortBindings: parsePortSpecs(options.publish),
    PublishAllPorts: options.publishAll,
    Links: options.link,
    AutoRemove: options.rm,
    Privileged: options.privileged,
    ReadonlyRootfs: options.readOnly,
    Init: options.init,
    CapAdd: options.capAdd,
    CapDrop: options.capDrop,
    SecurityOpt: options.securityOpt.filter((text) => !isSystemPaths(text)).map(securityOption),
    GroupAdd: options.groupAdd,
    Binds: mounts(options.volume).Binds,
    Mounts: options.mount.map(parseMount),
    VolumesFrom: options.volumesFrom,
    VolumeDriver: options.volumeDriver,
    Tmpfs: pairs(options.tmpfs, ":"),
    Dns: options.dns,
    DnsSearch: options.dnsSearch,
    DnsOptions: [...options.dnsOption, ...options.dnsOpt],
    ExtraHosts: options.addHost.map(extraHost),
    Sysctls: pairs(options.sysctl),
    PidMode: options.pid,
    IpcMode: options.ipc,
    UTSMode: options.uts,
    CgroupParent: options.cgroupParent,
    ShmSize: options.shmSize,
    OomScoreAdj: options.oomScoreAdj,
    Memory: options.memory,
    MemoryReservation: options.memoryReservation,
    MemorySwap: options.memorySwap,
    NanoCpus: options.cpus,
    CpuShares: options.cpuShares,
    CpuPeriod: options.cpuPeriod,
    CpuQuota: options.cpuQuota,
    CpusetCpus: options.cpusetCpus,
    CpusetMems: options.cpusetMems,
    PidsLimit: options.pidsLimit,
    Ulimits: options.ulimit.map(parseUlimit),
    RestartPolicy: parseRestartPolicy(options.restart ?? "no"),
    ...((options.logDriver || options.logOpt.length > 0) && {
      LogConfig: { Type: options.logDriver ?? "", Config: logOptions },
    }),
    ConsoleSize: size,
    Runtime: options.runtime,
  };
}

/**
 * What was left out is left out of the body: the engine fills in its defaults.
 * @param size rows and columns of the terminal; zeros for none
 */
export function createBody(
  options: RunOptions,
  [image = "", ...command]: readonly string[],
  size: readonly [number, number],
): object {
  check(options);
  const { mode, endpoints } = parseNetworks(options);
  return {
    ...config(options, image, command),
    HostConfig: hostConfig(options, mode, size),
    NetworkingConfig: { EndpointsConfig: endpoints },
  };
}
