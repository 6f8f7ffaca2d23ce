/** The lines of hosts(5) that a sandbox sees. */
import { invalid } from "../../lib/errors.ts";
import { type Address, formatAddress, tryParseAddress } from "../../lib/ip.ts";

/** What `--add-host name:host-gateway` stands for the host's own addresses with. */
export const HOST_GATEWAY = "host-gateway";

export interface ExtraHost {
  readonly name: string;
  readonly address: Address | typeof HOST_GATEWAY;
}

/** `name:address`; an IPv6 address may stand in brackets. @throws invalid, in Docker's words */
export function parseExtraHost(text: string): ExtraHost {
  const colon = text.indexOf(":");
  const name = text.slice(0, colon);
  const written = text.slice(colon + 1);
  if (colon < 1 || /\s/.test(text)) throw invalid(`bad format for add-host: ${JSON.stringify(text)}`);
  if (written === HOST_GATEWAY) return { name, address: HOST_GATEWAY };
  const address = tryParseAddress(written.replace(/^\[(.*)\]$/, "$1"));
  if (!address) throw invalid(`invalid IP address in add-host: ${JSON.stringify(written)}`);
  return { name, address };
}

export interface HostsRequest {
  /** Lines for the sandbox's own names. */
  readonly own: readonly string[];
  readonly extraHosts: readonly ExtraHost[];
  /** None where the host has none to give. */
  readonly hostGateways: readonly Address[];
  /** Without it no IPv6 address is named: it would only be tried in vain. */
  readonly ipv6: boolean;
}

const LOCALHOST4 = ["127.0.0.1\tlocalhost"];
const LOCALHOST6 = [
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

/** In Docker's order: localhost, then --add-host, then the own names; the first answer for a name counts. */
export function hostsContent({ own, extraHosts, ipv6, hostGateways }: HostsRequest): string {
  const seen = (address: Address) => ipv6 || address.family === 4;
  const extra = extraHosts.flatMap(({ name, address }) => {
    const are = address === HOST_GATEWAY ? hostGateways : [address];
    return are.filter(seen).map((is) => `${formatAddress(is)}\t${name}`);
  });
  return [...LOCALHOST4, ...(ipv6 ? LOCALHOST6 : []), ...extra, ...own].map((line) => `${line}\n`).join("");
}

/** A line for each address: the full name first, and the bare one where they differ. */
export function ownLines(
  hostname: string,
  domainname: string,
  addresses: readonly Address[],
): readonly string[] {
  const full = domainname === "" ? hostname : `${hostname}.${domainname}`;
  const [bare = full] = full.split(".");
  const names = bare === full ? full : `${full} ${bare}`;
  return addresses.map((address) => `${formatAddress(address)}\t${names}`);
}

/** The text with lines taken out, where they are, and others put at its end. */
export function replaceLines(text: string, out: readonly string[], put: readonly string[]): string {
  const left = text.split("\n");
  for (const line of out) {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
  }
  if (left.at(-1) === "") left.pop();
  return [...left, ...put].map((line) => `${line}\n`).join("");
}
