/** Two ends of one wire that don't agree on how much it carries: what is too large is dropped, and nobody is told. */
import { shell } from "../../lib/shell.ts";
import { inside } from "../facts/namespace.ts";
import { type Attachment, attachmentsOf, bridgeNetworks, type Network } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "mtu-mismatch";

export const mtuMismatch: Check = {
  name: NAME,
  title: "the two ends of a container's pair, and the links on its bridge, carry packets of one size",
  reports: [
    {
      title:
        "Incorrect MTU on veth interfaces on the host makes packets drop that are too large and not fragmented",
      url: "https://github.com/rancher/rancher/issues/10498",
    },
    {
      title: "Add MTU to lxc conf to make host and container MTU match",
      url: "https://github.com/moby/moby/pull/4282",
    },
    { title: "Change swarm mode ingress network", url: "https://github.com/moby/moby/issues/24220" },
  ],
  looksAt: "containers",
  look: (patient) => [
    ...attachmentsOf(patient).flatMap((one) => [...tooLargeOut(one), ...tooLargeIn(one)]),
    ...bridgeNetworks(patient).flatMap((network) => unequal(patient, network)),
  ],
};

const ends = ({ resident, link, port }: Attachment): readonly string[] => [
  `${resident.of.name}: ${link?.name} mtu ${link?.mtu}`,
  `host: ${port?.name} mtu ${port?.mtu}`,
];

const about = ({ resident, link }: Attachment): Finding["about"] => ({
  namespace: resident.namespace.id,
  ...(link && { link: { namespace: resident.namespace.id, ifindex: link.ifindex } }),
  container: resident.of.name,
});

function tooLargeOut(one: Attachment): readonly Finding[] {
  const { resident, link, port } = one;
  if (!link || !port || link.mtu <= port.mtu) return [];
  const least = port.mtu;
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${resident.of.name} loses packets of more than ${least} bytes: its ${link.name} sends ${link.mtu}, ${port.name} takes ${least}`,
      evidence: ends(one),
      cause:
        "A link drops frames larger than its own MTU as they come in, without a word: there is no router here that could say that they don't fit.",
      fixes: [
        {
          command: inside(resident.namespace, shell`ip link set ${link.name} mtu ${least}`),
          does: "has the container send what its wire takes, until it is started anew",
          safe: true,
        },
      ],
      about: about(one),
    },
  ];
}

/** TCP is told by each end how much it takes; datagrams of others are as large as their senders' links. */
function tooLargeIn(one: Attachment): readonly Finding[] {
  const { resident, link, port } = one;
  if (!link || !port || port.mtu <= link.mtu) return [];
  return [
    {
      check: NAME,
      severity: "risk",
      title: `${resident.of.name} does not get datagrams of more than ${link.mtu} bytes: ${port.name} passes on ${port.mtu}, its ${link.name} takes ${link.mtu}`,
      evidence: ends(one),
      cause:
        "A link drops frames larger than its own MTU as they come in, without a word. Connections of TCP agree on what both ends take; UDP, and whatever is tunnelled in it, gets lost.",
      fixes: [
        {
          command: shell`ip link set ${port.name} mtu ${link.mtu}`,
          does: "has both ends of the pair carry the same; the bridge takes the least of its ports for its own",
          safe: false,
        },
      ],
      about: about(one),
    },
  ];
}

/** A bridge does not cut frames: between ports of two sizes the larger ones vanish. Pairs that don't agree are told as what they are. */
function unequal(patient: Patient, { network, bridge }: Network): readonly Finding[] {
  const { host } = patient;
  if (!bridge) return [];
  const agree = attachmentsOf(patient).every(
    (one) => one.network.bridge !== bridge || !one.link || !one.port || one.link.mtu === one.port.mtu,
  );
  const ports = host.links.filter(({ master, up }) => master === bridge.ifindex && up);
  const least = Math.min(...ports.map(({ mtu }) => mtu));
  const wide = Math.max(bridge.mtu, ...ports.map(({ mtu }) => mtu));
  if (!agree || ports.length === 0 || wide === least) return [];
  const narrow = ports.filter(({ mtu }) => mtu === least);
  return [
    {
      check: NAME,
      severity: "risk",
      title: `${bridge.name} joins links of ${least} and of ${wide} bytes: datagrams of more than ${least} to ${listed(narrow.map(({ name }) => name))} are dropped`,
      evidence: [
        `${bridge.name}: mtu ${bridge.mtu}`,
        ...ports.slice(0, 6).map(({ name, mtu }) => `${name}: mtu ${mtu}`),
      ],
      cause:
        "A bridge passes frames on as they are, and drops those that the next link does not take. Connections of TCP agree on a size; UDP, and whatever is tunnelled in it, gets lost between containers of one network.",
      fixes: [
        {
          command: shell`ip link set ${bridge.name} mtu ${least}`,
          does: "has this machine send what all of them take; the containers' own links need the same: make the network with --opt com.docker.network.driver.mtu",
          safe: false,
        },
      ],
      about: { namespace: host.id, network: network.name },
    },
  ];
}
