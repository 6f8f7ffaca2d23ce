/** Large packets that get lost on a way that small ones pass: tried, with echoes that may not be cut. */
import { type Address, formatAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import { defaultRoutes } from "../../observe/lookup.ts";
import { linkAt } from "../../observe/place.ts";
import type { Namespace, ObservedLink } from "../../observe/types.ts";
import { called, inside } from "../facts/namespace.ts";
import { attachmentsOf } from "../facts/networks.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "path-mtu";
/** Containers that are tried: those of one network share a way. */
const MOST = 12;

/** Only as far as the next hop, which is asked to carry everything anyway. */
interface Way {
  readonly from: Namespace;
  readonly link: ObservedLink;
  readonly gateway: Address;
  readonly container?: string;
}

export const pathMtu: Check = {
  name: NAME,
  title: "packets as large as a link takes reach the gateway, and come back (tried)",
  reports: [
    {
      title: "Connection Reset when accessing Docker service via IPSec",
      url: "https://github.com/moby/moby/issues/26419",
    },
    { title: "Setting MTU in overlay", url: "https://github.com/docker/for-linux/issues/594" },
  ],
  looksAt: "both",
  asks: true,
  look: async (patient) => {
    const found = await Promise.all(waysOf(patient).map((way) => tried(patient, way)));
    return found.flat();
  },
};

function waysOf(patient: Patient): readonly Way[] {
  const { host, container } = patient;
  const one = new Map<string, Way>();
  for (const { resident, network, link: own, port } of attachmentsOf(patient)) {
    // Two ends that differ are told as what they are.
    if (own && port && own.mtu > port.mtu) continue;
    for (const way of waysOut(resident.namespace))
      one.set(network.network.name, { ...way, container: resident.of.name });
  }
  return [...waysOut(host), ...[...one.values()].slice(0, container ? undefined : MOST)];
}

function waysOut(from: Namespace): readonly Way[] {
  const [route] = defaultRoutes(from, 4);
  const [hop] = route?.hops ?? [];
  const link = linkAt(from, hop?.ifindex);
  return link && hop?.via ? [{ from, link, gateway: hop.via }] : [];
}

async function tried({ tools }: Patient, way: Way): Promise<readonly Finding[]> {
  const { from, link, gateway, container } = way;
  const largest = await tools.pathMtu(from.id, gateway);
  if (largest === undefined || largest >= link.mtu) return [];
  const to = formatAddress(gateway);
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${called(from)} loses packets of more than ${largest} bytes on the way to its gateway ${to}, though ${link.name} sends up to ${link.mtu}`,
      evidence: [
        `${link.name}: mtu ${link.mtu}`,
        `ping -M do -s ${largest - 28} ${to}: answered`,
        `ping -M do -s ${largest - 27} ${to}: lost`,
      ],
      cause:
        "Something between drops what is larger: a switch, a tunnel or a virtual machine's network that carries less, or the other end of the wire. Small packets pass, so connections open and then hang.",
      fixes: [
        {
          command: inside(from, shell`ip link set ${link.name} mtu ${largest}`),
          does: "sends what gets through, until the link is set up anew",
          safe: false,
        },
      ],
      about: {
        namespace: from.id,
        link: { namespace: from.id, ifindex: link.ifindex },
        ...(container !== undefined && { container }),
      },
    },
  ];
}
