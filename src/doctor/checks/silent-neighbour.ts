/** Addresses that nobody answered for when the kernel asked, and that somebody should have: asked again. */
import { type Address, formatAddress, sameAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import { defaultRoutes } from "../../observe/lookup.ts";
import { linkAt } from "../../observe/place.ts";
import type { LinkRef, Namespace } from "../../observe/types.ts";
import { called, inside } from "../facts/namespace.ts";
import { wiredAttachments } from "../facts/networks.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "silent-neighbour";
/** NUD_FAILED, linux/neighbour.h. */
const FAILED = 0x20;
/** Addresses that are asked for at most, all at once: a frame each. */
const MOST = 64;

interface Silent {
  readonly from: Namespace;
  readonly by: LinkRef;
  readonly address: Address;
  /** Who should answer: `its gateway`, `container web`. */
  readonly whose: string;
  readonly effect: string;
  readonly container?: string;
}

export const silentNeighbour: Check = {
  name: NAME,
  title:
    "gateways and containers answer when their address is asked for (those that did not are asked again)",
  reports: [
    {
      title: "Not able to ping some docker containers from host",
      url: "https://github.com/moby/moby/issues/20237",
    },
    {
      title: "Containers on overlay network cannot reach other containers",
      url: "https://github.com/moby/moby/issues/35807",
    },
  ],
  looksAt: "both",
  asks: true,
  look: async (patient) => {
    const asked = [...gateways(patient), ...containers(patient)].slice(0, MOST);
    const found = await Promise.all(asked.map((one) => ask(patient, one)));
    return found.flat();
  },
};

const hasFailed = (namespace: Namespace, ifindex: number, address: Address): boolean =>
  namespace.neighbours.some(
    (entry) =>
      entry.ifindex === ifindex && (entry.state & FAILED) !== 0 && sameAddress(entry.address, address),
  );

/** The host's own, and those of containers whose gateway is not the host: of macvlan, or an isolated network. */
function gateways({ host, containers: all }: Patient): readonly Silent[] {
  const homes = new Map(all.map(({ namespace, of }) => [namespace, of.name]));
  return [host, ...[...homes.keys()].filter((home) => !home.host)].flatMap((from) =>
    ([4, 6] as const).flatMap((family) =>
      defaultRoutes(from, family).flatMap(({ hops }) =>
        hops.flatMap(({ via, ifindex }) => {
          const link = linkAt(from, ifindex);
          if (!via || !link?.up || !link.carrier || !hasFailed(from, link.ifindex, via)) return [];
          const name = homes.get(from);
          return [
            {
              from,
              by: { namespace: from.id, ifindex: link.ifindex },
              address: via,
              whose: "its gateway",
              effect: "it reaches nobody beyond its own network",
              ...(name !== undefined && !from.host && { container: name }),
            },
          ];
        }),
      ),
    ),
  );
}

const containers = (patient: Patient): readonly Silent[] =>
  wiredAttachments(patient).flatMap(({ endpoint, network, resident }) => {
    const { bridge } = network;
    if (!bridge) return [];
    return endpoint.addresses
      .filter(({ address }) => hasFailed(patient.host, bridge.ifindex, address))
      .map(({ address }) => ({
        from: patient.host,
        by: { namespace: patient.host.id, ifindex: bridge.ifindex },
        address,
        whose: `container ${resident.of.name}`,
        effect: "neither this machine nor its published ports reach it",
        container: resident.of.name,
      }));
  });

async function ask({ tools }: Patient, silent: Silent): Promise<readonly Finding[]> {
  const { from, by, address, whose, effect, container } = silent;
  if ((await tools.whoHas(by, address)).length > 0) return [];
  const shown = formatAddress(address);
  const dev = linkAt(from, by.ifindex)?.name ?? "";
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${called(from)} gets no answer from ${whose} at ${shown}: ${effect}`,
      evidence: [`ip neigh: ${shown} dev ${dev} FAILED`, `who has ${shown}, asked by ${dev}: nobody answers`],
      cause:
        "Frames need a MAC, and nobody says that the address is his: he is switched off or has another address, the cable leads elsewhere, or something between drops the question (a port of a switch, a bridge's rule, an arp_ignore).",
      fixes: [
        {
          command: inside(from, shell`arping -c 3 -I ${dev} ${shown}`),
          does: "asks again; tcpdump -ei LINK arp at the other end shows how far the question comes",
          safe: false,
        },
      ],
      about: { namespace: from.id, link: by, ...(container !== undefined && { container }) },
    },
  ];
}
