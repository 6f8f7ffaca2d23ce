/** Rules of the engine's own that are not there: flushed, or taken away by somebody who set up a firewall. */
import type { EngineContainer } from "../../observe/types.ts";
import { areRulesThere, hasTable, leavesRules } from "../facts/engine-presence.ts";
import { blindTo } from "../facts/namespace.ts";
import { bridgeNetworks, type Network } from "../facts/networks.ts";
import { containersNamed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "engine-rules";

export const engineRules: Check = {
  name: NAME,
  title: "each engine's own firewall rules are there",
  reports: [
    {
      title: "iptables failed - No chain/target/match by that name",
      url: "https://github.com/moby/moby/issues/16816",
    },
    {
      title: "firewall-cmd --reload on centos 7.4.1708 removes the DOCKER-USER iptables chain",
      url: "https://github.com/moby/moby/issues/35043",
    },
    {
      title: "podman container not responding after reload firewalld",
      url: "https://github.com/podman-container-tools/podman/issues/8048",
    },
    { title: "Handling firewalld reload", url: "https://github.com/containers/netavark/issues/230" },
  ],
  looksAt: "host",
  look: (patient) =>
    blindTo(patient.host, /nft|rule|iptables/i)
      ? []
      : [...ofDrawbridge(patient), ...ofDocker(patient), ...ofPodman(patient)],
};

const residentsOf = (networks: readonly Network[]): readonly EngineContainer[] =>
  networks
    .filter(({ network }) => !network.internal)
    .flatMap(({ residents }) => residents.map(({ of }) => of));

/** By its own bridges, which say whose they are: they stay when the engine ends, and so must its rules. */
function ofDrawbridge(patient: Patient): readonly Finding[] {
  const { host } = patient;
  const bridges = host.links.filter(
    ({ kind, alias }) => kind === "bridge" && /drawbridge$/.test(alias ?? ""),
  );
  if (bridges.length === 0) return [];
  const missing = (
    [
      ["inet", "drawbridge"],
      ["bridge", "drawbridge-guard"],
    ] as const
  ).filter(([family, name]) => !hasTable(host, family, name));
  if (missing.length === 0) return [];
  const names = missing.map(([family, name]) => `table ${family} ${name}`);
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${names.join(" and ")} of Drawbridge ${names.length === 1 ? "is" : "are"} gone: containers are not kept apart, and no port is published`,
      evidence: [
        ...names.map((name) => `nft list ${name}: No such file or directory`),
        `bridges of Drawbridge: ${bridges.map(({ name }) => name).join(", ")}`,
      ],
      cause:
        "Somebody flushed the rule set while no engine ran: a running one puts its tables back at once. Containers keep their links, without the rules that stand for isolation, translation and ports.",
      fixes: [
        {
          command: "systemctl start drawbridge",
          does: "starts the engine, which puts its tables back as they were",
          safe: false,
        },
      ],
      about: { namespace: host.id },
    },
  ];
}

function ofDocker(patient: Patient): readonly Finding[] {
  const { host } = patient;
  const networks = bridgeNetworks(patient).filter(({ engine, bridge }) => engine.kind === "docker" && bridge);
  const [first] = networks;
  if (!first || leavesRules(patient, first.engine) || areRulesThere(patient, first.engine)) return [];
  const used = residentsOf(networks);
  if (used.length === 0) return [];
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${containersNamed(used.map(({ name }) => name))} ${used.length === 1 ? "has" : "have"} neither a way out nor published ports: dockerd's rules are gone`,
      evidence: ["iptables -t nat -S DOCKER: No chain/target/match by that name"],
      cause:
        "dockerd sets its chains when it starts. A firewall that was started, reloaded or flushed later (iptables -F, nftables.service, firewalld) has taken them away.",
      fixes: [
        {
          command: "systemctl restart docker",
          does: "has dockerd set them again; containers without live restore are restarted as well",
          safe: false,
        },
      ],
      about: { namespace: host.id },
    },
  ];
}

function ofPodman(patient: Patient): readonly Finding[] {
  const { host } = patient;
  const networks = bridgeNetworks(patient).filter(({ engine, bridge }) => engine.kind === "podman" && bridge);
  const used = residentsOf(networks);
  const [first] = networks;
  if (
    !first ||
    used.length === 0 ||
    leavesRules(patient, first.engine) ||
    areRulesThere(patient, first.engine)
  )
    return [];
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${containersNamed(used.map(({ name }) => name))} ${used.length === 1 ? "has" : "have"} neither a way out nor published ports: podman's rules are gone`,
      evidence: ["nft list table inet netavark: No such file or directory", "no chain NETAVARK-*"],
      cause:
        "podman has no program that watches over its rules: netavark sets them when a container starts, and whoever flushes or reloads a firewall afterwards takes them away.",
      fixes: [
        { command: "podman network reload --all", does: "sets them again, for all that run", safe: true },
      ],
      about: { namespace: host.id },
    },
  ];
}
