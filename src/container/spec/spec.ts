/** A container as the OCI runtime is told of it (OCI runtime spec, "config.json"). Pure. */
import { join } from "node:path";
import type { Sandbox } from "../../network/types.ts";
import { INIT_PATH, type Mount, mountsOf } from "../mounts/mounts.ts";
import type { NetworkFiles } from "../paths.ts";
import type { Container, ExecRequest, HostConfig } from "../types.ts";
import { grantedCapabilities } from "./capabilities.ts";
import type { DeviceNode, Devices } from "./devices.ts";
import { environmentOf } from "./environment.ts";
import type { HostAbilities } from "./host.ts";
import { type JoinedNamespaces, type Namespace, namespacesOf } from "./namespaces.ts";
import { type FindDevice, type Resources, type Rlimit, resourcesOf, rlimitsOf } from "./resources.ts";
import { builtinProfile, customProfile } from "./seccomp.ts";
import type { SeccompProfile } from "./seccomp-profile.ts";
import { parseSecurity } from "./security.ts";
import type { ProcessUser } from "./user.ts";

/** `process`. */
export interface Process {
  readonly terminal: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: {
    readonly bounding: readonly string[];
    readonly effective: readonly string[];
    readonly permitted: readonly string[];
  };
  readonly rlimits?: readonly Rlimit[];
  readonly noNewPrivileges: boolean;
  readonly apparmorProfile?: string;
  readonly oomScoreAdj?: number;
}

export interface Spec {
  readonly ociVersion: string;
  readonly process: Process;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname?: string;
  readonly mounts: readonly Mount[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux: {
    readonly namespaces: readonly Namespace[];
    readonly cgroupsPath: string;
    readonly resources: Resources;
    readonly devices?: readonly DeviceNode[];
    readonly sysctl?: Readonly<Record<string, string>>;
    readonly seccomp?: SeccompProfile;
    readonly maskedPaths?: readonly string[];
    readonly readonlyPaths?: readonly string[];
    readonly rootfsPropagation?: string;
  };
}

export interface SpecInput {
  readonly container: Container;
  /** Absolute, mounted. */
  readonly rootfs: string;
  /** Binds and volumes. */
  readonly mounts: readonly Mount[];
  readonly rootPropagation?: string;
  readonly sandbox: Sandbox;
  readonly files: NetworkFiles;
  readonly user: ProcessUser;
  readonly joined: JoinedNamespaces;
  /** What is told of containers that it links to. */
  readonly linkEnvironment: readonly string[];
  /** Another container's or the host's /dev/shm. */
  readonly shm?: string;
  readonly cgroups: CgroupSettings;
  readonly host: HostAbilities;
  readonly devices: Devices;
  /** Of block devices that limits name. */
  readonly findDevice: FindDevice;
}

export interface CgroupSettings {
  /** The engine's own default, where a container names none. */
  readonly parent: string;
  readonly driver: "cgroupfs" | "systemd";
}

/** @throws invalid for what `validate` would have refused */
export function specOf(input: SpecInput): Spec {
  const { container, host, sandbox } = input;
  const { config, hostConfig } = container;
  const security = parseSecurity(hostConfig.SecurityOpt);
  const capabilities = grantedCapabilities(hostConfig, host.capabilities);
  const init = hostConfig.Init && hostConfig.PidMode === "" ? host.init : undefined;
  const sysctl = sysctlsOf(container);
  const seccomp = seccompOf(container, security.seccomp, capabilities, host);
  const { nodes, rules } = input.devices;
  const rlimits = rlimitsOf(hostConfig.Ulimits);
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: config.Tty,
      ...consoleSize(config.Tty, hostConfig.ConsoleSize),
      user: userOf(input.user),
      args: [...(init ? [INIT_PATH, "--"] : []), container.path, ...container.args],
      env: environmentOf(
        {
          hostname: config.Hostname,
          domainname: config.Domainname,
          terminal: config.Tty,
          home: input.user.home,
        },
        input.linkEnvironment,
        config.Env ?? [],
      ),
      cwd: config.WorkingDir || "/",
      capabilities: sets(capabilities),
      ...(rlimits.length > 0 && { rlimits }),
      noNewPrivileges: security.noNewPrivileges,
      ...profileOf(hostConfig, host),
      ...(hostConfig.OomScoreAdj !== 0 && { oomScoreAdj: hostConfig.OomScoreAdj }),
    },
    root: { path: input.rootfs, readonly: hostConfig.ReadonlyRootfs },
    ...(hostConfig.UTSMode !== "host" && { hostname: config.Hostname }),
    mounts: mountsOf({
      hostConfig,
      mounts: input.mounts,
      files: input.files,
      ...(input.shm !== undefined && { shm: input.shm }),
      ...(init !== undefined && { init }),
    }),
    ...(Object.keys(hostConfig.Annotations).length > 0 && { annotations: hostConfig.Annotations }),
    linux: {
      namespaces: namespacesOf(hostConfig, sandbox, input.joined),
      cgroupsPath: cgroupsPathOf(container, input.cgroups),
      resources: resourcesOf(hostConfig, rules, input.findDevice),
      ...(nodes.length > 0 && { devices: nodes }),
      ...(Object.keys(sysctl).length > 0 && { sysctl }),
      ...(seccomp && { seccomp }),
      ...(!hostConfig.Privileged && {
        maskedPaths: hostConfig.MaskedPaths ?? [],
        readonlyPaths: hostConfig.ReadonlyPaths ?? [],
      }),
      ...(input.rootPropagation && { rootfsPropagation: input.rootPropagation }),
    },
  };
}

/** A profile by name is the user's choice, and the machine has to know it. */
function profileOf({ SecurityOpt, Privileged }: HostConfig, host: HostAbilities): Partial<Process> {
  const { appArmor } = parseSecurity(SecurityOpt);
  if (!host.confinement.appArmor || appArmor === undefined) return {};
  return Privileged && appArmor === "unconfined" ? {} : { apparmorProfile: appArmor };
}

const sets = (capabilities: readonly string[]): Process["capabilities"] => ({
  bounding: capabilities,
  effective: capabilities,
  permitted: capabilities,
});

const userOf = ({ uid, gid, additionalGids }: ProcessUser): Process["user"] => ({ uid, gid, additionalGids });

function consoleSize(terminal: boolean, size: readonly [number, number] | undefined): Partial<Process> {
  const [height = 0, width = 0] = size ?? [];
  return terminal && height > 0 && width > 0 ? { consoleSize: { height, width } } : {};
}

/** `net.*` belongs to the sandbox, which has them before the container starts. */
function sysctlsOf({ config, hostConfig }: Container): Readonly<Record<string, string>> {
  return Object.fromEntries([
    ...(config.Domainname && hostConfig.UTSMode !== "host" ? [["kernel.domainname", config.Domainname]] : []),
    ...Object.entries(hostConfig.Sysctls).filter(([key]) => !key.startsWith("net.")),
  ]);
}

function seccompOf(
  { hostConfig }: Container,
  chosen: string,
  capabilities: readonly string[],
  host: HostAbilities,
): SeccompProfile | undefined {
  if (chosen === "unconfined" || (hostConfig.Privileged && chosen === "default")) return undefined;
  const subject = { machine: host.machine, kernel: host.kernel, capabilities };
  return chosen === "default" ? builtinProfile(subject) : customProfile(chosen, subject);
}

/** A path below the parent, or for systemd `slice:prefix:name` (OCI runtimes' own convention). */
export function cgroupsPathOf(container: Container, settings: CgroupSettings): string {
  const parent = container.hostConfig.CgroupParent || settings.parent;
  return settings.driver === "systemd"
    ? `${parent}:drawbridge:${container.id}`
    : // Rooted first, so that `..` can't climb out of the hierarchy.
      join("/", parent, container.id);
}

/** The process of an exec: the container's, with what the exec asks for over it. */
export function execProcessOf(
  container: Container,
  request: ExecRequest,
  { user, linkEnvironment }: { readonly user: ProcessUser; readonly linkEnvironment: readonly string[] },
  host: HostAbilities,
  size?: readonly [number, number],
): Process {
  const { config, hostConfig } = container;
  const capabilities = request.privileged
    ? host.capabilities
    : grantedCapabilities(hostConfig, host.capabilities);
  const rlimits = rlimitsOf(hostConfig.Ulimits);
  return {
    terminal: request.terminal,
    ...consoleSize(request.terminal, size),
    user: userOf(user),
    args: request.command,
    env: environmentOf(
      {
        hostname: config.Hostname,
        domainname: config.Domainname,
        terminal: request.terminal,
        home: user.home,
      },
      linkEnvironment,
      config.Env ?? [],
      request.environment,
    ),
    cwd: request.workingDirectory || config.WorkingDir || "/",
    capabilities: sets(capabilities),
    ...(rlimits.length > 0 && { rlimits }),
    noNewPrivileges: parseSecurity(hostConfig.SecurityOpt).noNewPrivileges,
    ...profileOf(hostConfig, host),
    ...(hostConfig.OomScoreAdj !== 0 && { oomScoreAdj: hostConfig.OomScoreAdj }),
  };
}
