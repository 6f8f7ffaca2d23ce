/** A table that says of an address that another has it: packets go to a MAC that is nobody's, or another's. */
import { formatAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import { linkAt } from "../../observe/place.ts";
import type { Namespace, ObservedNeighbour } from "../../observe/types.ts";
import { hasAddress, inside } from "../facts/namespace.ts";
import { segmentsOf } from "../facts/segments.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "stale-neighbour";
/** NUD_*, linux/neighbour.h: reachable, stale, delay, probe, permanent. */
const [USED, PERMANENT] = [0x02 | 0x04 | 0x08 | 0x10 | 0x80, 0x80] as const;

export const staleNeighbour: Check = {
  name: NAME,
  title: "neighbour tables say of each address who really has it",
  reports: [
    {
      title: "New containers may be unreachable by the host due to stale ARP entries",
      url: "https://github.com/moby/moby/issues/36069",
    },
    {
      title: "Invalidate arp cache when reusing ips",
      url: "https://github.com/containernetworking/cni/issues/88",
    },
  ],
  looksAt: "both",
  look: (patient) => {
    const asked = new Set([patient.host, ...patient.containers.map(({ namespace }) => namespace)]);
    return [...asked].flatMap((namespace) =>
      namespace.neighbours.flatMap((entry) => findingsOf(patient, namespace, entry)),
    );
  },
};

function findingsOf(
  { topology, container }: Patient,
  namespace: Namespace,
  entry: ObservedNeighbour,
): readonly Finding[] {
  const { ifindex, address, mac, state, proxy } = entry;
  const segment = segmentsOf(topology).of({ namespace: namespace.id, ifindex });
  if (!segment || mac === undefined || proxy || !(state & USED)) return [];
  const owners = segment.members.filter(({ namespace: home, link }) => hasAddress(home, link, address));
  const answering = segment.members.some(({ link }) => link.settings?.proxyArp);
  if (owners.length === 0 || answering || owners.some(({ link }) => link.mac === mac)) return [];
  const concerned = owners.some(({ namespace: home }) => home.id === container?.namespace.id);
  if (container && namespace.host && !concerned) return [];
  const [owner] = owners;
  const shown = formatAddress(address);
  const name = linkAt(namespace, ifindex)?.name ?? `link ${ifindex}`;
  const fixed = (state & PERMANENT) !== 0;
  const who = namespace.host ? "this machine" : `container ${namespace.container?.name ?? namespace.name}`;
  return [
    {
      check: NAME,
      severity: fixed ? "broken" : "risk",
      title: `${who} sends what is for ${shown} to ${mac}, but ${owner?.namespace.name} has that address, with ${owner?.link.mac}`,
      evidence: [
        `${namespace.name}: ${shown} dev ${name} lladdr ${mac} ${fixed ? "PERMANENT" : "(cached)"}`,
        `${owner?.namespace.name}: ${owner?.link.name} link/ether ${owner?.link.mac}`,
      ],
      cause: fixed
        ? "Somebody has set this entry by hand: the kernel will never ask again who has the address."
        : "The address was another's before. The kernel believes the entry until it is refuted, which takes seconds, or longer where something confirms it by mistake.",
      fixes: [
        {
          command: inside(namespace, shell`ip neigh del ${shown} dev ${name}`),
          does: "forgets the entry: the kernel asks anew",
          safe: !fixed,
        },
      ],
      about: {
        namespace: namespace.id,
        ...(owner?.namespace.container && { container: owner.namespace.container.name }),
      },
    },
  ];
}
