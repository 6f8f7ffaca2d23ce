/** What the kernel has to have for what is set up here, and has not. */
import type { EnginePort } from "../../observe/engines/types.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { publishedPorts } from "../facts/ports.ts";
import { containersNamed, listed, verb } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "kernel-features";

export const kernelFeatures: Check = {
  name: NAME,
  title: "the kernel has what networks and published ports here need of it",
  reports: [
    {
      title: "SCTP support broken after 2.3.0.2 upgrade",
      url: "https://github.com/docker/for-mac/issues/4552",
    },
    {
      title: "[FR] - Add ip6tables nat modules to kernel modules",
      url: "https://github.com/telnetdoogie/synology-docker/issues/99",
    },
    {
      title: "Docker does not check kernel's setting concerning bridge traffic filtering",
      url: "https://github.com/moby/moby/issues/11404",
    },
  ],
  looksAt: "host",
  look: (patient) => [...sctp(patient), ...tracking(patient), ...nat6(patient)],
};

/** Whether the kernel that runs has a module, built in or to be loaded; undefined where nobody tells. */
function hasModule({ tools }: Patient, name: string): boolean | undefined {
  const release = tools.readText("/proc/sys/kernel/osrelease")?.trim();
  const loaded = tools.readText("/proc/modules");
  const lists = ["modules.dep", "modules.builtin"].map((file) =>
    tools.readText(`/lib/modules/${release}/${file}`),
  );
  if (loaded !== undefined && new RegExp(`^${name} `, "m").test(loaded)) return true;
  const known = lists.filter((text) => text !== undefined);
  // /proc/modules is not there where the kernel takes none.
  if (known.length === 0) return loaded === undefined && release !== undefined ? false : undefined;
  return known.some((text) => new RegExp(`/${name}\\.ko`, "m").test(text));
}

const finding = ({ host }: Patient, more: Omit<Finding, "check" | "about">): Finding => ({
  check: NAME,
  about: { namespace: host.id },
  ...more,
});

const modprobe = (name: string) => ({
  command: `modprobe ${name}`,
  does: "loads it, where it is a module; else the kernel has to be another one",
  safe: false,
});

const isSctp = ({ protocol }: EnginePort): boolean => protocol === "sctp";

function sctp(patient: Patient): readonly Finding[] {
  const ports = publishedPorts(patient).filter(({ port }) => isSctp(port));
  if (ports.length === 0) return [];
  const protocols = patient.tools.readText("/proc/net/protocols");
  if (protocols === undefined || /^SCTP/m.test(protocols) || hasModule(patient, "sctp") !== false) return [];
  const names = ports.map(({ resident }) => resident.of.name);
  return [
    finding(patient, {
      severity: "risk",
      title: `${containersNamed(names)} ${verb(names, "publishes", "publish")} SCTP, and this kernel has none: no program can listen there by it`,
      evidence: [
        "/proc/net/protocols: no SCTP",
        ...ports.slice(0, 5).map(({ host }) => `published: ${host.port}/sctp`),
      ],
      cause:
        "Packets of SCTP are translated and forwarded all the same, but sockets of it can't be opened (Protocol not supported). A program that brings its own SCTP, over raw sockets, is not concerned.",
      fixes: [modprobe("sctp")],
    }),
  ];
}

/** Without it nothing is translated, and no rule can tell an answer from a question. */
function tracking(patient: Patient): readonly Finding[] {
  const { tools } = patient;
  const used = bridgeNetworks(patient).filter(
    ({ network, residents, bridge }) => bridge && !network.internal && residents.length > 0,
  );
  const readable = tools.readText("/proc/sys/net/ipv4/ip_forward") !== undefined;
  const there = tools.readText("/proc/sys/net/netfilter/nf_conntrack_count") !== undefined;
  if (used.length === 0 || !readable || there || hasModule(patient, "nf_conntrack") !== false) return [];
  return [
    finding(patient, {
      severity: "broken",
      title: `containers on ${listed(used.map(({ network }) => network.name))} have neither a way out nor published ports: this kernel tracks no connections`,
      evidence: [
        "/proc/sys/net/netfilter/nf_conntrack_count: No such file or directory",
        "no module nf_conntrack",
      ],
      cause:
        "Translation of addresses lives on connection tracking. The kernel was built without it, or was upgraded and the modules of the one that runs are gone until the next boot.",
      fixes: [modprobe("nf_conntrack")],
    }),
  ];
}

/** Docker by iptables-legacy: IPv6 networks have no translation where the table can't be made. */
function nat6(patient: Patient): readonly Finding[] {
  const { host } = patient;
  const six = bridgeNetworks(patient).filter(
    ({ engine, network, residents, bridge }) =>
      engine.kind === "docker" && network.ipv6 && bridge && residents.length > 0,
  );
  const legacy = host.xtables.some(({ family, name }) => family === 4 && name === "nat");
  const there = host.xtables.some(({ family, name }) => family === 6 && name === "nat");
  if (six.length === 0 || !legacy || there || hasModule(patient, "ip6table_nat") !== false) return [];
  return [
    finding(patient, {
      severity: "risk",
      title: `IPv6 of ${listed(six.map(({ network }) => network.name))} is not translated: this kernel has no table nat for it`,
      evidence: ["ip6tables -t nat -S: Table does not exist", "no module ip6table_nat"],
      cause:
        "iptables-legacy needs a module a table. Containers send with their own IPv6 addresses, which the world answers only where they are routed to this machine, and published ports are served by a proxy.",
      fixes: [modprobe("ip6table_nat")],
    }),
  ];
}
