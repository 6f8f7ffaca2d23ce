/** Containers that stand upon a link of the host's: macvlan and ipvlan share its wire, and not its address. */
import { shell } from "../../lib/shell.ts";
import { linkAt } from "../../observe/place.ts";
import type { EngineNetwork, Namespace, ObservedLink } from "../../observe/types.ts";
import { addressesOf } from "../facts/namespace.ts";
import { containersNamed } from "../facts/text.ts";
import type { Check, Finding, Patient, Resident } from "../types.ts";

const NAME = "macvlan-parent";
const KINDS: ReadonlySet<string | undefined> = new Set(["macvlan", "macvtap", "ipvlan", "ipvtap"]);

/** A container's link, and the one below it, in the host's namespace. */
interface Stacked {
  readonly resident: Resident;
  readonly link: ObservedLink;
  readonly parent: ObservedLink;
}

export const macvlanParent: Check = {
  name: NAME,
  title: "links that containers' macvlan and ipvlan links stand upon are there, and up",
  reports: [
    {
      title: "28.0.1: With the link down on a macvlan interface, container won't start",
      url: "https://github.com/moby/moby/issues/49593",
    },
    {
      title: "macvlan use bond interface as master, network service restart, container nic LOWERLAYERDOWN",
      url: "https://github.com/containernetworking/plugins/issues/439",
    },
    {
      title: "[macvlan] Cant communicate with host and container",
      url: "https://github.com/moby/libnetwork/issues/1915",
    },
  ],
  looksAt: "both",
  look: (patient) => {
    const stacked = stackedOf(patient);
    const byParent = [...Map.groupBy(stacked, ({ parent }) => parent).values()];
    return [
      ...byParent.flatMap((those) => [...down(patient, those), ...apart(patient, those)]),
      ...gone(patient),
    ];
  },
};

function stackedOf({ host, containers }: Patient): readonly Stacked[] {
  return [...new Map(containers.map((one) => [one.namespace, one])).values()].flatMap((resident) =>
    resident.namespace.host
      ? []
      : resident.namespace.links.flatMap((link) => {
          const { kind, other } = link;
          const parent = KINDS.has(kind) && other?.namespace === host.id && linkAt(host, other.ifindex);
          return parent ? [{ resident, link, parent }] : [];
        }),
  );
}

const namesOf = (those: readonly Stacked[]): string =>
  containersNamed(those.map(({ resident }) => resident.of.name));

function down({ host }: Patient, those: readonly Stacked[]): readonly Finding[] {
  const [first] = those;
  if (!first || (first.parent.up && first.parent.carrier)) return [];
  const { parent, resident, link } = first;
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${namesOf(those)} ${those.length === 1 ? "reaches" : "reach"} nobody: ${parent.name}, which ${those.length === 1 ? "its link stands" : "their links stand"} upon, ${parent.up ? "has no carrier" : "is down"}`,
      evidence: [
        `host: ${parent.name} ${parent.up ? "NO-CARRIER" : "state DOWN"}`,
        `${resident.of.name}: ${link.name} ${link.kind}@${parent.name}`,
      ],
      cause: parent.up
        ? "What stands upon a link has its wire: the cable is out, or the other end is off."
        : "What stands upon a link goes up and down with it, and nobody in the container can change that.",
      fixes: parent.up
        ? [{ command: shell`ip link show ${parent.name}`, does: "shows when it is back", safe: false }]
        : [{ command: shell`ip link set ${parent.name} up`, does: "switches it on", safe: true }],
      about: {
        namespace: host.id,
        link: { namespace: host.id, ifindex: parent.ifindex },
        ...(those.length === 1 && { container: resident.of.name }),
      },
    },
  ];
}

/** So it is meant: the host has a note of it where it has an address in their subnet, and no link of their kind beside them. */
function apart({ host }: Patient, those: readonly Stacked[]): readonly Finding[] {
  const [first] = those;
  if (!first?.parent.up || !first.parent.carrier) return [];
  const { parent } = first;
  const shared = addressesOf(host, parent);
  const beside = host.links.some(
    ({ kind, other, up }) => KINDS.has(kind) && up && other?.ifindex === parent.ifindex,
  );
  if (shared.length === 0 || beside) return [];
  const kind = first.link.kind ?? "macvlan";
  return [
    {
      check: NAME,
      severity: "note",
      title: `this machine and ${namesOf(those)} don't reach each other by ${parent.name}`,
      evidence: those
        .slice(0, 5)
        .map(({ resident, link }) => `${resident.of.name}: ${link.name} ${kind}@${parent.name}`),
      cause:
        "The kernel hands frames of such a link to the wire and to its siblings, never to the link below. Everybody else on the wire reaches them. It is so by design, and no rule or route changes it.",
      fixes: [
        {
          command: `${shell`ip link add beside link ${parent.name} type ${kind}`}${kind === "macvlan" ? " mode bridge" : ""} && ip link set beside up`,
          does: "gives this machine a sibling of theirs; it needs an address there, and routes to theirs",
          safe: false,
        },
      ],
      about: {
        namespace: host.id,
        link: { namespace: host.id, ifindex: parent.ifindex },
        ...(those.length === 1 && { container: first.resident.of.name }),
      },
    },
  ];
}

/** Of networks that say what they stand upon: Docker's and Drawbridge's `parent` option. */
function gone({ topology, host, containers }: Patient): readonly Finding[] {
  const used = (network: EngineNetwork) =>
    containers.filter(({ of }) => of.endpoints.some(({ networkId }) => networkId === network.id));
  return topology.engines.flatMap(({ networks }) =>
    networks
      .filter(({ driver }) => driver === "macvlan" || driver === "ipvlan")
      .flatMap((network) => {
        const { parent } = network.options;
        const hurt = used(network);
        if (!parent || hurt.length === 0 || isThere(host, parent)) return [];
        return [
          {
            check: NAME,
            severity: "broken" as const,
            title: `${containersNamed(hurt.map(({ of }) => of.name))} ${hurt.length === 1 ? "reaches" : "reach"} nobody on ${network.name}: ${parent}, which it stands upon, is gone`,
            evidence: [
              shell`ip link show ${parent}: Device does not exist`,
              `${network.name}: parent=${parent}`,
            ],
            cause:
              "With a link go all that stand upon it, those in containers too: a VLAN or a bond was taken down, or the card has another name since the last boot.",
            fixes: [
              {
                command: shell`ip link show ${parent.replace(/\.\d+$/, "")}`,
                does: "shows whether the link below is there; containers have to be restarted once it is back",
                safe: false,
              },
            ],
            about: { namespace: host.id, network: network.name },
          },
        ];
      }),
  );
}

const isThere = ({ links }: Namespace, name: string): boolean => links.some((link) => link.name === name);
