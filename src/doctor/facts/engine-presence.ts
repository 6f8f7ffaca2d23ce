/** Whether an engine's rules are there at all, and whether it is the one to set them. */
import type { Engine, Namespace } from "../../observe/types.ts";
import type { Patient } from "../types.ts";

/** By the names of chains, in tables of either kind. */
const hasChain = ({ nft, xtables }: Namespace, name: RegExp): boolean =>
  [...nft.tables, ...xtables].some(({ chains }) => [...chains.keys()].some((chain) => name.test(chain)));

export const hasTable = ({ nft }: Namespace, family: string, name: string): boolean =>
  nft.tables.some((table) => table.family === family && table.name === name && !table.dormant);

const THERE: Readonly<Record<Engine["kind"], (host: Namespace) => boolean>> = {
  drawbridge: (host) => hasTable(host, "inet", "drawbridge"),
  docker: (host) => hasChain(host, /^DOCKER$/) || hasTable(host, "ip", "docker-bridges"),
  podman: (host) =>
    hasChain(host, /^(NETAVARK|CNI-)/) || hasTable(host, "inet", "netavark") || hasChain(host, /firewalld/),
};

export const areRulesThere = ({ host }: Patient, { kind }: Engine): boolean => THERE[kind](host);

/** It was told that rules are not its business. */
export function leavesRules({ tools }: Patient, { kind }: Engine): boolean {
  if (kind === "podman")
    return /firewall_driver\s*=\s*"(none|firewalld)"/.test(
      tools.readText("/etc/containers/containers.conf") ?? "",
    );
  if (kind === "drawbridge") return false;
  const pid = tools.readText("/var/run/docker.pid")?.trim();
  const command = /^\d+$/.test(pid ?? "") ? tools.readText(`/proc/${pid}/cmdline`) : undefined;
  return (
    /"iptables"\s*:\s*false/.test(tools.readText("/etc/docker/daemon.json") ?? "") ||
    /--iptables=false/.test(command ?? "")
  );
}

/** Whether what its rules are for can be asked of them. */
export const hasItsRules = (patient: Patient, engine: Engine): boolean =>
  areRulesThere(patient, engine) && !leavesRules(patient, engine);
