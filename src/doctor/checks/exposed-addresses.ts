/** Neighbours that route a container's address at this machine, and get in by ports that nobody has published. */
import { formatAddress } from "../../lib/ip.ts";
import { isLoopback } from "../../lib/ip-kinds.ts";
import type { ObservedLink } from "../../observe/types.ts";
import type { Flow } from "../../trace/types.ts";
import { hasItsRules } from "../facts/engine-presence.ts";
import { arrives } from "../facts/forecast.ts";
import { uplinksOf } from "../facts/namespace.ts";
import { type Attachment, wiredAttachments } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import { walkEach } from "../facts/ways.ts";
import { flowsInto } from "../facts/ways-in.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "exposed-addresses";

export const exposedAddresses: Check = {
  name: NAME,
  title:
    "neighbours that route containers' addresses at this machine find published ports alone (walked through its rules)",
  reports: [
    {
      title: "Remove dependency on the filter-FORWARD policy",
      url: "https://github.com/moby/moby/pull/48724",
    },
    {
      title: "Publishing ports explicitly to private networks should not be accessible from LAN hosts",
      url: "https://github.com/moby/moby/issues/45610",
    },
    {
      title: "Can't access container IPs from oustide the host machine",
      url: "https://github.com/moby/moby/issues/34164",
    },
  ],
  looksAt: "both",
  look: (patient) => {
    const links = uplinksOf(patient.host).filter(({ up, kind }) => up && kind !== "bridge");
    const ways = [...oneEach(patient)].flatMap((home) => links.map((link) => ({ home, link })));
    return walkEach(patient, { check: NAME, what: "networks" }, ways, (way) => look(patient, way));
  },
};

/** Of each network that an engine closes, a container with a port open that it has not published. */
function oneEach(patient: Patient): Iterable<Attachment> {
  const found = new Map<string, Attachment>();
  for (const one of wiredAttachments(patient)) {
    const { network } = one;
    // Podman's rules speak of what is published, and leave the rest to the host's firewall.
    if (network.engine.kind === "podman" || network.network.internal || isOpened(network.network.options))
      continue;
    if (!found.has(network.network.id) && openPort(one) && hasItsRules(patient, network.engine))
      found.set(network.network.id, one);
  }
  return found.values();
}

const isOpened = (options: Readonly<Record<string, string>>): boolean =>
  Object.entries(options).some(
    ([key, value]) => (/gateway_mode/.test(key) && value !== "nat") || /trusted_host_interfaces/.test(key),
  );

/** Somebody listens there, for others as well. */
const openPort = ({ resident }: Attachment) =>
  resident.namespace.sockets.find(
    ({ protocol, address, port }) =>
      protocol === "tcp" &&
      !(address && isLoopback(address)) &&
      !resident.of.ports.some((one) => one.host && one.protocol === protocol && one.containerPort === port),
  );

function look(
  patient: Patient,
  { home, link }: { readonly home: Attachment; readonly link: ObservedLink },
): Finding | undefined {
  const { host } = patient;
  const { resident, network, endpoint } = home;
  const open = openPort(home);
  const address = endpoint.addresses.map((one) => one.address).find(({ family }) => family === 4);
  if (!open || !address) return undefined;
  const flows: readonly Flow[] = flowsInto(host, link, {
    destination: address,
    port: open.port,
    label: resident.of.name,
  });
  if (!flows.some((flow) => arrives(patient, flow, resident.namespace.id))) return undefined;
  const names = network.residents.map(({ of }) => of.name);
  return {
    check: NAME,
    severity: "risk",
    title: `whoever is on the network of ${link.name} reaches ports of containers on ${network.network.name} that are not published, as ${open.port}/tcp of ${resident.of.name}`,
    evidence: [
      `from the network of ${link.name} to ${formatAddress(address)} port ${open.port}/tcp: forwarded, and accepted`,
      `containers on it: ${listed(names)}`,
    ],
    cause:
      "This machine forwards, and nothing in its forward chain closes the network to who has a route to it: the policy is to accept. Docker before 28 relied on that policy, and sets it to DROP only when it is Docker that has turned forwarding on. A neighbour needs no more than a route by this machine.",
    fixes: [
      network.engine.kind === "docker"
        ? {
            command: "iptables -P FORWARD DROP",
            does: "closes what no rule opens; rules for other forwarded traffic of this machine (virtual machines, VPNs) must be there. Docker 28 does without",
            safe: false,
          }
        : {
            command: "systemctl restart drawbridge",
            does: "has the engine put its tables back; containers go on running",
            safe: false,
          },
    ],
    about: { namespace: host.id, network: network.network.name },
  };
}
