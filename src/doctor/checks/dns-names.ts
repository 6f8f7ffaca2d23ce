/** The engine's own resolver knows the engine's own names. */
import { formatAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import { attachmentsOf } from "../facts/networks.ts";
import { EMBEDDED, resolvConfOf } from "../facts/resolv-conf.ts";
import type { Check, Patient, Resident } from "../types.ts";

const NAME = "dns-names";
const MOST = 16;
const NXDOMAIN = 3;

export const dnsNames: Check = {
  name: NAME,
  title: "the engine's resolver knows a container by its name (tried)",
  reports: [
    { title: "Embedded DNS not resolving hostname", url: "https://github.com/docker/for-linux/issues/179" },
    {
      title: "docker 1.10 embedded DNS doesn't work as documented",
      url: "https://github.com/moby/moby/issues/20026",
    },
  ],
  looksAt: "containers",
  asks: true,
  look: async (patient) => {
    const embedded = new Map<string, Resident>();
    for (const { resident, network } of attachmentsOf(patient))
      if (resolvConfOf(patient, resident)?.nameservers.some((one) => formatAddress(one) === EMBEDDED))
        embedded.set(network.network.name, resident);
    const found = await Promise.all(
      [...embedded.values()].slice(0, MOST).map((resident) => tried(patient, resident)),
    );
    return found.flat();
  },
};

async function tried(patient: Patient, { namespace, of }: Resident) {
  const server = resolvConfOf(patient, { namespace, of })?.nameservers.find(
    (one) => formatAddress(one) === EMBEDDED,
  );
  if (!server) return [];
  const answer = await patient.tools.askName(namespace.id, server, of.name);
  // Silence, and failures, are told by another check; one with IPv6 alone has no address of the family that is asked for.
  if (!answer.answered || answer.code !== NXDOMAIN) return [];
  return [
    {
      check: NAME,
      severity: "broken" as const,
      title: `containers don't find each other by name: the resolver at ${EMBEDDED} does not know ${of.name}`,
      evidence: [`nsenter --net=${namespace.path} nslookup ${of.name} ${EMBEDDED}: NXDOMAIN`],
      cause:
        "The resolver serves the names of containers on networks that it shares with the asker, and has lost this one's.",
      fixes: [
        {
          command: shell`${of.engine} network inspect ${of.endpoints[0]?.network ?? ""}`,
          does: "shows whom the engine believes to be on the network; connecting the container anew brings its name back",
          safe: false,
        },
      ],
      about: { namespace: namespace.id, container: of.name },
    },
  ];
}
