/** resolv.conf(5): the host's, and what a sandbox sees of it. */
import {
  type Address,
  contains,
  formatAddress,
  parseAddress,
  parsePrefix,
  tryParseAddress,
} from "../../lib/ip.ts";
import { RESOLVER_ADDRESS, type Upstream } from "../dns/types.ts";

export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
  /** Directives that are passed on as they are (`sortlist` …). */
  readonly other: readonly string[];
}

export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  const options: string[] = [];
  const other: string[] = [];
  let search: string[] = [];
  for (const line of text.split("\n")) {
    const [directive, ...values] = line.trim().split(/\s+/);
    if (!directive || /^[#;]/.test(directive)) continue;
    if (directive === "nameserver") nameservers.push(...values.slice(0, 1));
    else if (directive === "options") options.push(...values);
    // Of several lines of these two, the last one counts.
    else if (directive === "search" || directive === "domain") search = values;
    else other.push([directive, ...values].join(" "));
  }
  return { nameservers, search, options, other };
}

export function formatResolvConf({ nameservers, search, options, other }: ResolvConf): string {
  const lines = [
    ...nameservers.map((nameserver) => `nameserver ${nameserver}`),
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
    ...other,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** `--dns`, `--dns-search`, `--dns-option`: each, where given, takes the place of the host's. */
export interface Overrides {
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
}

/** systemd-resolved listens here, on the host's loopback: its real upstreams are in another file. */
const STUB = "127.0.0.53";

export const isStub = (host: ResolvConf): boolean =>
  host.nameservers.length === 1 && host.nameservers[0] === STUB;

/** What Docker falls back to. */
const PUBLIC = ["8.8.8.8", "8.8.4.4"];

const LOOPBACK4 = parsePrefix("127.0.0.0/8");
const LOOPBACK6 = parseAddress("::1");

/**
 * What a sandbox with the embedded DNS sees. Every name is tried as it is first: the names of containers have no
 * dot.
 */
export function embeddedResolvConf(host: ResolvConf, overrides: Overrides): ResolvConf {
  const search = overrides.dnsSearch.length > 0 ? overrides.dnsSearch : host.search;
  const options = overrides.dnsOptions.length > 0 ? overrides.dnsOptions : host.options;
  const ndots = options.some((option) => option.startsWith("ndots:"));
  return {
    nameservers: [formatAddress(RESOLVER_ADDRESS)],
    search: search.filter((domain) => domain !== "."),
    options: ndots ? options : [...options, "ndots:0"],
    other: host.other,
  };
}

/** Servers that the embedded DNS forwards to; on a loopback address the host's is meant where `fromHost`. */
export function upstreamsOf(
  nameservers: readonly string[],
  { fromHost }: { readonly fromHost: boolean },
): readonly Upstream[] {
  const given = nameservers.flatMap((text) => tryParseAddress(text) ?? []);
  const servers = given.length > 0 ? given : PUBLIC.map(parseAddress);
  return servers.map((address) => ({ address, fromHost: fromHost && isLoopback(address) }));
}

const isLoopback = (address: Address): boolean =>
  contains(LOOPBACK4, address) || (address.family === 6 && address.bits === LOOPBACK6.bits);

export interface SandboxView {
  /** The host's own loopback is the sandbox's too. */
  readonly hostNamespace: boolean;
  readonly ipv6: boolean;
}

/**
 * What a sandbox sees. Resolvers of the host that can't be reached from a namespace of its own are left
 * out; `fallback` says that none was left, and public ones stand in.
 */
export function sandboxResolvConf(
  host: ResolvConf,
  overrides: Overrides,
  view: SandboxView,
): { readonly content: ResolvConf; readonly fallback: boolean } {
  const overridden = overrides.dns.length > 0;
  const reachable =
    overridden || view.hostNamespace
      ? [...(overridden ? overrides.dns : host.nameservers)]
      : host.nameservers.flatMap((text) => {
          const address = tryParseAddress(text);
          if (!address || isLoopback(address) || (address.family === 6 && !view.ipv6)) return [];
          return formatAddress(address);
        });
  const fallback = reachable.length === 0 && !view.hostNamespace;
  const search = overrides.dnsSearch.length > 0 ? overrides.dnsSearch : host.search;
  return {
    content: {
      nameservers: fallback ? PUBLIC : reachable,
      search: search.filter((domain) => domain !== "."),
      options: overrides.dnsOptions.length > 0 ? overrides.dnsOptions : host.options,
      other: host.other,
    },
    fallback,
  };
}
