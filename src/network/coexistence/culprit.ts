/** Whose rules they are, and what makes way in them. */
import type { Table } from "./ruleset.ts";
import type { Drop } from "./walk.ts";

export type Program = "ufw" | "firewalld" | "dockerd" | "kubernetes" | "podman" | "libvirt";

/** By what they call their chains and tables; nobody else's policies are theirs. */
const CHAINS: readonly (readonly [Program, RegExp])[] = [
  ["ufw", /^ufw6?-/],
  ["firewalld", /^(FWD[IO]?_|FORWARD_(direct|IN_ZONES|OUT_ZONES|POLICIES))/],
  ["dockerd", /^DOCKER(-|$)/],
  ["kubernetes", /^(KUBE-|cali-|CILIUM_)/],
  ["podman", /^(NETAVARK|CNI-)/],
  ["libvirt", /^LIBVIRT_/],
];

const TABLES: readonly (readonly [Program, RegExp])[] = [
  ["firewalld", /^firewalld/],
  ["dockerd", /^docker-bridges$/],
  ["kubernetes", /^kube-proxy$/],
  ["podman", /^netavark$/],
  ["libvirt", /^libvirt/],
];

/** Those that set the policy of a chain that they did not make. */
const SETS_POLICY: readonly Program[] = ["ufw", "dockerd"];

/** Undefined where it looks like nobody's but the administrator's. */
export function culpritOf(table: Table, { chain, rule }: Drop): Program | undefined {
  const [owner] = TABLES.find(([, pattern]) => pattern.test(table.name)) ?? [];
  if (owner) return owner;
  if (rule) return CHAINS.find(([, pattern]) => pattern.test(chain.name))?.[0];
  const present = (program: Program) => {
    const pattern = CHAINS.find(([name]) => name === program)?.[1];
    return [...table.chains.keys()].some((name) => pattern?.test(name));
  };
  return SETS_POLICY.find(present);
}

/** The command that changes it: `ip6tables-legacy`. */
export const iptablesOf = ({ tool, family }: Table): string =>
  `${family === "ip6" ? "ip6tables" : "iptables"}${tool === "iptables-legacy" ? "-legacy" : ""}`;

/** Commands to paste. */
export function fixOf(
  program: Program | undefined,
  table: Table,
  base: string,
  bridges: readonly string[],
  uplink: string | undefined,
): string {
  const each = (commands: (bridge: string) => readonly string[]) => bridges.flatMap(commands).join("; ");
  if (program === "ufw")
    return each((link) => [`ufw route allow in on ${link}`, `ufw route allow out on ${link}`]);
  if (program === "firewalld")
    return `${each((link) => [`firewall-cmd --permanent --zone=trusted --add-interface=${link}`])}; firewall-cmd --reload`;
  if (table.tool === "nft" && table.family === "bridge")
    return `nft insert rule bridge ${table.name} ${base} accept`;
  if (table.tool === "nft") {
    const insert = `nft insert rule ${table.family} ${table.name} ${base}`;
    return each((link) => [`${insert} iifname ${link} accept`, `${insert} oifname ${link} accept`]);
  }
  const insert = `${iptablesOf(table)} -I ${table.chains.has("DOCKER-USER") ? "DOCKER-USER" : base}`;
  // Whoever goes into another engine's networks goes by its rules.
  const out = uplink === undefined ? "" : ` -o ${uplink}`;
  return each((link) => [`${insert} -o ${link} -j ACCEPT`, `${insert} -i ${link}${out} -j ACCEPT`]);
}
