/** What containers send leaves under their own address, which nobody out there can answer. */
import { contains, formatAddress, subnetOf } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import type { EngineNetwork } from "../../observe/types.ts";
import type { Hop } from "../../trace/types.ts";
import { hasItsRules } from "../facts/engine-presence.ts";
import { wayThere } from "../facts/forecast.ts";
import { containersNamed, verb } from "../facts/text.ts";
import { walkEach } from "../facts/ways.ts";
import { flowsOut, type WayOut, waysOut } from "../facts/ways-out.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "untranslated-out";

export const untranslatedOut: Check = {
  name: NAME,
  title:
    "what containers send to the world leaves under an address of this machine (walked through its rules)",
  reports: [
    {
      title: "No network access in container, missing iptables masquerade rule",
      url: "https://github.com/moby/moby/issues/41795",
    },
    { title: "Can't access internet from containers", url: "https://github.com/moby/moby/issues/13381" },
    {
      title: "iptables MASQUERADE rules not created with iptables set to off ip-masq set to true",
      url: "https://github.com/moby/moby/issues/28133",
    },
  ],
  looksAt: "both",
  look: (patient) =>
    walkEach(
      patient,
      { check: NAME, what: "networks" },
      waysOut(patient).filter((way) => isTranslated(way) && hasItsRules(patient, way.network.engine)),
      (way) => look(patient, way),
    ),
};

/** Of IPv6 an engine may well leave addresses as they are: they are told from here on, or not. */
const isTranslated = ({ family, network: { network } }: WayOut): boolean =>
  family === 4 && isMasqueraded(network);

const isMasqueraded = ({ options }: EngineNetwork): boolean =>
  !Object.entries(options).some(
    ([key, value]) =>
      (/enable_ip_masquerade$/.test(key) && value === "false") ||
      (/gateway_mode/.test(key) && value !== "nat" && value !== "nat-unprotected") ||
      /outbound_addr/.test(key) ||
      (key === "no_default_route" && value === "true"),
  );

/** The last that is seen of it on this machine, by a link that leads away. */
const lastOut = (hops: readonly Hop[], host: number): Hop | undefined =>
  hops.findLast(({ event, namespace }) => namespace === host && event.kind === "out");

function look(patient: Patient, way: WayOut): Finding | undefined {
  const { host } = patient;
  const { network, resident } = way;
  for (const flow of flowsOut(way)) {
    const hops = wayThere(patient, flow);
    const out = hops && lastOut(hops, host.id);
    if (out?.event.kind !== "out") continue;
    const { source } = out.packet;
    const subnet = network.network.subnets.find((one) => contains(subnetOf(one.subnet), source))?.subnet;
    if (!subnet || out.event.name === network.bridge?.name) continue;
    const prefix = `${formatAddress(subnetOf(subnet).address)}/${subnet.length}`;
    const names = network.residents.map(({ of }) => of.name);
    return {
      check: NAME,
      severity: "broken",
      title: `${containersNamed(names)} ${verb(names, "gets", "get")} no answers from other hosts: what ${verb(names, "it sends", "they send")} leaves by ${out.event.name} under ${verb(names, "its own address", "their own addresses")}`,
      evidence: [
        `from ${resident.of.name} to ${formatAddress(flow.destination)}: ${out.event.name} carries it with source ${formatAddress(source)}`,
        `no rule translates ${prefix} on its way out`,
      ],
      cause:
        "The rule that gives packets of this network this machine's address is gone: somebody has flushed or rewritten the nat table, and left the rest of the engine's rules. The world has no way back to a container's address.",
      fixes: [anew(network.engine.kind, prefix, network.bridge?.name ?? "")],
      about: { namespace: host.id, network: network.network.name },
    };
  }
  return undefined;
}

function anew(
  kind: "drawbridge" | "docker" | "podman",
  prefix: string,
  bridge: string,
): Finding["fixes"][number] {
  if (kind === "podman")
    return {
      command: "podman network reload --all",
      does: "sets podman's rules again, for all that run",
      safe: true,
    };
  if (kind === "drawbridge")
    return {
      command: "systemctl restart drawbridge",
      does: "has the engine put its tables back; containers go on running",
      safe: false,
    };
  return {
    command: shell`iptables -t nat -A POSTROUTING -s ${prefix} ! -o ${bridge} -j MASQUERADE`,
    does: "sets dockerd's own rule again; systemctl restart docker sets all of them",
    safe: false,
  };
}
