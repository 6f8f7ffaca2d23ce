/** Two who have one address on one segment: each is answered now and then. */
import { formatAddress, formatPrefix, sameAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import { linkAt } from "../../observe/place.ts";
import type { Namespace } from "../../observe/types.ts";
import { called, inside } from "../facts/namespace.ts";
import { type Attachment, attachmentsOf } from "../facts/networks.ts";
import { type Shared, sharedAddresses } from "../facts/ownership.ts";
import { segmentsOf } from "../facts/segments.ts";
import { listed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "duplicate-address";

export const duplicateAddress: Check = {
  name: NAME,
  title: "each address of a segment is one link's alone",
  reports: [
    { title: "Same IP address for different containers", url: "https://github.com/moby/moby/issues/18535" },
    { title: "same IP for two containers in bridge", url: "https://github.com/moby/moby/issues/44010" },
  ],
  looksAt: "both",
  look: (patient) => [
    ...sharedAddresses(patient.topology)
      .filter(({ members }) =>
        isAsked(
          patient,
          members.map(({ namespace }) => namespace),
        ),
      )
      .map(findingOf),
    ...[...patient.topology.namespaces.values()]
      .filter((namespace) => isAsked(patient, [namespace]))
      .flatMap(detected),
    ...attachmentsOf(patient).flatMap((attachment) => keptByHost(patient, attachment)),
  ],
};

const isAsked = ({ container }: Patient, namespaces: readonly Namespace[]): boolean =>
  container === undefined || namespaces.some(({ id }) => id === container.namespace.id);

function findingOf({ segment, what, members }: Shared): Finding {
  const [first, second] = members;
  const names = members.map(({ namespace, link }) => `${called(namespace)} (${link.name})`);
  return {
    check: NAME,
    severity: "broken",
    title: `${listed(names)} have the same address ${what} on ${segment.bridge.name}`,
    evidence: members
      .slice(0, 8)
      .map(({ namespace, link }) => `${namespace.name}: ${link.name} ${link.mac ?? ""} inet ${what}`),
    cause:
      "Whoever asks for the address hears both, and believes the last: packets go to one for a while, then to the other. An address was set by hand, or given twice by two engines with one subnet.",
    fixes: second
      ? [
          {
            command: inside(second.namespace, shell`ip addr flush to ${what} dev ${second.link.name}`),
            does: `takes the address away from ${called(second.namespace)}; it stays ${first ? called(first.namespace) : ""}'s`,
            safe: false,
          },
        ]
      : [],
    about: { namespace: segment.namespace.id },
  };
}

/** A container's, on a link of the host that the container's segment does not hear: what the host sends there it keeps. */
function keptByHost(
  { host, topology }: Patient,
  { resident, endpoint, network }: Attachment,
): readonly Finding[] {
  const members =
    network.bridge &&
    segmentsOf(topology).of({ namespace: host.id, ifindex: network.bridge.ifindex })?.members;
  return endpoint.addresses.flatMap(({ address }) => {
    const held = host.addresses.find((one) => sameAddress(one.address.address, address));
    const link = linkAt(host, held?.ifindex);
    if (!held || !link || members?.some((member) => member.namespace === host && member.link === link))
      return [];
    const shown = formatAddress(address);
    return [
      {
        check: NAME,
        severity: "broken",
        title: `container ${resident.of.name} is not reached at ${shown}: this machine has the same address on ${link.name}`,
        evidence: [
          `${host.name}: ${link.name} inet ${formatPrefix(held.address)}`,
          `the engine gave ${shown} to ${resident.of.name}`,
        ],
        cause:
          "What this machine has an address for it keeps: packets for the container, those of its published ports among them, end here. The address was set by hand, or the network's subnet is one that the machine is in.",
        fixes: [
          {
            command: shell`ip addr del ${formatPrefix(held.address)} dev ${link.name}`,
            does: "takes the address away from this machine; or give the container another network",
            safe: false,
          },
        ],
        about: {
          namespace: host.id,
          link: { namespace: host.id, ifindex: link.ifindex },
          container: resident.of.name,
        },
      },
    ];
  });
}

/** Addresses of IPv6 that the kernel itself found to be another's: RFC 4862, section 5.4.5. */
function detected(namespace: Namespace): readonly Finding[] {
  return namespace.addresses
    .filter(({ duplicate }) => duplicate)
    .map(({ address, ifindex }) => {
      const shown = formatAddress(address.address);
      const name = linkAt(namespace, ifindex)?.name ?? `link ${ifindex}`;
      return {
        check: NAME,
        severity: "broken",
        title: `${called(namespace)} does not use its address ${shown}: another has it`,
        evidence: [`${name} inet6 ${shown}/${address.length} dadfailed tentative`],
        cause:
          "When the address was set, the kernel asked the segment whether it is free, and somebody answered. It will not use it until it is set anew.",
        fixes: [
          {
            command: inside(namespace, shell`ip addr change ${shown}/${address.length} dev ${name} nodad`),
            does: "uses it without asking; only where the other is gone",
            safe: false,
          },
        ],
        about: {
          namespace: namespace.id,
          ...(namespace.container && { container: namespace.container.name }),
        },
      };
    });
}
