/** The flags of `run`, by Docker's names. */
import { UsageError } from "./errors.ts";
import type { HealthOptions } from "./health-flags.ts";
import { type ResourceOptions, resourceFlags } from "./resource-flags.ts";
import { type Flag, flag, type Kind } from "./verb.ts";

export interface RunOptions extends HealthOptions, ResourceOptions {
  readonly addHost: readonly string[];
  readonly attach: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly cgroupParent?: string;
  readonly cidfile?: string;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly cpus?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly detach: boolean;
  readonly detachKeys?: string;
  readonly dns: readonly string[];
  readonly dnsOption: readonly string[];
  readonly dnsOpt: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly domainname?: string;
  readonly entrypoint?: string;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly expose: readonly string[];
  readonly groupAdd: readonly string[];
  readonly hostname?: string;
  readonly init?: boolean;
  readonly interactive: boolean;
  readonly ip?: string;
  readonly ip6?: string;
  readonly ipc?: string;
  readonly label: readonly string[];
  readonly labelFile: readonly string[];
  readonly link: readonly string[];
  readonly linkLocalIp: readonly string[];
  readonly logDriver?: string;
  readonly logOpt: readonly string[];
  readonly macAddress?: string;
  readonly memory?: number;
  readonly memoryReservation?: number;
  readonly memorySwap?: number;
  readonly mount: readonly string[];
  readonly name?: string;
  readonly network: readonly string[];
  readonly net: readonly string[];
  readonly networkAlias: readonly string[];
  readonly netAlias: readonly string[];
  readonly oomScoreAdj?: number;
  readonly pid?: string;
  readonly pidsLimit?: number;
  readonly platform?: string;
  readonly privileged: boolean;
  readonly publish: readonly string[];
  readonly publishAll: boolean;
  readonly pull?: string;
  readonly quiet: boolean;
  readonly readOnly: boolean;
  readonly restart?: string;
  readonly rm: boolean;
  readonly runtime?: string;
  readonly securityOpt: readonly string[];
  readonly shmSize?: number;
  readonly sigProxy: boolean;
  readonly stopSignal?: string;
  readonly stopTimeout?: number;
  readonly sysctl: readonly string[];
  readonly tmpfs: readonly string[];
  readonly tty: boolean;
  readonly ulimit: readonly string[];
  readonly user?: string;
  readonly uts?: string;
  readonly volume: readonly string[];
  readonly volumeDriver?: string;
  readonly volumesFrom: readonly string[];
  readonly workdir?: string;
}

/** Docker's flags that this engine does not carry out yet: known, so that nobody takes them for a slip. */
const ABSENT = [["--use-api-socket", "bool"]] as const;

function absent(spelling: string, kind: Kind): Flag {
  const option = flag(spelling, kind, "Not built in yet").hideHelp();
  return option.argParser((text: string) => {
    if (kind === "bool" && text === "false") return false;
    throw new UsageError(`${option.long} is not built in yet`);
  });
}

export const runFlags = (): readonly Flag[] =>
  [
    ...resourceFlags(),
    flag("--add-host", "list", "Add a custom host-to-IP mapping (host:ip)"),
    flag("-a, --attach", "list", "Attach to STDIN, STDOUT or STDERR"),
    flag("--cap-add", "list", "Add Linux capabilities"),
    flag("--cap-drop", "list", "Drop Linux capabilities"),
    flag("--cgroup-parent", "string", "Optional parent cgroup for the container"),
    flag("--cidfile", "string", "Write the container ID to the file"),
    flag("--cpu-period", "int", "Limit CPU CFS (Completely Fair Scheduler) period"),
    flag("--cpu-quota", "int", "Limit CPU CFS (Completely Fair Scheduler) quota"),
    flag("-c, --cpu-shares", "int", "CPU shares (relative weight)"),
    flag("--cpus", "decimal", "Number of CPUs"),
    flag("--cpuset-cpus", "string", "CPUs in which to allow execution (0-3, 0,1)"),
    flag("--cpuset-mems", "string", "MEMs in which to allow execution (0-3, 0,1)"),
    flag("-d, --detach", "bool", "Run container in background and print container ID"),
    flag("--detach-keys", "string", "Override the key sequence for detaching a container"),
    flag("--dns", "list", "Set custom DNS servers"),
    flag("--dns-option", "list", "Set DNS options"),
    flag("--dns-opt", "list", "Set DNS options").hideHelp(),
    flag("--dns-search", "list", "Set custom DNS search domains"),
    flag("--domainname", "string", "Container NIS domain name"),
    flag("--entrypoint", "string", "Overwrite the default ENTRYPOINT of the image"),
    flag("-e, --env", "list", "Set environment variables"),
    flag("--env-file", "list", "Read in a file of environment variables"),
    flag("--expose", "list", "Expose a port or a range of ports"),
    flag("--group-add", "list", "Add additional groups to join"),
    flag("--health-cmd", "string", "Command to run to check health"),
    flag("--health-interval", "string", "Time between running the check (ms|s|m|h) (default 0s)"),
    flag("--health-retries", "int", "Consecutive failures needed to report unhealthy"),
    flag(
      "--health-start-interval",
      "string",
      "Time between running the check during the start period (ms|s|m|h) (default 0s)",
    ),
    flag(
      "--health-start-period",
      "string",
      "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)",
    ),
    flag("--health-timeout", "string", "Maximum time to allow one check to run (ms|s|m|h) (default 0s)"),
    flag("-h, --hostname", "string", "Container host name"),
    flag(
      "--init",
      "bool",
      "Run an init inside the container that forwards signals and reaps processes",
    ).default(undefined),
    flag("-i, --interactive", "bool", "Keep STDIN open even if not attached"),
    flag("--ip", "string", "IPv4 address (e.g., 172.30.100.104)"),
    flag("--ip6", "string", "IPv6 address (e.g., 2001:db8::33)"),
    flag("--ipc", "string", "IPC mode to use"),
    flag("-l, --label", "list", "Set meta data on a container"),
    flag("--label-file", "list", "Read in a line delimited file of labels"),
    flag("--link", "list", "Add link to another container"),
    flag("--link-local-ip", "list", "Container IPv4/IPv6 link-local addresses"),
    flag("--log-driver", "string", "Logging driver for the container"),
    flag("--log-opt", "list", "Log driver options"),
    flag("--mac-address", "string", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    flag("-m, --memory", "bytes", "Memory limit"),
    flag("--memory-reservation", "bytes", "Memory soft limit"),
    flag("--memory-swap", "bytes", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
    flag("--mount", "list", "Attach a filesystem mount to the container"),
    flag("--name", "string", "Assign a name to the container"),
    flag("--network", "network", "Connect a container to a network"),
    flag("--net", "network", "Connect a container to a network").hideHelp(),
    flag("--network-alias", "list", "Add network-scoped alias for the container"),
    flag("--net-alias", "list", "Add network-scoped alias for the container").hideHelp(),
    flag("--no-healthcheck", "bool", "Disable any container-specified HEALTHCHECK"),
    flag("--oom-score-adj", "int", "Tune host's OOM preferences (-1000 to 1000)"),
    flag("--pid", "string", "PID namespace to use"),
    flag("--pids-limit", "int", "Tune container pids limit (set -1 for unlimited)"),
    flag("--platform", "string", "Set platform if server is multi-platform capable"),
    flag("--privileged", "bool", "Give extended privileges to this container"),
    flag("-p, --publish", "list", "Publish a container's port(s) to the host"),
    flag("-P, --publish-all", "bool", "Publish all exposed ports to random ports"),
    flag("--pull", "string", 'Pull image before running ("always", "missing", "never") (default "missing")'),
    flag("-q, --quiet", "bool", "Suppress the pull output"),
    flag("--read-only", "bool", "Mount the container's root filesystem as read only"),
    flag("--restart", "string", 'Restart policy to apply when a container exits (default "no")'),
    flag(
      "--rm",
      "bool",
      "Automatically remove the container and its associated anonymous volumes when it exits",
    ),
    flag("--runtime", "string", "Runtime to use for this container"),
    flag("--security-opt", "list", "Security Options"),
    flag("--shm-size", "bytes", "Size of /dev/shm"),
    flag("--sig-proxy", "bool", "Proxy received signals to the process (default true)").default(true),
    flag("--stop-signal", "string", "Signal to stop the container"),
    flag("--stop-timeout", "int", "Timeout (in seconds) to stop a container"),
    flag("--sysctl", "map", "Sysctl options"),
    flag("--tmpfs", "list", "Mount a tmpfs directory"),
    flag("-t, --tty", "bool", "Allocate a pseudo-TTY"),
    flag("--ulimit", "ulimit", "Ulimit options"),
    flag("-u, --user", "string", "Username or UID (format: <name|uid>[:<group|gid>])"),
    flag("--uts", "string", "UTS namespace to use"),
    flag("-v, --volume", "list", "Bind mount a volume"),
    flag("--volume-driver", "string", "Optional volume driver for the container"),
    flag("--volumes-from", "list", "Mount volumes from the specified container(s)"),
    flag("-w, --workdir", "string", "Working directory inside the container"),
    ...ABSENT.map(([spelling, kind]) => absent(spelling, kind)),
  ].toSorted((a, b) => (a.name() < b.name() ? -1 : 1));
