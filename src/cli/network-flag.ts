/** `--network`, several times, in both of its forms, and the flags that belong to the first of them. */
import type { RunOptions } from "./run-flags.ts";

export interface Endpoint {
  readonly IPAMConfig?: { readonly IPv4Address?: string; readonly IPv6Address?: string };
  readonly Aliases?: readonly string[];
  readonly MacAddress?: string;
  readonly GwPriority?: number;
  readonly DriverOpts?: Readonly<Record<string, string>>;
}

interface Attachment {
  readonly name: string;
  readonly endpoint: Endpoint;
}

/** `NAME`, or `name=NAME,ip=…,ip6=…,alias=…,mac-address=…,gw-priority=…,driver-opt=KEY=VALUE`. */
function parseNetwork(text: string): Attachment {
  if (!/^[a-z0-9-]+=/.test(text)) return { name: text, endpoint: {} };
  let name = "";
  const found: Record<string, string> = {};
  const aliases: string[] = [];
  const driver: Record<string, string> = {};
  for (const field of text.split(",")) {
    const equals = field.indexOf("=");
    const [key, value] = [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()];
    if (equals < 0) throw new Error(`invalid field ${field}: name=value is wanted`);
    if (key === "name") name = value;
    else if (key === "alias") aliases.push(value);
    else if (key === "driver-opt") driver[value.split("=", 1)[0] ?? ""] = value.slice(value.indexOf("=") + 1);
    else if (["ip", "ip6", "mac-address", "gw-priority"].includes(key)) found[key] = value;
    else throw new Error(`invalid field key ${key}`);
  }
  if (!name) throw new Error(`network name is missing in ${JSON.stringify(text)}`);
  const priority = found["gw-priority"];
  const endpoint: Endpoint = {
    ...addresses(found.ip, found.ip6),
    ...(aliases.length > 0 && { Aliases: aliases }),
    ...(found["mac-address"] && { MacAddress: found["mac-address"] }),
    ...(priority !== undefined && { GwPriority: Number(priority) }),
    ...(Object.keys(driver).length > 0 && { DriverOpts: driver }),
  };
  return { name, endpoint };
}

function addresses(ip: string | undefined, ip6: string | undefined): Pick<Endpoint, "IPAMConfig"> {
  if (!ip && !ip6) return {};
  return { IPAMConfig: { ...(ip && { IPv4Address: ip }), ...(ip6 && { IPv6Address: ip6 }) } };
}

/** Flags without a network's name are about the first network. */
function withFlags(endpoint: Endpoint, { ip, ip6, networkAlias, macAddress }: RunOptions): Endpoint {
  const clash = (field: string) =>
    new Error(`conflicting options: cannot specify both --${field} and per-network ${field}`);
  if ((ip || ip6) && endpoint.IPAMConfig) throw clash("ip");
  if (networkAlias.length > 0 && endpoint.Aliases) throw clash("network-alias");
  if (macAddress && endpoint.MacAddress) throw clash("mac-address");
  return {
    ...endpoint,
    ...addresses(ip, ip6),
    ...(networkAlias.length > 0 && { Aliases: networkAlias }),
    ...(macAddress && { MacAddress: macAddress }),
  };
}

export function parseNetworks(options: RunOptions): {
  readonly mode: string;
  readonly endpoints: Readonly<Record<string, Endpoint>>;
} {
  const given = [...options.network, ...options.net].map(parseNetwork);
  const [first = { name: "default", endpoint: {} }, ...others] = given;
  const own = withFlags(first.endpoint, options);
  const endpoints: Record<string, Endpoint> = {};
  // A mode that is no network (`host`, `container:x`) has an endpoint only where something was asked of it.
  if (Object.keys(own).length > 0 || others.length > 0) endpoints[first.name] = own;
  for (const { name, endpoint } of others) {
    if (name in endpoints) throw new Error(`network ${JSON.stringify(name)} is specified multiple times`);
    endpoints[name] = endpoint;
  }
  return { mode: first.name, endpoints };
}
