/** The lines of hosts(5) that a sandbox sees. */
import { invalid } from "../../lib/errors.ts";
import { type Address, formatAddress, tryParseAddress } from "../../lib/ip.ts";

/** What `--add-host name:host-gateway` stands for the host's own address with. */
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
  readonly hostname: string;
  readonly domainname: string;
  /** The sandbox's own. */
  readonly addresses: readonly Address[];
  readonly extraHosts: readonly ExtraHost[];
  /** Undefined where the host has none to give. */
  readonly hostGateway: Address | undefined;
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

/** In Docker's order: localhost, then --add-host, then the own name; the first answer for a name counts. */
export function hostsContent(request: HostsRequest): string {
  const { ipv6, hostGateway } = request;
  const seen = (address: Address) => ipv6 || address.family === 4;
  const extra = request.extraHosts.flatMap(({ name, address }) => {
    const is = address === HOST_GATEWAY ? hostGateway : address;
    return is && seen(is) ? [`${formatAddress(is)}\t${name}`] : [];
  });
  const own = request.addresses
    .filter(seen)
    .map((address) => `${formatAddress(address)}\t${ownNames(request.hostname, request.domainname)}`);
  return [...LOCALHOST4, ...(ipv6 ? LOCALHOST6 : []), ...extra, ...own].map((line) => `${line}\n`).join("");
}

/** The full name first, and the bare one where they differ. */
function ownNames(hostname: string, domainname: string): string {
  const full = domainname === "" ? hostname : `${hostname}.${domainname}`;
  const [bare = full] = full.split(".");
  return bare === full ? full : `${full} ${bare}`;
}
