/** Who answers for an address, asked: two, or the wrong one. */
import { type Address, formatAddress, sameAddress } from "../../lib/ip.ts";
import { defaultRoutes } from "../../observe/lookup.ts";
import type { LinkRef, Namespace, ObservedLink } from "../../observe/types.ts";
import { addressesOf, hasAddress, uplinksOf } from "../facts/namespace.ts";
import { attachmentsOf } from "../facts/networks.ts";
import { segmentsOf } from "../facts/segments.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "address-conflict";
/** Addresses that are asked for at most, all at once: a frame each. */
const MOST = 200;

/** An address, the link to ask by, and whose answers are right. */
interface Claim {
  readonly by: LinkRef;
  readonly link: ObservedLink;
  readonly address: Address;
  readonly owners: readonly string[];
  readonly whose: string;
  readonly container?: string;
}

export const addressConflict: Check = {
  name: NAME,
  title:
    "nobody else answers for the address of a container, or of this machine (asked by ARP and neighbour discovery)",
  reports: [
    {
      title: "Docker gives out IP addresses already in use in bridge mode",
      url: "https://github.com/moby/moby/issues/11199",
    },
    {
      title:
        "Dangling (?) veth interfaces causing duplicate packets, duplicate ARP replies, and intermittent connectivity issues",
      url: "https://github.com/moby/moby/issues/31937",
    },
  ],
  looksAt: "both",
  asks: true,
  look: async (patient) => {
    const claims = [...ofHost(patient), ...ofContainers(patient)].slice(0, MOST);
    const found = await Promise.all(claims.map((claim) => ask(patient, claim)));
    return found.flat();
  },
};

/** Of a bridge, the host asks; who is on it answers, and the host itself does not. */
const ofContainers = (patient: Patient): readonly Claim[] =>
  attachmentsOf(patient).flatMap(({ resident, link, network }) => {
    const { bridge } = network;
    const segment = bridge && segmentsOf(patient.topology).ofBridge(patient.host, bridge.name);
    if (!link?.mac || !bridge?.up || !segment) return [];
    return addressesOf(resident.namespace, link).map(({ address }) => ({
      by: { namespace: patient.host.id, ifindex: bridge.ifindex },
      link: bridge,
      address: address.address,
      // Two on this machine who have it are told as what they are.
      owners: segment.members
        .filter((member) => hasAddress(member.namespace, member.link, address.address))
        .flatMap((member) => member.link.mac ?? []),
      whose: `container ${resident.of.name}`,
      container: resident.of.name,
    }));
  });

/** What the host has on its uplinks: whoever answers there is another. */
const ofHost = ({ host, container }: Patient): readonly Claim[] =>
  container
    ? []
    : uplinksOf(host)
        .filter(({ noArp, mac, up, carrier }) => up && carrier && !noArp && mac !== undefined)
        .flatMap((link) =>
          addressesOf(host, link).map(({ address }) => ({
            by: { namespace: host.id, ifindex: link.ifindex },
            link,
            address: address.address,
            owners: [...ownMacs(host), ...gatewayMacs(host)],
            whose: "this machine",
          })),
        );

/** Two links of one host in one LAN answer for each other: arp_ignore=0, the default. */
const ownMacs = ({ links }: Namespace): readonly string[] => links.flatMap(({ mac }) => (mac ? [mac] : []));

/** A router that answers for all addresses, as clouds have them, is nobody's rival. */
function gatewayMacs(host: Namespace): readonly string[] {
  const gateways = defaultRoutes(host, 4).flatMap(({ hops }) =>
    hops.flatMap(({ via }) => (via ? [via] : [])),
  );
  return host.neighbours
    .filter(({ address }) => gateways.some((one) => sameAddress(one, address)))
    .flatMap(({ mac }) => (mac ? [mac] : []));
}

async function ask({ tools }: Patient, claim: Claim): Promise<readonly Finding[]> {
  const { by, link, address, owners, whose, container } = claim;
  const others = (await tools.whoHas(by, address)).filter((mac) => !owners.includes(mac));
  if (others.length === 0) return [];
  const shown = formatAddress(address);
  return [
    {
      check: NAME,
      severity: "broken",
      title: `somebody else answers for ${shown}, the address of ${whose}, on ${link.name}: ${others.join(", ")}`,
      evidence: [
        `arping -D -I ${link.name} ${shown}: answered by ${others.join(", ")}`,
        `${whose} has ${owners.slice(0, 3).join(", ")}`,
      ],
      cause:
        "Two have the address. Whoever asks for it believes the last who answers, so packets go astray now and then. Beyond this machine it may be a device with a fixed address, or a lease given twice; on a bridge an address set by hand.",
      fixes: [
        {
          command: `ip neigh show ${shown}; bridge fdb show | grep -i ${others[0]}`,
          does: "shows by which port the other is reached",
          safe: false,
        },
      ],
      about: { namespace: by.namespace, link: by, ...(container !== undefined && { container }) },
    },
  ];
}
