/** hosts(5) and resolv.conf(5) as a program in a container reads them. Pure. */
import { type Address, type Family, tryParseAddress } from "../../lib/ip.ts";

export interface ResolverSettings {
  readonly servers: readonly Address[];
  readonly search: readonly string[];
  readonly ndots: number;
}

const MOST_SERVERS = 3; // MAXNS
const LOOPBACK: Address = { family: 4, bits: 0x7f000001n };

const wordsOf = (line: string): readonly string[] =>
  line
    .replace(/[#;].*/, "")
    .trim()
    .split(/\s+/)
    .filter(Boolean);

/** Later `search` and `domain` lines take the place of earlier ones. Without a server it is 127.0.0.1. */
export function parseResolvConf(text: string): ResolverSettings {
  const lines = text.split("\n").map(wordsOf);
  // A link-local server's zone (`%eth0`) is left out: such a server is then one that can't be asked, and the next is.
  const servers = lines.flatMap(([key, value = ""]) => {
    const address = key === "nameserver" ? tryParseAddress(value.replace(/%.*/, "")) : undefined;
    return address ? [address] : [];
  });
  const search = lines.findLast(([key]) => key === "search" || key === "domain")?.slice(1) ?? [];
  const ndots = lines
    .filter(([key]) => key === "options")
    .flat()
    .findLast((word) => /^ndots:\d+$/.test(word));
  return {
    servers: servers.length > 0 ? servers.slice(0, MOST_SERVERS) : [LOOPBACK],
    search,
    ndots: ndots === undefined ? 1 : Math.min(Number(ndots.slice("ndots:".length)), 15),
  };
}

/** Names in the order in which they are asked for: one with enough dots as it is first, one with a dot at its end only so. */
export function namesToAsk(name: string, { search, ndots }: ResolverSettings): readonly string[] {
  if (name.endsWith(".")) return [name];
  const searched = search.filter((domain) => domain !== ".").map((domain) => `${name}.${domain}`);
  const dots = name.split(".").length - 1;
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}

/** Addresses of a name in a hosts file. */
export function inHosts(text: string, name: string, family?: Family): readonly Address[] {
  const wanted = name.toLowerCase();
  return text.split("\n").flatMap((line) => {
    const [first = "", ...names] = wordsOf(line);
    const address = tryParseAddress(first);
    if (!address || (family !== undefined && address.family !== family)) return [];
    return names.some((one) => one.toLowerCase() === wanted) ? [address] : [];
  });
}
