/** What is mounted into a container's root filesystem (OCI runtime spec, "Mounts"). */
import type { NetworkFiles } from "../paths.ts";
import { RuntimeError } from "../process/refusal.ts";
import { parseSecurity } from "../spec/security.ts";
import type { HostConfig } from "../types.ts";
import { tmpfsOptions } from "./tmpfs.ts";
import { cleanPath } from "./words.ts";

export interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** What Docker mounts into each container, in this order: a later one may lie on an earlier one. */
function defaultMounts(hostConfig: HostConfig): readonly Mount[] {
  const guarded = ["nosuid", "noexec", "nodev"];
  const access = hostConfig.Privileged ? [] : ["ro"];
  const { writableCgroups = hostConfig.Privileged } = parseSecurity(hostConfig.SecurityOpt);
  const shm = { destination: "/dev/shm", type: "tmpfs", source: "shm" };
  return [
    { destination: "/proc", type: "proc", source: "proc", options: guarded },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...guarded, ...access] },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [...(writableCgroups ? [] : ["ro"]), ...guarded],
    },
    // Its queues are those of the IPC namespace, the host's own with `--ipc host`.
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: guarded },
    ...(hostConfig.IpcMode === "none"
      ? []
      : [{ ...shm, options: [...guarded, "mode=1777", `size=${hostConfig.ShmSize}`] }]),
  ];
}

export interface MountInput {
  readonly hostConfig: HostConfig;
  /** Binds and volumes. */
  readonly mounts: readonly Mount[];
  readonly files: NetworkFiles;
  /** Another container's /dev/shm, or the host's, that comes in place of an own one. */
  readonly shm?: string;
  /** The init program to put at INIT_PATH. */
  readonly init?: string;
}

/** Where `--init` puts its program, as Docker does. */
export const INIT_PATH = "/sbin/docker-init";

/** What runc lets users put over single files of /proc (runc, libcontainer/rootfs_linux.go). */
const REPLACEABLE_IN_PROC: ReadonlySet<string> = new Set([
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/loadavg",
  "/proc/meminfo",
  "/proc/net/dev",
  "/proc/slabinfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/sys/crypto/fips_enabled",
  "/proc/sys/kernel/ns_last_pid",
  "/proc/uptime",
]);

/**
 * What hides parts of /proc could lift what keeps a container in (CVE-2019-16884). crun would let it.
 * @returns runc's words of refusal; undefined where there is nothing against it
 */
export function refusalInProc({
  destination,
  source,
}: Pick<Mount, "destination" | "source">): string | undefined {
  const refused = (why: string) => `"${destination}" cannot be mounted because it is ${why}`;
  if (destination === "/proc") return source === "/proc" ? undefined : refused("not of type proc");
  const inside = destination.startsWith("/proc/") && !REPLACEABLE_IN_PROC.has(destination);
  return inside ? refused("inside /proc") : undefined;
}

/** Of a container that was made before its creation asked the same. @throws RuntimeError */
function checkOutsideProc(mount: Mount): void {
  const refusal = refusalInProc(mount);
  if (refusal !== undefined) throw new RuntimeError("other", refusal);
}

/**
 * In the order in which they are mounted: a user's mount takes the place of a default one, parents go first.
 * @throws RuntimeError for what would lie on parts of /proc
 */
export function mountsOf(input: MountInput): readonly Mount[] {
  const { hostConfig, files } = input;
  const users = [
    ...input.mounts,
    ...Object.entries(hostConfig.Tmpfs).map(([destination, options]) => ({
      destination: cleanPath(destination),
      type: "tmpfs",
      source: "tmpfs",
      options: tmpfsOptions(options),
    })),
  ];
  users.forEach(checkOutsideProc);
  const taken = new Set(users.map((mount) => mount.destination));
  const under = (mount: Mount) => taken.has("/dev") && mount.destination.startsWith("/dev/");
  const own = (mounts: readonly Mount[]) =>
    mounts.filter((mount) => !taken.has(mount.destination) && !under(mount));

  const etc = (destination: string, source: string): Mount => ({
    destination,
    type: "bind",
    source,
    options: ["rbind", ...(hostConfig.ReadonlyRootfs ? ["ro"] : []), "rprivate"],
  });
  const defaults = own(defaultMounts(hostConfig)).map((mount) =>
    mount.destination === "/dev/shm" && input.shm
      ? { ...mount, type: "bind", source: input.shm, options: ["rbind", "rprivate"] }
      : mount,
  );
  const later = [
    ...own([
      etc("/etc/resolv.conf", files.resolvConf),
      etc("/etc/hostname", files.hostname),
      etc("/etc/hosts", files.hosts),
    ]),
    ...users,
  ].toSorted((a, b) => depth(a) - depth(b));
  const init: readonly Mount[] = input.init
    ? [{ destination: INIT_PATH, type: "bind", source: input.init, options: ["bind", "ro"] }]
    : [];
  return [...defaults, ...later, ...init];
}

const depth = (mount: Mount): number => mount.destination.split("/").length;
