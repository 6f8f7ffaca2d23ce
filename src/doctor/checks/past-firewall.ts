/** A host firewall that closes what comes to this machine, and published ports that are not asked there. */
import { formatAddress } from "../../lib/ip.ts";
import { isLoopback } from "../../lib/ip-kinds.ts";
import { ruleText } from "../../trace/fixes/words.ts";
import { arrives } from "../facts/forecast.ts";
import { shownPort, socketsAt } from "../facts/ports.ts";
import { containersNamed } from "../facts/text.ts";
import { endOf } from "../facts/ways.ts";
import { flowsIn, flowsInto, type WayIn, waysIn } from "../facts/ways-in.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "past-firewall";
/** Ports that nobody has, to ask a firewall for: the first that is free. */
const UNLIKELY: readonly number[] = [3, 15, 47, 61];

export const pastFirewall: Check = {
  name: NAME,
  title: "published ports are not open past a firewall that seems to close them (walked through its rules)",
  reports: [
    { title: "docker and ufw serious problems", url: "https://github.com/moby/moby/issues/4737" },
    {
      title: "Docker Network bypasses Firewall, no option to disable",
      url: "https://github.com/moby/moby/issues/22054",
    },
    {
      title: "Security concern about UFW and Docker",
      url: "https://github.com/caprover/caprover/issues/839",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    if (patient.container) return [];
    const ways = waysIn(patient).filter(({ destination }) => destination.family === 4);
    return [...Map.groupBy(ways, ({ link }) => link).values()].flatMap((those) => look(patient, those));
  },
};

/** A prediction for the firewall, and one for a port: they are all led by one chain. */
function look(patient: Patient, those: readonly WayIn[]): readonly Finding[] {
  const { host } = patient;
  const [way] = those;
  const free = UNLIKELY.find((port) => socketsAt(host, "tcp", port).length === 0);
  if (!way || free === undefined) return [];
  const { link, destination, published, strangers, near } = way;
  const [asked] = flowsInto(host, link, { destination, port: free, label: "host" });
  const [into] = flowsIn(patient, way, [...strangers, ...near]);
  const closed = asked && endOf(patient, asked);
  const rule = closed?.reason.rule;
  if (closed?.reason.code !== "rule" || !rule || closed.namespace !== host) return [];
  if (!into || !arrives(patient, into, published.resident.namespace.id)) return [];
  const open = those.filter(({ published: { host: at } }) => !at.address || !isLoopback(at.address));
  const names = open.map((one) => one.published.resident.of.name);
  const [allowed, by] = [`${published.host.port}/${published.port.protocol}`, closed.explanation.at];
  return [
    {
      check: NAME,
      severity: "note",
      title: `published ports of ${containersNamed(names)} are open by ${link.name}, whatever the host's firewall says of them (${by})`,
      evidence: [
        `to ${formatAddress(destination)} port ${free}/tcp: ${ruleText(rule)}`,
        ...open
          .slice(0, 5)
          .map(
            (one) =>
              `published, and reached: ${shownPort(one.published)} of ${one.published.resident.of.name}`,
          ),
      ],
      cause:
        "What comes to a published port is translated before the firewall's rules for this machine are asked, and forwarded: to deny a port there closes nothing. If the ports are meant to be open, all is well.",
      fixes: [closing(published.resident.of.engine, allowed)],
      about: { namespace: host.id },
    },
  ];
}

function closing(engine: "drawbridge" | "docker" | "podman", port: string): Finding["fixes"][number] {
  const [number = "", protocol = "tcp"] = port.split("/");
  if (engine === "drawbridge")
    return {
      command: `nft add element inet drawbridge-admin closed '{ ${protocol} . ${number} }'`,
      does: "closes the published port to everybody",
      safe: false,
    };
  return engine === "docker"
    ? {
        command: `iptables -I DOCKER-USER -p ${protocol} -m conntrack --ctorigdstport ${number} --ctdir ORIGINAL -j DROP`,
        does: "closes it to everybody; or publish it at an address of its own: -p 127.0.0.1:PORT:PORT",
        safe: false,
      }
    : {
        command: `podman run -p 127.0.0.1:${number}:PORT ...`,
        does: "publishes it for this machine alone",
        safe: false,
      };
}
