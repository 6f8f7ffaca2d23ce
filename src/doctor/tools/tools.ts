/** The tools of a doctor on this machine: `Tools` of `types.ts`, with the topology's paths into namespaces. */
import { readFileSync } from "node:fs";
import { codeOf } from "../../lib/errors.ts";
import type { NetnsPath } from "../../linux/plan.ts";
import { readInRootOf } from "../../linux/root-of.ts";
import type { Namespace, NamespaceId, Topology } from "../../observe/types.ts";
import type { Tools } from "../types.ts";
import { askName } from "./ask-name.ts";
import { holderOf, socketHolders } from "./holder.ts";
import { pathMtu } from "./path-mtu.ts";
import { readBack } from "./read-back.ts";
import { whoHas } from "./who-has.ts";

/** No link takes more in one packet that is looked for here. */
const LARGEST = 9216;

export function makeTools(topology: Topology): Tools {
  const namespaceOf = (id: NamespaceId): Namespace => {
    const namespace = topology.namespaces.get(id);
    if (!namespace) throw new Error(`no namespace ${id} in the topology`);
    return namespace;
  };
  let holders: ReadonlyMap<number, number> | undefined;
  return {
    askName: (from, server, name) => askName(pathOf(namespaceOf(from)), server, name),
    whoHas: async ({ namespace, ifindex }, address) => {
      const home = namespaceOf(namespace);
      const own = home.links.find((link) => link.ifindex === ifindex)?.mac;
      if (own === undefined) throw new Error(`link ${ifindex} has no MAC to ask with`);
      return whoHas(pathOf(home), { ifindex, own }, address);
    },
    pathMtu: (from, to) => {
      const home = namespaceOf(from);
      const largest = Math.max(...home.links.filter(({ loopback }) => !loopback).map(({ mtu }) => mtu));
      return pathMtu(pathOf(home), to, Math.min(LARGEST, largest));
    },
    readText,
    readBack,
    holderOf: (inode) => {
      holders ??= socketHolders();
      const pid = holders.get(inode);
      return pid === undefined ? undefined : holderOf(pid);
    },
  };
}

const pathOf = ({ path }: Namespace): NetnsPath => path as NetnsPath;

/** Where it isn't there, its process is gone, or nobody may read it. */
const ABSENT = new Set(["ENOENT", "ENOTDIR", "ESRCH", "EACCES", "EINVAL"]);

function readText(path: string): string | undefined {
  const [, pid, inside = ""] = /^\/proc\/(\d+)\/root(\/.*)$/.exec(path) ?? [];
  if (pid !== undefined) return readInRootOf(Number(pid), inside);
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    if (ABSENT.has(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}
