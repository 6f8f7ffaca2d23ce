/** Whose rules they are: by what programs call their tables and chains. Pure. */
import type { Namespace } from "../../observe/types.ts";
import type { RuleRef } from "../types.ts";

export type RuleOwner =
  | "drawbridge"
  | "administrator"
  | "docker"
  | "podman"
  | "ufw"
  | "firewalld"
  | "kubernetes"
  | "libvirt"
  | "somebody";

const TABLES: readonly (readonly [RuleOwner, RegExp])[] = [
  ["administrator", /^drawbridge-admin$/],
  ["drawbridge", /^drawbridge(-guard|-dns)?$/],
  ["docker", /^docker-bridges$/],
  ["podman", /^netavark$/],
  ["firewalld", /^firewalld/],
  ["kubernetes", /^kube-proxy$/],
  ["libvirt", /^libvirt/],
];

const CHAINS: readonly (readonly [RuleOwner, RegExp])[] = [
  ["administrator", /^DOCKER-USER$/],
  ["docker", /^DOCKER(-|$)/],
  ["podman", /^(NETAVARK|CNI-)/],
  ["ufw", /^ufw6?-/],
  ["firewalld", /^(FWD[IO]?_|FORWARD_(direct|IN_ZONES|OUT_ZONES|POLICIES)|IN_)/],
  ["kubernetes", /^(KUBE-|cali-|CILIUM_)/],
  ["libvirt", /^LIBVIRT_/],
];

/** Those that set the policy of a chain that they did not make. */
const SETS_POLICY: readonly RuleOwner[] = ["ufw", "docker"];

/** @param namespace where the rule stands: whose other chains are in its table is asked */
export function ownerOfRule(rule: RuleRef, namespace: Namespace | undefined): RuleOwner {
  const byTable = rule.in === "nft" ? TABLES.find(([, pattern]) => pattern.test(rule.table)) : undefined;
  if (byTable) return byTable[0];
  const byChain = CHAINS.find(([, pattern]) => pattern.test(rule.chain));
  if (byChain) return byChain[0];
  if (!isPolicy(rule) || !/^(FORWARD|INPUT|OUTPUT)$/.test(rule.chain)) return "somebody";
  const present = chainsBeside(rule, namespace);
  const sets = (owner: RuleOwner) =>
    CHAINS.some(([name, pattern]) => name === owner && present.some((one) => pattern.test(one)));
  return SETS_POLICY.find(sets) ?? "somebody";
}

export const isPolicy = (rule: RuleRef): boolean =>
  (rule.in === "nft" ? rule.handle : rule.number) === undefined;

/** Names of the chains in the rule's table. */
function chainsBeside(rule: RuleRef, namespace: Namespace | undefined): readonly string[] {
  const table =
    rule.in === "nft"
      ? namespace?.nft.tables.find(({ family, name }) => family === rule.family && name === rule.table)
      : namespace?.xtables.find(({ family, name }) => family === rule.family && name === rule.table);
  return [...(table?.chains.keys() ?? [])];
}
