/**
 * All flags of dockerd and all keys of its daemon.json (moby, daemon/config and daemon/command), and what
 * becomes of each here: carried out, passed over with a warning, or refused where passing it over would
 * leave the user less safe than he thinks, or promise what isn't there.
 */

/** As written: a flag's text is brought to the same shape as the file's JSON. */
export type OptionValue = string | boolean | number | readonly unknown[] | Readonly<Record<string, unknown>>;

export type OptionType = "string" | "bool" | "int" | "list" | "map" | "any";

export interface DaemonOption {
  /** In the configuration file; absent for a flag alone. */
  readonly key?: string;
  /** Absent for a key alone. */
  readonly flag?: string;
  readonly short?: string;
  readonly type: OptionType;
  /** A map of maps: in a file `{"bridge": {"key": "value"}}`, as flags `bridge=key=value`. */
  readonly nested?: true;
  readonly about: string;
  readonly fate: "carried" | "ignored";
  /** Why this value can't be passed over; undefined where it can. */
  readonly refuse?: (value: OptionValue) => string | undefined;
}

type Names = string | { readonly key: string; readonly flag?: string; readonly short?: string };
type Refusal = (value: OptionValue) => string | undefined;

const named = (names: Names) => (typeof names === "string" ? { key: names, flag: names } : names);

const carried = (names: Names, type: OptionType, about: string): DaemonOption => ({
  ...named(names),
  type,
  about,
  fate: "carried",
});

const ignored = (names: Names, type: OptionType, refuse?: Refusal): DaemonOption => ({
  ...named(names),
  type,
  about: "Accepted for dockerd's sake, without effect",
  fate: "ignored",
  ...(refuse && { refuse }),
});

const passedOver = (type: OptionType, ...names: readonly string[]): DaemonOption[] =>
  names
    .join(" ")
    .split(" ")
    .map((name) => ignored(name, type));

const flagOnly = (flag: string, type: OptionType, about: string): DaemonOption => ({
  flag,
  type,
  about,
  fate: "carried",
});

const isEmpty = (value: OptionValue): boolean =>
  value === "" || value === false || (typeof value === "object" && Object.keys(value).length === 0);

const unless =
  (harmless: (value: OptionValue) => boolean, why: string): Refusal =>
  (value) =>
    harmless(value) ? undefined : why;

const OURS_TO_RUN = new Set<OptionValue>(["", "runc", "crun", "io.containerd.runc.v2"]);

export const DAEMON_OPTIONS: readonly DaemonOption[] = [
  // Carried out.
  carried(
    { key: "hosts", flag: "host", short: "H" },
    "list",
    "Socket to listen on: unix://PATH or tcp://ADDRESS:PORT",
  ),
  flagOnly("config-file", "string", "Configuration file"),
  flagOnly("validate", "bool", "Check flags and configuration file, and exit"),
  flagOnly("clean", "bool", "Undo what an engine changed in this host, and exit"),
  carried("data-root", "string", "Directory of what lasts"),
  carried("exec-root", "string", "Directory of what a reboot may take"),
  carried({ key: "pidfile", flag: "pidfile", short: "p" }, "string", "File for the engine's process id"),
  carried({ key: "group", flag: "group", short: "G" }, "string", "Group of the unix socket"),
  carried({ key: "debug", flag: "debug", short: "D" }, "bool", "Log at level debug"),
  carried({ key: "log-level", flag: "log-level", short: "l" }, "string", "debug, info, warn, error or fatal"),
  carried("log-format", "string", "text or json; text where standard error is a terminal"),
  carried({ key: "bridge", flag: "bridge", short: "b" }, "string", "Bridge of the default network, or none"),
  carried("bip", "string", "IPv4 address of the default bridge, with prefix length"),
  carried("fixed-cidr", "string", "IPv4 subnet for containers on the default bridge"),
  carried("default-gateway", "string", "IPv4 gateway of containers on the default bridge"),
  carried("ipv6", "bool", "IPv6 on the default bridge"),
  carried("bip6", "string", "IPv6 address of the default bridge, with prefix length"),
  carried("fixed-cidr-v6", "string", "IPv6 subnet for containers on the default bridge"),
  carried("default-gateway-v6", "string", "IPv6 gateway of containers on the default bridge"),
  carried(
    { key: "default-address-pools", flag: "default-address-pool" },
    "list",
    "Pool for networks without a subnet: base=CIDR,size=BITS",
  ),
  {
    ...carried(
      { key: "default-network-opts", flag: "default-network-opt" },
      "map",
      "Option of new networks of a driver: DRIVER=KEY=VALUE",
    ),
    nested: true,
  },
  carried("dns", "list", "DNS server for containers"),
  carried("dns-search", "list", "DNS search domain for containers"),
  carried({ key: "dns-opts", flag: "dns-opt" }, "list", "DNS option for containers"),
  carried(
    { key: "host-gateway-ips", flag: "host-gateway-ip" },
    "list",
    "What host-gateway in --add-host stands for",
  ),
  carried({ key: "host-gateway-ip" }, "string", "What host-gateway in --add-host stands for"),
  carried("mtu", "int", "MTU of the default bridge network"),
  carried("icc", "bool", "Containers on the default bridge reach each other"),
  carried("ip", "string", "Host address that ports are published on"),
  carried("ip-masq", "bool", "Masquerade what leaves the default bridge network"),
  carried("ip-forward", "bool", "Turn net.ipv4.ip_forward on"),
  carried("ip-forward-no-drop", "bool", "Leave forwarding between other links open"),
  carried("firewall-admit", "bool", "Pass another engine's dropping firewall in DOCKER-USER (default true)"),
  carried("live-restore", "bool", "Containers go on when the engine stops (default true)"),
  carried("shutdown-timeout", "int", "Seconds for containers to stop with the engine"),
  carried("cgroup-parent", "string", "Parent cgroup of all containers"),
  carried({ key: "exec-opts", flag: "exec-opt" }, "list", "native.cgroupdriver=cgroupfs or systemd"),
  carried("log-driver", "string", "Log driver of containers that name none (default json-file)"),
  carried({ key: "log-opts", flag: "log-opt" }, "map", "Option of that driver: key=value"),
  carried("default-shm-size", "string", "Size of /dev/shm of containers that name none (default 64M)"),
  carried(
    { key: "default-ulimits", flag: "default-ulimit" },
    "map",
    "Ulimit of containers that name none of its name: NAME=SOFT[:HARD]",
  ),
  carried("init", "bool", "An init in containers that don't say whether"),
  carried("default-ipc-mode", "string", "IPC namespace of containers that name none: private or shareable"),
  carried("default-cgroupns-mode", "string", "Cgroup namespace of such containers: private or host"),
  carried("no-new-privileges", "bool", "No new privileges in containers that don't say whether"),
  carried("seccomp-profile", "string", "Seccomp profile of containers that name none: FILE or unconfined"),
  carried({ key: "labels", flag: "label" }, "list", "Label of the engine: key=value"),
  carried(
    { key: "insecure-registries", flag: "insecure-registry" },
    "list",
    "Registry to talk to without TLS",
  ),
  carried({ key: "registry-mirrors", flag: "registry-mirror" }, "list", "Mirror to pull from first"),
  carried("tls", "bool", "Use TLS on tcp sockets"),
  carried("tlsverify", "bool", "Use TLS, and verify clients"),
  carried("tlscacert", "string", "Certificate authority that signs clients"),
  carried("tlscert", "string", "Certificate of the engine"),
  carried("tlskey", "string", "Key of the engine"),

  // Refused where passing them over weakens what the user relies on.
  ignored(
    { key: "authorization-plugins", flag: "authorization-plugin" },
    "list",
    unless(
      isEmpty,
      "there are no plugins here, so no request would be authorized by one; leave it out to let every client of the socket do anything",
    ),
  ),
  ignored(
    "userns-remap",
    "string",
    unless(
      isEmpty,
      "user namespaces are not built in, so root in a container would be root on the host; leave it out to accept that",
    ),
  ),
  ignored(
    "selinux-enabled",
    "bool",
    unless(
      isEmpty,
      "SELinux labels are not built in, so containers would run unconfined by it; leave it out to accept that",
    ),
  ),
  ignored(
    "default-runtime",
    "string",
    unless(
      (value) => OURS_TO_RUN.has(value),
      "only runc and crun run containers here; another runtime's isolation would be missing",
    ),
  ),
  ignored("rootless", "bool", unless(isEmpty, "the engine runs as root")),

  // Passed over.
  ...passedOver(
    "string",
    "bridge-accept-fwmark containerd containerd-namespace default-init",
    "firewall-backend http-proxy https-proxy init-path metrics-addr no-proxy",
    "swarm-default-advertise-addr userland-proxy-path",
  ),
  ...passedOver(
    "bool",
    "allow-direct-routing cri-containerd experimental ip6tables iptables raw-logs userland-proxy",
  ),
  ...passedOver(
    "int",
    "cpu-rt-period cpu-rt-runtime default-stop-timeout max-concurrent-downloads max-concurrent-uploads",
    "max-download-attempts network-control-plane-mtu network-diagnostic-port oom-score-adjust",
  ),
  ignored({ key: "runtimes", flag: "add-runtime" }, "map"),
  ignored({ key: "storage-driver", flag: "storage-driver", short: "s" }, "string"),
  ignored({ key: "storage-opts", flag: "storage-opt" }, "list"),
  ignored({ key: "features", flag: "feature" }, "map"),
  ignored({ key: "node-generic-resources", flag: "node-generic-resource" }, "list"),
  ignored({ key: "cdi-spec-dirs", flag: "cdi-spec-dir" }, "list"),
  ignored({ key: "nri-opts", flag: "nri-opts" }, "any"),
  ignored({ key: "containerd-plugin-namespace", flag: "containerd-plugins-namespace" }, "string"),
  ignored({ key: "allow-nondistributable-artifacts" }, "any"),
  ignored({ key: "builder" }, "any"),
  ignored({ key: "deprecated-key-path" }, "any"),
  ignored({ key: "min-api-version" }, "string"),
  ignored({ key: "proxies" }, "any"),
  ignored({ key: "resolv-conf" }, "string"),
  ignored({ key: "swarm-raft-election-tick" }, "int"),
  ignored({ key: "swarm-raft-heartbeat-tick" }, "int"),
];
