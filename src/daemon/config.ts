/**
 * From flags and configuration file to settings: pure, and whole before anything is touched. All that is
 * wrong is told at once.
 */
import { join, resolve } from "node:path";
import type { BridgeSettings, ContainerDefaults, EngineSettings } from "../engine/settings.ts";
import { EngineError } from "../lib/errors.ts";
import { type Address, contains, formatPrefix, type Prefix, subnetOf } from "../lib/ip.ts";
import { DEFAULT_SOCKET, formatWhere, parseHost, type TlsFiles, type Where } from "./hosts.ts";
import * as parse from "./parse.ts";
import { Reader } from "./reader.ts";
import {
  type ConfigFile,
  type DaemonFlags,
  nameOf,
  type Problems,
  readValues,
  type Values,
} from "./values.ts";

export const DEFAULT_CONFIG_FILE = "/etc/drawbridge/daemon.json";

const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface DaemonConfig {
  readonly engine: Omit<EngineSettings, "logger" | "version">;
  readonly listeners: readonly Where[];
  readonly pidFile: string;
  readonly logLevel: LogLevel;
  /** Absent: text on a terminal, else JSON. */
  readonly logFormat?: "text" | "json";
  /** A sentence each, for the log. */
  readonly warnings: readonly string[];
}

/** The configuration can't be used; `problems` has a sentence for each thing that is wrong. */
export class ConfigError extends EngineError {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super("invalid", problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

const DEFAULT_MTU = 1500;
const ANY: Address = { family: 4, bits: 0n };

function bridge(read: Reader): BridgeSettings {
  const name = read.parsed("bridge", parse.parseBridgeName) ?? "docker0";
  const bip = read.parsed("bip", parse.parseBip);
  const fixedCidr = read.parsed("fixed-cidr", parse.parseIPv4Prefix);
  const defaultGateway = read.parsed("default-gateway", parse.parseIPv4);
  refuseOutside(read, bip, ["fixed-cidr", fixedCidr], ["default-gateway", defaultGateway]);
  const bip6 = read.parsed("bip6", parse.parseBip6);
  const fixedCidr6 = read.parsed("fixed-cidr-v6", parse.parseIPv6Prefix);
  const defaultGateway6 = read.parsed("default-gateway-v6", parse.parseIPv6);
  refuseOutside(read, bip6, ["fixed-cidr-v6", fixedCidr6], ["default-gateway-v6", defaultGateway6]);
  // Without an address of the bridge's own, its subnet is that of the containers.
  if (!bip6) refuseOutside(read, fixedCidr6, undefined, ["default-gateway-v6", defaultGateway6]);
  if (name === "none") {
    for (const key of BRIDGE_KEYS) {
      if (read.text(key)) read.wrong(key, "there is no default bridge to set it on, with --bridge none");
    }
  }
  return {
    name: name === "none" ? undefined : name,
    ...(bip && { bip }),
    ...(fixedCidr && { fixedCidr: subnetOf(fixedCidr) }),
    ...(defaultGateway && { defaultGateway }),
    ipv6: read.boolean("ipv6", false),
    ...(bip6 && { bip6 }),
    ...(fixedCidr6 && { fixedCidr6: subnetOf(fixedCidr6) }),
    ...(defaultGateway6 && { defaultGateway6 }),
    // 68 is the least that IPv4 works with (RFC 791).
    mtu: read.isZero("mtu") ? DEFAULT_MTU : read.number("mtu", DEFAULT_MTU, 68, 65535),
    icc: read.boolean("icc", true),
    hostBindingIp: read.parsed("ip", parse.parseIPv4) ?? ANY,
  };
}

const BRIDGE_KEYS = [
  ...["bip", "fixed-cidr", "default-gateway"],
  ...["bip6", "fixed-cidr-v6", "default-gateway-v6"],
];

/** What of the bridge's subnet is named must be within it. */
function refuseOutside(
  read: Reader,
  bridge: Prefix | undefined,
  range: readonly [key: string, Prefix | undefined] | undefined,
  gateway: readonly [key: string, Address | undefined],
): void {
  if (!bridge) return;
  const subnet = formatPrefix(subnetOf(bridge));
  const [rangeKey, fixed] = range ?? [];
  if (rangeKey && fixed && !(fixed.length >= bridge.length && contains(bridge, fixed.address))) {
    read.wrong(rangeKey, `${formatPrefix(fixed)} is not within the bridge's ${subnet}`);
  }
  const [gatewayKey, address] = gateway;
  if (address && !contains(bridge, address)) read.wrong(gatewayKey, `not within the bridge's ${subnet}`);
}

/** `--tlsverify` verifies clients; `--tls` alone encrypts. Files lie beside the configuration file by default. */
function tlsFiles(read: Reader, directory: string): TlsFiles | undefined {
  const verify = read.boolean("tlsverify", false);
  if (!verify && !read.boolean("tls", false)) {
    for (const key of ["tlscacert", "tlscert", "tlskey"]) {
      if (read.text(key)) read.wrong(key, "TLS is off; pass --tlsverify");
    }
    return undefined;
  }
  const file = (key: string, name: string) => resolve(read.text(key) ?? join(directory, name));
  return {
    ...(verify && { ca: file("tlscacert", "ca.pem") }),
    cert: file("tlscert", "cert.pem"),
    key: file("tlskey", "key.pem"),
  };
}

function listeners(read: Reader, tls: TlsFiles | undefined): readonly Where[] {
  const group = read.text("group");
  const seen = new Set<string>();
  const found = read.each("hosts", (text) => {
    const listener = parseHost(String(text), { group, tls });
    const name = formatWhere(listener);
    if (seen.has(name)) throw new ConfigError([`${name} is given twice`]);
    seen.add(name);
    return listener;
  });
  return found.length > 0 ? found : [parseHost(`unix://${DEFAULT_SOCKET}`, { group })];
}

function labels(read: Reader): readonly string[] {
  const all = read.each("labels", parse.parseLabel);
  try {
    return parse.withoutConflicts(all);
  } catch (thrown) {
    read.wrong("labels", thrown instanceof Error ? thrown.message : String(thrown));
    return [];
  }
}

/** What containers have that ask for nothing else. */
function containerDefaults(read: Reader): ContainerDefaults {
  const ulimits = read.named("default-ulimits", parse.parseUlimit);
  const ipcMode = read.parsed("default-ipc-mode", parse.oneOf(["private", "shareable"]));
  const cgroupnsMode = read.parsed("default-cgroupns-mode", parse.oneOf(["private", "host"]));
  const profile = read.text("seccomp-profile");
  const seccompProfile =
    !profile || profile === "builtin" || profile === "unconfined" ? profile : resolve(profile);
  return {
    ...(ulimits.length > 0 && { ulimits }),
    ...(read.boolean("init", false) && { init: true }),
    ...(ipcMode && { ipcMode }),
    ...(cgroupnsMode && { cgroupnsMode }),
    ...(read.boolean("no-new-privileges", false) && { noNewPrivileges: true }),
    ...(seccompProfile && { seccompProfile }),
  };
}

function engine(read: Reader): DaemonConfig["engine"] {
  const cgroupDriver = read.each("exec-opts", parse.parseCgroupDriver).at(-1);
  const cgroupParent = read.text("cgroup-parent");
  if (cgroupDriver === "systemd" && cgroupParent && !/^[^/]+\.slice$/.test(cgroupParent)) {
    read.wrong(
      "cgroup-parent",
      `${cgroupParent}: with the systemd driver a slice's name is wanted, like drawbridge.slice`,
    );
  }
  const gateways = [
    ...read.each("host-gateway-ips", parse.parseHostGateway),
    ...[read.parsed("host-gateway-ip", parse.parseHostGateway)].flatMap((address) => address ?? []),
  ];
  if (new Set(gateways.map(({ family }) => family)).size < gateways.length) {
    read.wrong(
      read.has("host-gateway-ips") ? "host-gateway-ips" : "host-gateway-ip",
      "at most one address of a family is wanted",
    );
  }
  const networkOptions = read.options("default-network-opts");
  const forContainers = containerDefaults(read);
  const shmSize = read.parsed("default-shm-size", parse.parseMemory);
  return {
    dataRoot: resolve(read.text("data-root") ?? "/var/lib/drawbridge"),
    execRoot: resolve(read.text("exec-root") ?? "/run/drawbridge"),
    bridge: bridge(read),
    ipMasq: read.boolean("ip-masq", true),
    ipForward: read.boolean("ip-forward", true),
    ipForwardNoDrop: read.boolean("ip-forward-no-drop", false),
    firewallAdmit: read.boolean("firewall-admit", true),
    ...(networkOptions && { defaultNetworkOptions: networkOptions }),
    defaultAddressPools: read.each("default-address-pools", parse.parsePool),
    dns: read.each("dns", parse.parseDns),
    dnsSearch: read.each("dns-search", parse.parseDomain),
    dnsOptions: read.each("dns-opts", parse.parseDnsOption),
    ...(gateways.length > 0 && { hostGatewayIps: gateways }),
    ...(cgroupParent && { cgroupParent }),
    ...(cgroupDriver && { cgroupDriver }),
    defaultLog: { Type: read.text("log-driver") ?? "json-file", Config: read.map("log-opts") },
    ...(shmSize && { defaultShmSize: shmSize }),
    ...(Object.keys(forContainers).length > 0 && { containerDefaults: forContainers }),
    labels: labels(read),
    shutdownTimeout: read.number("shutdown-timeout", 15, -1, 86_400),
    liveRestore: read.boolean("live-restore", true),
    insecureRegistries: read.each("insecure-registries", parse.parseRegistry),
    registryMirrors: read.each("registry-mirrors", parse.parseMirror),
  };
}

/** One warning for all that is passed over; a problem for each that may not be. */
function passOver(values: Values, problems: Problems): readonly string[] {
  const without: string[] = [];
  for (const { option, value, origin } of values.values()) {
    if (option.fate === "carried") continue;
    const why = option.refuse?.(value);
    if (why) problems.push(`${origin}: ${why}`);
    else if (!option.refuse) without.push(nameOf(option));
  }
  return without.length > 0
    ? [`without effect here, though dockerd knows them: ${without.sort().join(", ")}`]
    : [];
}

/**
 * @param flags by long name, as typed
 * @param file the configuration file, where there is one
 * @throws ConfigError with all that is wrong
 */
export function readConfig(flags: DaemonFlags, file: ConfigFile | undefined): DaemonConfig {
  const problems: Problems = [];
  const values = readValues(flags, file, problems);
  const read = new Reader(values, problems);
  const warnings = passOver(values, problems);
  const logFormat = read.parsed("log-format", parse.oneOf(["text", "json"]));
  const level = read.parsed("log-level", parse.oneOf(LOG_LEVELS)) ?? "info";
  const settings = engine(read);
  const config: DaemonConfig = {
    engine: settings,
    listeners: listeners(read, tlsFiles(read, "/etc/drawbridge")),
    pidFile: resolve(read.text("pidfile") ?? join(settings.execRoot, "drawbridge.pid")),
    logLevel: read.boolean("debug", false) ? "debug" : level,
    ...(logFormat && { logFormat }),
    warnings,
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
