/** hosts(5) and resolv.conf(5) as a program in a container reads them. Pure. */
import { type Address, type Family, tryParseAddress } from "../../lib/ip.ts";
import { type ResolvConf, wordsOf } from "../../lib/resolv-conf.ts";

const MOST_SERVERS = 3; // MAXNS
const MOST_DOTS = 15; // RES_MAXNDOTS
const LOOPBACK: Address = { family: 4, bits: 0x7f000001n };

/** Whom a resolver asks, one after another. A link-local one can't be asked without its link: then the next is. */
export const serversOf = ({ nameservers }: ResolvConf): readonly Address[] =>
  nameservers.length > 0 ? nameservers.slice(0, MOST_SERVERS) : [LOOPBACK];

/** Names in the order in which they are asked for: one with enough dots as it is first, one with a dot at its end only so. */
export function namesToAsk(name: string, { search, ndots }: ResolvConf): readonly string[] {
  if (name.endsWith(".")) return [name];
  const searched = search.filter((domain) => domain !== ".").map((domain) => `${name}.${domain}`);
  const dots = name.split(".").length - 1;
  return dots >= Math.min(ndots, MOST_DOTS) ? [name, ...searched] : [...searched, name];
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
