/** resolv.conf(5) as those who look names up read it, glibc and musl alike. */
import { type Address, tryParseAddress } from "./ip.ts";

export interface ResolvConf {
  /** All that are named. Where that is none, resolvers ask 127.0.0.1; of several glibc asks the first three. */
  readonly nameservers: readonly Address[];
  readonly search: readonly string[];
  /** As it is written: resolvers take no more than 15. 1 where nothing is said. */
  readonly ndots: number;
}

/** Words of a line of such a file, or of hosts(5): comments left out. */
export const wordsOf = (line: string): readonly string[] =>
  line
    .replace(/[#;].*/, "")
    .trim()
    .split(/\s+/)
    .filter(Boolean);

/** Later `search` and `domain` lines take the place of earlier ones, and later options that of earlier ones. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: Address[] = [];
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split("\n")) {
    const [word, ...rest] = wordsOf(line);
    // A zone (`fe80::1%eth0`) is the link's, and no part of the address.
    const server = word === "nameserver" ? tryParseAddress(rest[0]?.replace(/%.*/, "") ?? "") : undefined;
    if (server) nameservers.push(server);
    else if (word === "search" || word === "domain") search = rest;
    else if (word === "options")
      for (const option of rest) ndots = Number(/^ndots:(\d+)$/.exec(option)?.[1] ?? ndots);
  }
  return { nameservers, search, ndots };
}
