/** Settings of the resolver that cost time, or names. */
import { formatAddress } from "../../lib/ip.ts";
import type { ResolvConf } from "../../lib/resolv-conf.ts";
import { attachmentsOf } from "../facts/networks.ts";
import { resolvConfOf } from "../facts/resolv-conf.ts";
import { containersNamed } from "../facts/text.ts";
import type { Check, Finding } from "../types.ts";

const NAME = "dns-search";
/** MAXNS and what was MAXDNSRCH, resolv.h. */
const [SERVERS, DOMAINS] = [3, 6] as const;
const MANY_DOTS = 3;

export const dnsSearch: Check = {
  name: NAME,
  title: "search lists and ndots don't multiply questions, and no more servers are named than are asked",
  reports: [
    { title: "ndots breaks DNS resolving", url: "https://github.com/kubernetes/kubernetes/issues/64924" },
    {
      title: "musl dns stop further search domain when one search domain return something unexpected.",
      url: "https://github.com/gliderlabs/docker-alpine/issues/414",
    },
    {
      title: "Not resolving using search domain",
      url: "https://github.com/gliderlabs/docker-alpine/issues/8",
    },
  ],
  looksAt: "containers",
  look: (patient) => {
    const byTrap = new Map<string, { readonly trap: Trap; readonly names: Set<string> }>();
    for (const { resident } of attachmentsOf(patient)) {
      const conf = resolvConfOf(patient, resident);
      for (const trap of conf ? trapsOf(conf) : []) {
        const known = byTrap.get(trap.says) ?? { trap, names: new Set<string>() };
        known.names.add(resident.of.name);
        byTrap.set(trap.says, known);
      }
    }
    return [...byTrap.values()].map(({ trap, names }): Finding => {
      const [one] = names;
      return {
        check: NAME,
        severity: "note",
        title: `${containersNamed([...names])}: ${trap.says}`,
        evidence: trap.evidence,
        cause: trap.cause,
        fixes: [{ command: trap.command, does: trap.does, safe: false }],
        about: { ...(names.size === 1 && one !== undefined && { container: one }) },
      };
    });
  },
};

interface Trap {
  readonly says: string;
  readonly evidence: readonly string[];
  readonly cause: string;
  readonly command: string;
  readonly does: string;
}

function trapsOf({ nameservers, search, ndots }: ResolvConf): readonly Trap[] {
  const traps: Trap[] = [];
  if (ndots >= MANY_DOTS && search.length > 1)
    traps.push({
      says: `a name like example.com is first asked for with each of ${search.length} search domains`,
      evidence: [`search ${search.join(" ")}`, `options ndots:${ndots}`],
      cause: `With ndots:${ndots}, a name of fewer dots is tried with each search domain first, in both families: ${2 * search.length} questions that nobody answers well before the one that counts. musl gives up at the first that fails.`,
      command: "docker run --dns-option ndots:1 …",
      does: "asks for names with a dot as they are, at once; a dot at a name's end does the same for one name",
    });
  if (nameservers.length > SERVERS)
    traps.push({
      says: `${nameservers.length} name servers are named, and glibc asks the first ${SERVERS}`,
      evidence: nameservers.map((server) => `nameserver ${formatAddress(server)}`),
      cause: "MAXNS is 3: what is named after that is never asked, in musl as in glibc.",
      command: "docker run --dns ADDRESS …",
      does: "names those that are to be asked",
    });
  if (search.length > DOMAINS)
    traps.push({
      says: `${search.length} search domains are named, and older resolvers take the first ${DOMAINS}`,
      evidence: [`search ${search.join(" ")}`],
      cause: "glibc before 2.26 takes six domains, musl a line of 256 bytes or none of it.",
      command: "docker run --dns-search DOMAIN …",
      does: "names those that are needed; --dns-search . names none",
    });
  return traps;
}
