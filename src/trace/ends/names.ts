/** A name's address as a program in a namespace would find it: its hosts file, then its resolver. */
import { isName } from "../../lib/dns-question.ts";
import { codeOf } from "../../lib/errors.ts";
import { type Address, type Family, formatAddress } from "../../lib/ip.ts";
import { readIfThere } from "../../lib/read-if-there.ts";
import { parseResolvConf } from "../../lib/resolv-conf.ts";
import { readInRootOf } from "../../linux/root-of.ts";
import type { Namespace } from "../../observe/types.ts";
import { askServer } from "./ask.ts";
import { inHosts, namesToAsk, serversOf } from "./files.ts";

/** Milliseconds for a server: the system's own resolver waits five seconds, twice. */
const PATIENCE = 1_000;

const NO_SUCH_NAME = 3;
const CODES: Readonly<Record<number, string>> = {
  0: "it has no address",
  1: "the question was not understood",
  2: "the server failed",
  3: "no such name",
  5: "refused",
};

export type Resolved =
  /** @property by `hosts`, or the server's address */
  { readonly address: Address; readonly by: string } | { readonly why: string };

/** From a namespace's point of view. A function, that tests can give another. */
export type Resolve = (from: Namespace, name: string, family: Family | undefined) => Promise<Resolved>;

export const resolveFrom: Resolve = async (from, name, family) => {
  if (!isName(name))
    return { why: `${JSON.stringify(name)} is neither an address nor a name that DNS could have` };
  const listed = inHosts(readText(from, "/etc/hosts"), name, family);
  if (listed[0]) return { address: listed[0], by: "its hosts file" };
  const settings = parseResolvConf(readText(from, "/etc/resolv.conf"));
  const troubles = new Set<string>();
  for (const asked of namesToAsk(name, settings)) {
    for (const server of serversOf(settings)) {
      const told = await askServer(from.host ? undefined : from.path, server, asked, family, PATIENCE);
      if (!told.answered) {
        troubles.add(told.why);
        continue;
      }
      const [address] = told.addresses;
      if (address) return { address, by: formatAddress(server) };
      troubles.add(`${formatAddress(server)} says of ${asked}: ${CODES[told.code] ?? `error ${told.code}`}`);
      // The next server is asked where this one failed; that there is no such name is an answer.
      if (told.code === 0 || told.code === NO_SUCH_NAME) break;
    }
  }
  return { why: [...troubles].join("; ") };
};

/**
 * As a process there sees it; a namespace without one uses the host's, as `ip netns exec` does. Empty where there is none, or
 * it is hidden from us.
 */
function readText({ host, pids }: Namespace, path: string): string {
  const [pid] = pids;
  if (!host && pid !== undefined) return readInRootOf(pid, path) ?? "";
  try {
    return readIfThere(path) ?? "";
  } catch (thrown) {
    if (["EACCES", "EPERM", "ENOTDIR"].includes(codeOf(thrown) ?? "")) return "";
    throw thrown;
  }
}
