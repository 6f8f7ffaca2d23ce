/** A container whose link has not the address that its engine, and everybody else, believes it to have. */
import { contains, formatAddress, formatPrefix, sameAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import { addressesOf, inside } from "../facts/namespace.ts";
import { type Attachment, attachmentsOf, isMasked } from "../facts/networks.ts";
import type { Check, Finding } from "../types.ts";

const NAME = "container-address";

export const containerAddress: Check = {
  name: NAME,
  title: "each container has the addresses that its engine gave it, of its network's subnets",
  reports: [
    {
      title: "Docker container loses network after first run.",
      url: "https://github.com/moby/moby/issues/40170",
    },
  ],
  looksAt: "containers",
  look: (patient) =>
    attachmentsOf(patient).flatMap((attachment) => [...findingsOf(attachment), ...masked(attachment)]),
};

function findingsOf({ resident, endpoint, network, link }: Attachment): readonly Finding[] {
  const { namespace, of } = resident;
  const about = { namespace: namespace.id, container: of.name };
  if (!link)
    return endpoint.addresses.length === 0
      ? []
      : [
          {
            check: NAME,
            severity: "broken",
            title: `container ${of.name} has no link to network ${network.network.name}`,
            evidence: [
              `the engine says: ${endpoint.addresses.map(formatPrefix).join(", ")}`,
              `links in its namespace: ${namespace.links.map(({ name }) => name).join(", ")}`,
            ],
            cause: "The pair was deleted, or moved to another namespace, while the container ran.",
            fixes: [
              { command: shell`${of.engine} restart ${of.name}`, does: "makes the pair anew", safe: false },
            ],
            about,
          },
        ];
  const here = addressesOf(namespace, link).map(({ address }) => address);
  const off6 = link.settings?.disableIpv6 === true; // which is told as what it is
  return endpoint.addresses
    .filter(({ address }) => !here.some((one) => sameAddress(one.address, address)))
    .filter(({ address }) => !(off6 && address.family === 6))
    .map((missing) => {
      const shown = `${formatAddress(missing.address)}/${missing.length}`;
      const foreign = here.filter(
        ({ address }) =>
          address.family === missing.address.family &&
          !network.network.subnets.some(({ subnet }) => contains(subnet, address)),
      );
      return {
        check: NAME,
        severity: "broken",
        title:
          foreign.length > 0
            ? `container ${of.name} has ${foreign.map(formatPrefix).join(", ")}, which is not of its network ${network.network.name}`
            : `container ${of.name} has lost its address ${formatAddress(missing.address)}`,
        evidence: [
          inside(
            namespace,
            `ip addr show ${link.name}: ${here.map(formatPrefix).join(", ") || "(no address)"}`,
          ),
          `the engine says: ${shown}`,
        ],
        cause:
          "Names, published ports and the engine's rules lead to the address that the engine gave. Something in the container's namespace has taken it away: a DHCP client, a script, or ip addr flush.",
        fixes: [
          {
            command: inside(namespace, shell`ip addr add ${shown} dev ${link.name}`),
            does: "gives it its address back; a route that went with it comes back when it is restarted",
            safe: true,
          },
        ],
        about,
      };
    });
}

function masked(attachment: Attachment): readonly Finding[] {
  const { resident, endpoint, network, link } = attachment;
  const { namespace, of } = resident;
  const { mac } = endpoint;
  if (!isMasked(attachment) || !link || !mac) return [];
  return [
    {
      check: NAME,
      severity: "broken",
      title: `container ${of.name} sends with MAC ${link.mac}, not with its own ${mac}: its frames are dropped on ${network.network.name}`,
      evidence: [
        inside(namespace, `ip link show ${link.name}: link/ether ${link.mac}`),
        `the engine says: ${mac}`,
      ],
      cause:
        "A program in the container, or somebody, has changed the MAC of its link. The network's spoof guard lets a container speak with the MAC and the addresses alone that it was given.",
      fixes: [
        {
          command: inside(namespace, shell`ip link set ${link.name} address ${mac}`),
          does: "gives it its MAC back; for one of your own choice: --mac-address",
          safe: true,
        },
      ],
      about: { namespace: namespace.id, container: of.name },
    },
  ];
}
