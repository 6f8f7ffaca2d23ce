/** Two bridges with one subnet: the host answers by one of them, whoever asked. */
import { contains, formatPrefix, overlaps, type Prefix } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import type { ObservedLink } from "../../observe/types.ts";
import { addressesOf } from "../facts/namespace.ts";
import { bridgeNetworks, type Network } from "../facts/networks.ts";
import { containersNamed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "duplicate-bridges";

/** A bridge with one of its addresses, and the network that it is of. */
interface Side {
  readonly link: ObservedLink;
  readonly address: Prefix;
  readonly network?: Network;
}

export const duplicateBridges: Check = {
  name: NAME,
  title: "no two bridges have one subnet",
  reports: [
    {
      title: "Regression: docker network conflicts with host routes when creating a new network",
      url: "https://github.com/moby/moby/issues/46615",
    },
  ],
  looksAt: "host",
  look: (patient) => {
    const sides = sidesOf(patient);
    return sides.flatMap((one, i) =>
      sides
        .slice(i + 1)
        .filter(({ link, address }) => link !== one.link && overlaps(address, one.address))
        .filter((other) => !patient.container || one.network !== undefined || other.network !== undefined)
        .map((other) => findingOf(patient, one, other)),
    );
  },
};

function sidesOf(patient: Patient): readonly Side[] {
  const networks = bridgeNetworks(patient);
  return patient.host.links
    .filter(({ kind }) => kind === "bridge")
    .flatMap((link) => {
      const network = networks.find(({ bridge }) => bridge === link);
      return addressesOf(patient.host, link).map(({ address }) => ({
        link,
        address,
        ...(network && { network }),
      }));
    });
}

function findingOf({ host }: Patient, one: Side, other: Side): Finding {
  const hurt = [...lostTo(one, other), ...lostTo(other, one)];
  const used = [one, other].every(({ link }) => host.links.some(({ master }) => master === link.ifindex));
  const subnets = `${formatPrefix(one.address)} and ${formatPrefix(other.address)}`;
  const stray = [other, one].find(({ network }) => network === undefined);
  return {
    check: NAME,
    severity: hurt.length > 0 || used ? "broken" : "risk",
    title:
      hurt.length > 0
        ? `${containersNamed(hurt)} can't be answered: ${one.link.name} and ${other.link.name} have overlapping subnets, ${subnets}`
        : `${one.link.name} and ${other.link.name} have overlapping subnets, ${subnets}`,
    evidence: [one, other].map(({ link, address }) => `${link.name} inet ${formatPrefix(address)}`),
    cause:
      "The kernel takes the closest route for an address, and of two that are as close the first: containers on the other bridge ask, and never hear an answer. Two engines with the same defaults, or a bridge that was left behind, make this.",
    fixes: [
      stray
        ? {
            command: shell`ip link del ${stray.link.name}`,
            does: "removes the one that no engine has, where nobody needs it",
            safe: false,
          }
        : {
            command: "docker network create --subnet 192.168.231.0/24 NAME",
            does: "makes a network with a subnet of its own, for the containers of one of them",
            safe: false,
          },
    ],
    about: { namespace: host.id },
  };
}

/** Containers whose addresses the other's route is closer to. */
function lostTo({ network, address }: Side, other: Side): readonly string[] {
  if (!network || other.address.length <= address.length) return [];
  return network.residents
    .filter(({ of }) =>
      of.endpoints.some(({ addresses }) => addresses.some((one) => contains(other.address, one.address))),
    )
    .map(({ of }) => of.name);
}
