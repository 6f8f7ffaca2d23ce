/**
 * The tables of xtables at IP's hooks, each at its priority. linux/netfilter_ipv4.h, enum nf_ip_hook_priorities; IPv6's are
 * the same.
 */
import type { XtChain, XtHook, XtTable } from "../../../linux/xtables/types.ts";
import type { Namespace } from "../../../observe/types.ts";
import type { HookName, Layer, Stage } from "../types.ts";
import { runTable } from "./run.ts";

const NF_IP_PRI_RAW = -300;
const NF_IP_PRI_MANGLE = -150;
const NF_IP_PRI_NAT_DST = -100;
const NF_IP_PRI_FILTER = 0;
const NF_IP_PRI_SECURITY = 50;
const NF_IP_PRI_NAT_SRC = 100;

const PRIORITIES: Readonly<Record<string, number>> = {
  raw: NF_IP_PRI_RAW,
  mangle: NF_IP_PRI_MANGLE,
  filter: NF_IP_PRI_FILTER,
  security: NF_IP_PRI_SECURITY,
};
const HOOKS: Readonly<Partial<Record<HookName, XtHook>>> = {
  prerouting: "prerouting",
  input: "input",
  forward: "forward",
  output: "output",
  postrouting: "postrouting",
};

/** Those of a namespace's tables that have something to do at a hook. Empty chains that accept have not. */
export function xtStages(namespace: Namespace, layer: Layer, hook: HookName): readonly Stage[] {
  const at = HOOKS[hook];
  if (!at || (layer !== "ip" && layer !== "ip6")) return [];
  const family = layer === "ip" ? 4 : 6;
  return namespace.xtables
    .filter((table) => table.family === family)
    .flatMap((table) => {
      const chain = chainAt(table, at);
      return chain && (chain.rules.length > 0 || chain.base?.policy === "drop")
        ? [stageOf(table, chain, at)]
        : [];
    });
}

const chainAt = (table: XtTable, hook: XtHook): XtChain | undefined =>
  [...table.chains.values()].find((chain) => chain.base?.hook === hook);

const stageOf = (table: XtTable, chain: XtChain, hook: XtHook): Stage => ({
  priority: table.name === "nat" ? natPriority(hook) : (PRIORITIES[table.name] ?? NF_IP_PRI_FILTER),
  type: typeOf(table.name, hook),
  label: `${table.family === 4 ? "iptables" : "ip6tables"} ${table.name} ${chain.name}`,
  registered: { table: `xtables ${table.name}`, from: 0, until: Number.POSITIVE_INFINITY },
  run: (packet, around) => runTable(table, chain, packet, around),
});

const natPriority = (hook: XtHook): number =>
  hook === "prerouting" || hook === "output" ? NF_IP_PRI_NAT_DST : NF_IP_PRI_NAT_SRC;

/** What mangle changes at output, it is routed by anew. */
const typeOf = (table: string, hook: XtHook): Stage["type"] =>
  table === "nat" ? "nat" : table === "mangle" && hook === "output" ? "route" : "filter";
