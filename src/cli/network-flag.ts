/** `--network`, several times, in both of its forms, and the flags that belong to the first of them. */
import { parseMac } from "../lib/ip.ts";
import { parseCsv } from "./csv.ts";
import { UsageError } from "./errors.ts";
import { checkLink } from "./link-flag.ts";
import type { RunOptions } from "./run-flags.ts";

/** EndpointSettings of the API, as far as flags set them. */
export interface Endpoint {
  readonly IPAMConfig?: {
    readonly IPv4Address?: string;
    readonly IPv6Address?: string;
    readonly LinkLocalIPs?: readonly string[];
  };
  readonly Aliases?: readonly string[];
  readonly Links?: readonly string[];
  readonly MacAddress?: string;
  readonly GwPriority?: number;
  readonly DriverOpts?: Readonly<Record<string, string>>;
}

/** One network, as flags speak of it. */
interface Attachment {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly links: readonly string[];
  readonly ip: string;
  readonly ip6: string;
  readonly linkLocal: readonly string[];
  readonly mac: string;
  readonly priority: number;
  readonly driver: Readonly<Record<string, string>>;
}

const BARE: Attachment = {
  name: "",
  aliases: [],
  links: [],
  ip: "",
  ip6: "",
  linkLocal: [],
  mac: "",
  priority: 0,
  driver: {},
};

/** `key=value` each. @throws */
export function driverOptions(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const equals = word.indexOf("=");
      const key = word.slice(0, Math.max(0, equals)).trim();
      if (key === "") throw new Error("invalid key/value pair format in driver options");
      return [key, word.slice(equals + 1).trim()];
    }),
  );
}

function priorityOf(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new Error(`invalid gw-priority (${text}): invalid syntax`);
  return Number(text);
}

/** What each field of the long form adds. */
const FIELDS: Readonly<Record<string, (value: string, before: Attachment) => Partial<Attachment>>> = {
  name: (name) => ({ name }),
  alias: (alias, { aliases }) => ({ aliases: [...aliases, alias] }),
  ip: (ip) => ({ ip }),
  ip6: (ip6) => ({ ip6 }),
  "link-local-ip": (address, { linkLocal }) => ({ linkLocal: [...linkLocal, address] }),
  "mac-address": (mac) => ({ mac }),
  "gw-priority": (text) => ({ priority: priorityOf(text) }),
  "driver-opt": (option, { driver }) => ({ driver: { ...driver, ...driverOptions([option]) } }),
};

/** `NAME`, or `name=NAME,ip=…,ip6=…,alias=…,"driver-opt=KEY=A,B"`: fields as in a line of CSV. */
function parseNetwork(text: string): Attachment {
  if (!/^"?[a-z0-9-]+=/i.test(text)) return { ...BARE, name: text };
  try {
    const attachment = parseCsv(text).reduce(addField, BARE);
    if (attachment.name === "") throw new Error("network name/id is not specified");
    return attachment;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : thrown;
    throw new UsageError(`invalid argument ${JSON.stringify(text)} for "--network" flag: ${why}`);
  }
}

function addField(before: Attachment, field: string): Attachment {
  const equals = field.indexOf("=");
  const key = field.slice(0, Math.max(0, equals)).trim().toLowerCase();
  if (key === "") throw new Error(`invalid field ${field}`);
  const add = Object.hasOwn(FIELDS, key) ? FIELDS[key] : undefined;
  if (!add) throw new Error(`invalid field key ${key}`);
  return { ...before, ...add(field.slice(equals + 1).trim(), before) };
}

/** Modes and the predefined networks know no names for containers, and no links of their own. */
const isUserDefined = (name: string): boolean => !/^(default|bridge|host|none|container:.*)$/s.test(name);

/** Flags without a network's name are about the first network. */
function withFlags(network: Attachment, options: RunOptions): Attachment {
  const { ip = "", ip6 = "", macAddress = "" } = options;
  const aliases = [...options.networkAlias, ...options.netAlias];
  const { linkLocalIp: linkLocal } = options;
  const clashes: readonly (readonly [flag: string, own: string, inFlag: unknown, inNetwork: unknown])[] = [
    ["network-alias", "alias", aliases.length, network.aliases.length],
    ["ip", "IPv4 address", ip, network.ip],
    ["ip6", "IPv6 address", ip6, network.ip6],
    ["mac-address", "MAC address", macAddress, network.mac],
    ["link-local-ip", "link-local IP addresses", linkLocal.length, network.linkLocal.length],
  ];
  for (const [flag, own, inFlag, inNetwork] of clashes) {
    if (inFlag && inNetwork) {
      throw new Error(`conflicting options: cannot specify both --${flag} and per-network ${own}`);
    }
  }
  return {
    ...network,
    aliases: [...network.aliases, ...aliases],
    // On the default network, links are the container's.
    links: isUserDefined(network.name) ? options.link : [],
    ip: network.ip || ip,
    ip6: network.ip6 || ip6,
    mac: network.mac || macAddress,
    linkLocal: [...network.linkLocal, ...linkLocal],
  };
}

/** @throws in Docker's words */
function endpointOf(network: Attachment): Endpoint {
  const { name, aliases, links, ip, ip6, linkLocal, mac, priority, driver } = network;
  if (name.trim() === "") throw new Error("no name set for network");
  if (!isUserDefined(name) && aliases.length > 0) {
    throw new Error("network-scoped aliases are only supported for user-defined networks");
  }
  if (mac !== "") checkMac(mac);
  const addresses = {
    ...(ip && { IPv4Address: ip }),
    ...(ip6 && { IPv6Address: ip6 }),
    ...(linkLocal.length > 0 && { LinkLocalIPs: linkLocal }),
  };
  return {
    ...(Object.keys(addresses).length > 0 && { IPAMConfig: addresses }),
    ...(aliases.length > 0 && { Aliases: aliases }),
    ...(links.length > 0 && { Links: links }),
    ...(mac && { MacAddress: mac }),
    ...(priority !== 0 && { GwPriority: priority }),
    ...(Object.keys(driver).length > 0 && { DriverOpts: driver }),
  };
}

function checkMac(mac: string): void {
  try {
    parseMac(mac);
  } catch (thrown) {
    throw new Error(`${mac} is not a valid mac address`, { cause: thrown });
  }
}

/** The first network is the container's mode. @throws in Docker's words */
export function parseNetworks(options: RunOptions): {
  readonly mode: string;
  readonly endpoints: Readonly<Record<string, Endpoint>>;
} {
  options.link.forEach(checkLink);
  const given = [...options.network, ...options.net].map(parseNetwork);
  const [first = { ...BARE, name: "default" }, ...others] = given;
  const endpoints: Record<string, Endpoint> = { [first.name]: endpointOf(withFlags(first, options)) };
  for (const network of others) {
    if (Object.hasOwn(endpoints, network.name)) {
      throw new Error(`network ${JSON.stringify(network.name)} is specified multiple times`);
    }
    endpoints[network.name] = endpointOf(network);
  }
  if (new Set(Object.keys(endpoints).map(isUserDefined)).size > 1) {
    throw new Error(
      "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
    );
  }
  // A mode that is no network (`host`, `container:x`) has an endpoint only where something was asked of it.
  const bare = others.length === 0 && Object.keys(endpoints[first.name] ?? {}).length === 0;
  return { mode: first.name, endpoints: bare ? {} : endpoints };
}
