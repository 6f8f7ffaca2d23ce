/** What can never work, or is not built in, is refused before anything is made. Pure but for the facts given. */
import { invalid, notBuiltIn } from "../lib/errors.ts";
import { validateHealthcheck } from "./health/check.ts";
import { validateLog } from "./logs/options.ts";
import { checkTmpfs } from "./mounts/tmpfs.ts";
import { parseSignal } from "./process/signals.ts";
import { grantedCapabilities } from "./spec/capabilities.ts";
import { parseDeviceRule } from "./spec/devices.ts";
import type { HostAbilities } from "./spec/host.ts";
import { containerOfMode } from "./spec/namespaces.ts";
import { rlimitName } from "./spec/resources.ts";
import { customProfile } from "./spec/seccomp.ts";
import { parseSecurity } from "./spec/security.ts";
import type { CgroupSettings } from "./spec/spec.ts";
import type { ContainerConfig, HostConfig } from "./types.ts";

/** HOST_NAME_MAX (linux/limits.h). */
const MAX_HOSTNAME = 64;

export interface ValidationContext {
  readonly host: HostAbilities;
  readonly cgroups: CgroupSettings;
  /** Names of OCI runtimes that may be asked for. */
  readonly runtimes: readonly string[];
  /** Whether a `net.*` setting is one of this kernel's. */
  readonly sysctlExists: (key: string) => boolean;
}

/** MAX_ARG_STRLEN (linux/binfmts.h): of one word of a command or an environment, its NUL included. */
const MAX_WORD = 131_072;

/** @throws invalid, not-built-in; in Docker's words where there are any */
export function validateConfig(config: ContainerConfig): void {
  const hostname = config.Hostname;
  if (Buffer.byteLength(hostname) > MAX_HOSTNAME) {
    throw invalid(`hostname "${hostname}" is too long (maximum ${MAX_HOSTNAME} bytes)`);
  }
  if (/[\s\0/]/.test(hostname + config.Domainname)) throw invalid(`invalid hostname format: ${hostname}`);
  if (config.WorkingDir && !config.WorkingDir.startsWith("/")) {
    throw invalid(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
  }
  if (config.WorkingDir?.includes("\0")) throw invalid("a NUL byte in the working directory");
  for (const entry of config.Env ?? []) {
    if (entry === "" || entry.startsWith("=")) throw invalid(`invalid environment variable: ${entry}`);
  }
  checkWords([...(config.Env ?? []), ...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]);
  if (config.StopSignal) parseSignal(config.StopSignal);
  validateHealthcheck(config.Healthcheck);
}

/** Words that execve(2) takes. @throws invalid */
export function checkWords(words: readonly string[]): void {
  for (const word of words) {
    if (word.includes("\0")) throw invalid(`a NUL byte in ${JSON.stringify(word)}`);
    if (Buffer.byteLength(word) >= MAX_WORD) {
      throw invalid(`argument list too long: ${word.slice(0, 20)}… has ${Buffer.byteLength(word)} bytes`);
    }
  }
}

/** @throws invalid, not-built-in; in Docker's words where there are any */
export function validateHostConfig(
  hostConfig: HostConfig,
  asked: Partial<ContainerConfig>,
  context: ValidationContext,
): void {
  const { host } = context;
  // Another container's cgroup, by an older way than CgroupParent: no version of dockerd does anything with it.
  if (hostConfig.Cgroup) throw notBuiltIn("HostConfig.Cgroup is not built in: use CgroupParent");
  if (!context.runtimes.includes(hostConfig.Runtime)) {
    throw invalid(`unknown or invalid runtime name: ${hostConfig.Runtime}`);
  }
  validateModes(hostConfig, asked);
  validateRestartPolicy(hostConfig);
  validateLog(hostConfig.LogConfig);
  checkTmpfs(hostConfig.Tmpfs);
  const capabilities = grantedCapabilities(hostConfig, host.capabilities);
  const { seccomp, labels } = parseSecurity(hostConfig.SecurityOpt);
  if (host.confinement.seLinux && labels.some((label) => label !== "disable")) {
    throw notBuiltIn("SecurityOpt: SELinux labels are not built in");
  }
  validateIsolation(hostConfig);
  validateDevices(hostConfig);
  if (seccomp !== "default" && seccomp !== "unconfined") {
    customProfile(seccomp, { machine: host.machine, kernel: host.kernel, capabilities });
  }
  validateSysctls(hostConfig, context.sysctlExists);
  validateResolver(hostConfig);
  validateUlimits(hostConfig, host);
  if (hostConfig.Init && hostConfig.PidMode === "" && host.init === undefined) {
    throw invalid(
      "--init needs docker-init or tini, and neither is installed: `apt-get install tini` (Debian, Ubuntu) brings it",
    );
  }
  if (hostConfig.CgroupParent && context.cgroups.driver === "systemd") {
    if (!/^.+\.slice$/.test(hostConfig.CgroupParent)) {
      throw invalid('cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"');
    }
  }
}

function validateModes(hostConfig: HostConfig, asked: Partial<ContainerConfig>): void {
  const { IpcMode, PidMode, UTSMode, NetworkMode, CgroupnsMode, UsernsMode } = hostConfig;
  if (!["private", "none", "host", "shareable"].includes(IpcMode) && containerOfMode(IpcMode) === undefined) {
    throw invalid(`invalid IPC mode: ${IpcMode}`);
  }
  if (!["", "host"].includes(PidMode) && containerOfMode(PidMode) === undefined) {
    throw invalid(`invalid PID mode: ${PidMode}`);
  }
  if (!["", "host"].includes(UTSMode)) throw invalid(`invalid UTS mode: ${UTSMode}`);
  if (!["private", "host"].includes(CgroupnsMode)) {
    throw invalid(`invalid cgroup namespace mode: ${CgroupnsMode}`);
  }
  // No users are remapped: the host's own user namespace is what each container has.
  if (!["", "host"].includes(UsernsMode)) throw invalid(`invalid USER mode: ${UsernsMode}`);
  if (UTSMode === "host" && asked.Hostname) throw invalid("conflicting options: hostname and the UTS mode");
  if (NetworkMode === "host" && hostConfig.Links.length > 0) {
    throw invalid(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
  }
  if (/^container(?::|$)/.test(NetworkMode)) validateSharing(hostConfig, asked);
}

function validateIsolation({ Isolation, Annotations, StorageOpt, ShmSize }: HostConfig): void {
  if (!["", "default"].includes(Isolation.toLowerCase())) {
    throw invalid(`invalid isolation (${Isolation}): linux only supports 'default'`);
  }
  if (Object.hasOwn(Annotations, "")) {
    throw invalid("invalid Annotations: the empty string is not permitted as an annotation key");
  }
  if (Object.keys(StorageOpt).length > 0) {
    throw invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  }
  if (ShmSize < 0) throw invalid("SHM size can not be less than 0");
}

function validateDevices({ Devices, DeviceCgroupRules }: HostConfig): void {
  for (const { PathOnHost, PathInContainer, CgroupPermissions } of Devices) {
    if (!PathOnHost.startsWith("/")) throw invalid(`${PathOnHost} is not an absolute path`);
    if (PathInContainer && !PathInContainer.startsWith("/")) {
      throw invalid(`${PathInContainer} is not an absolute path`);
    }
    if (!/^[rwm]{0,3}$/.test(CgroupPermissions ?? "")) {
      throw invalid(`invalid device mode: ${CgroupPermissions}`);
    }
  }
  for (const rule of DeviceCgroupRules) {
    if (!parseDeviceRule(rule)) throw invalid(`invalid device cgroup rule format: '${rule}'`);
  }
}

/** Of who shares another's network: what is the owner's to ask for. */
function validateSharing(hostConfig: HostConfig, asked: Partial<ContainerConfig>): void {
  if (containerOfMode(hostConfig.NetworkMode) === undefined) {
    throw invalid("invalid network mode: invalid container format container:<name|id>");
  }
  if (asked.Hostname) throw invalid("conflicting options: hostname and the network mode");
  if (hostConfig.Links.length > 0) {
    throw invalid(
      "conflicting options: container type network can't be used with links. This would result in undefined behavior",
    );
  }
  if (hostConfig.Dns.length > 0) throw invalid("conflicting options: dns and the network mode");
  if (hostConfig.ExtraHosts.length > 0) {
    throw invalid("conflicting options: custom host-to-IP mapping and the network mode");
  }
  if (Object.keys(hostConfig.PortBindings).length > 0 || hostConfig.PublishAllPorts) {
    throw invalid("conflicting options: port publishing and the container type network mode");
  }
  if (Object.keys(asked.ExposedPorts ?? {}).length > 0) {
    throw invalid("conflicting options: port exposing and the container type network mode");
  }
}

/** @throws invalid in Docker's words */
export function validateRestartPolicy({
  RestartPolicy,
  AutoRemove,
}: Pick<HostConfig, "RestartPolicy" | "AutoRemove">): void {
  const { Name, MaximumRetryCount } = RestartPolicy;
  if (!["", "no", "always", "unless-stopped", "on-failure"].includes(Name)) {
    throw invalid(
      `invalid restart policy: unknown policy '${Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (MaximumRetryCount < 0) throw invalid("invalid restart policy: maximum retry count cannot be negative");
  if (Name !== "on-failure" && MaximumRetryCount > 0) {
    throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  }
  if (AutoRemove && Name !== "no" && Name !== "") {
    throw invalid("can't create 'AutoRemove' container with restart policy");
  }
}

/** Those of namespaces that a container can have of its own (OCI runtimes refuse all others). */
const IPC_SYSCTLS =
  /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\.[a-z_]+)$/;

function validateSysctls(
  { Sysctls, IpcMode, UTSMode }: HostConfig,
  sysctlExists: ValidationContext["sysctlExists"],
): void {
  for (const name of Object.keys(Sysctls)) {
    if (name.startsWith("net.")) {
      if (sysctlExists(name)) continue;
      throw invalid(
        `invalid sysctl "${name}": open /proc/sys/${name.replaceAll(".", "/")}: no such file or directory`,
      );
    }
    if (IPC_SYSCTLS.test(name)) {
      if (IpcMode === "host") throw invalid(`sysctl "${name}" is not allowed in the hosts ipc namespace`);
    } else if (name === "kernel.domainname") {
      if (UTSMode === "host") throw invalid(`sysctl "${name}" is not allowed in the hosts uts namespace`);
    } else {
      throw invalid(`sysctl "${name}" is not in a separate kernel namespace`);
    }
  }
}

/** Each is written into a line of resolv.conf. */
function validateResolver({ DnsSearch, DnsOptions }: HostConfig): void {
  for (const word of [...DnsSearch, ...DnsOptions]) {
    if (/[\r\n\0]/.test(word)) throw invalid(`not one line of resolv.conf: ${JSON.stringify(word)}`);
  }
}

const ULIMITS =
  "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  );

function validateUlimits({ Ulimits, OomScoreAdj }: HostConfig, host: HostAbilities): void {
  const mayRaise = host.capabilities.includes("CAP_SYS_RESOURCE");
  const unlimited = (value: number) => (value < 0 ? Number.POSITIVE_INFINITY : value);
  for (const { Name, Soft, Hard } of Ulimits) {
    if (!ULIMITS.includes(Name)) throw invalid(`invalid ulimit type: ${Name}`);
    if (unlimited(Soft) > unlimited(Hard)) {
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
    }
    const own = host.hardLimits[rlimitName(Name)] ?? Number.POSITIVE_INFINITY;
    if (!mayRaise && unlimited(Hard) > own) {
      throw invalid(
        `ulimit ${Name}=${Soft}:${Hard}: this machine withholds CAP_SYS_RESOURCE, so no more than ${own} can be given`,
      );
    }
  }
  if (OomScoreAdj < -1000 || OomScoreAdj > 1000) {
    throw invalid(`Invalid value ${OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  if (!mayRaise && OomScoreAdj !== 0 && OomScoreAdj < host.oomScoreAdj) {
    throw invalid(
      `oom score adj ${OomScoreAdj}: this machine withholds CAP_SYS_RESOURCE, so none below ${host.oomScoreAdj} can be given`,
    );
  }
}
