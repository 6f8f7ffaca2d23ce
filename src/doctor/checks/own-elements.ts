/** Elements of Drawbridge's sets that speak of links and addresses that are gone, and of containers that have none. */
import { type Address, formatAddress, macBytes } from "../../lib/ip.ts";
import type { NftElement } from "../../linux/nftables/program.ts";
import type { Topology } from "../../observe/types.ts";
import { elementsOf, type OwnTable, Parts } from "../facts/elements.ts";
import { type Attachment, attachmentsOf, bridgeNetworks } from "../facts/networks.ts";
import { shownPort } from "../facts/ports.ts";
import { containersNamed, listed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "own-elements";
const SHOWN = 8;

export const ownElements: Check = {
  name: NAME,
  title: "Drawbridge's sets hold each container's addresses and ports, and nobody else's",
  reports: [
    {
      title: "After removing and recreating container the port doesn't get mapped.",
      url: "https://github.com/moby/moby/issues/10354",
    },
    {
      title: "Docker creates firewall rules in nat table that forward packets to wrong container IPs",
      url: "https://github.com/moby/moby/issues/32048",
    },
    {
      title:
        "iptables rules flushed too eagerly from `NETAVARK_FORWARD` chain, breaking container networking",
      url: "https://github.com/containers/netavark/issues/491",
    },
  ],
  looksAt: "both",
  look: (patient) => {
    if (elementsOf(patient.host, "inet", "bridges") === undefined) return [];
    return [...(patient.container ? [] : [...gone(patient), ...nowhere(patient)]), ...missing(patient)];
  },
};

const RESTART = {
  command: "systemctl restart drawbridge",
  does: "has the engine put its tables back as they should be; containers go on running",
  safe: false,
} as const;

/** Sets whose keys begin with a link of ours: a bridge, or the host's end of a pair. */
const BY_LINK: readonly (readonly [OwnTable, string])[] = [
  ["inet", "bridges"],
  ["inet", "icc"],
  ["inet", "internal"],
  ["inet", "guarded"],
  ["inet", "linked4"],
  ["inet", "linked6"],
  ["inet", "admitted4"],
  ["inet", "admitted6"],
  ["inet", "exposed4"],
  ["inet", "exposed6"],
  ["guard", "ports"],
  ["guard", "senders"],
  ["guard", "owners4"],
  ["guard", "owners6"],
  ["guard", "senders6"],
  ["guard", "separated"],
  ["guard", "linked"],
];

function gone({ host }: Patient): readonly Finding[] {
  const there = new Set(host.links.map(({ name }) => name));
  const found = BY_LINK.flatMap(([table, set]) =>
    (elementsOf(host, table, set) ?? [])
      .map(({ key }) => new Parts(key).link())
      .filter((name) => name !== "" && !there.has(name))
      .map((name) => ({ set, name })),
  );
  if (found.length === 0) return [];
  const names = found.map(({ name }) => name);
  return [
    {
      check: NAME,
      severity: "note",
      title: `Drawbridge's sets speak of ${new Set(names).size === 1 ? "a link that is" : "links that are"} gone: ${listed(names)}`,
      evidence: found.slice(0, SHOWN).map(({ set, name }) => `@${set}: "${name}" …`),
      cause:
        "A link was taken away while no engine ran, or by somebody else. The elements match nothing, until a link of that name is made again: then they would speak of it.",
      fixes: [RESTART],
      about: { namespace: host.id },
    },
  ];
}

const PUBLISHED = [
  ["published4", 4],
  ["published4_any", 4],
  ["published6", 6],
  ["published6_any", 6],
] as const;

const textOf = (address: Address): string => formatAddress(address);

function held({ namespaces, engines }: Topology): ReadonlySet<string> {
  const held = new Set<string>();
  for (const { addresses } of namespaces.values())
    for (const { address } of addresses) held.add(textOf(address.address));
  for (const { containers } of engines)
    for (const { endpoints } of containers)
      for (const { addresses } of endpoints) for (const { address } of addresses) held.add(textOf(address));
  return held;
}

function nowhere({ topology, host }: Patient): readonly Finding[] {
  const owners = held(topology);
  const found = PUBLISHED.flatMap(([set, family]) =>
    (elementsOf(host, "inet", set) ?? []).flatMap(({ data }) => {
      const address = data && textOf(new Parts(data).address(family));
      return address === undefined || owners.has(address) ? [] : [{ set, address }];
    }),
  );
  if (found.length === 0) return [];
  return [
    {
      check: NAME,
      severity: "risk",
      title: `published ports lead to ${listed(found.map(({ address }) => address))}, which no container has`,
      evidence: found.slice(0, SHOWN).map(({ set, address }) => `@${set}: … : ${address} . …`),
      cause:
        "A container is gone and its ports are still led to it: it was taken away while no engine ran, or the sets were changed by hand. Whoever comes to such a port gets no answer, and the next container with that address gets connections that are not meant for it.",
      fixes: [RESTART],
      about: { namespace: host.id },
    },
  ];
}

/** Keys of a set, as text, for many to be looked up. */
const keysOf = (elements: readonly NftElement[] | undefined): ReadonlySet<string> =>
  new Set((elements ?? []).map(({ key }) => Buffer.from(key).toString("hex")));

const ownerKey = (link: string, mac: Uint8Array, address: Address): string => {
  const name = Buffer.alloc(16);
  name.write(link, "latin1");
  const ip = address.bits.toString(16).padStart(address.family === 4 ? 8 : 32, "0");
  return `${name.toString("hex")}${Buffer.from(mac).toString("hex")}0000${ip}`;
};

function missing(patient: Patient): readonly Finding[] {
  const own = attachmentsOf(patient).filter(({ network }) => network.engine.kind === "drawbridge");
  return [...unowned(patient, own), ...unpublished(patient, own)];
}

/** Of networks with a spoof guard: what a container sends with an address that is not its own is dropped. */
function unowned({ host }: Patient, own: readonly Attachment[]): readonly Finding[] {
  const owners = {
    4: keysOf(elementsOf(host, "guard", "owners4")),
    6: keysOf(elementsOf(host, "guard", "owners6")),
  };
  const hurt = own.flatMap(({ resident, network, endpoint, port }) => {
    const { mac } = endpoint;
    if (!port || !mac || network.network.options["drawbridge.spoof-guard"] === "false") return [];
    return endpoint.addresses
      .map(({ address }) => address)
      .filter((address) => !owners[address.family].has(ownerKey(port.name, macBytes(mac), address)))
      .map((address) => ({ resident, port, mac, address }));
  });
  const [first] = hurt;
  if (!first) return [];
  const names = hurt.map(({ resident }) => resident.of.name);
  return [
    {
      check: NAME,
      severity: "broken",
      title: `${containersNamed(names)} can't send: the engine's spoof guard does not know ${hurt.length === 1 ? textOf(first.address) : "their addresses"}`,
      evidence: hurt
        .slice(0, SHOWN)
        .map(
          ({ port, mac, address }) =>
            `@owners${address.family} has no "${port.name}" . ${mac} . ${textOf(address)}`,
        ),
      cause:
        "Ports of Drawbridge's bridges pass what comes from the addresses that are in its sets, and drop the rest. The elements were deleted, or never added: the tables were changed by hand, or the engine was stopped half-way.",
      fixes: [RESTART],
      about: { namespace: host.id, ...(new Set(names).size === 1 && { container: names[0] ?? "" }) },
    },
  ];
}

const NUMBERS = { tcp: 6, udp: 17, sctp: 132 } as const;

/** By protocol and port of the host, where each leads. */
function ledBy(patient: Patient): ReadonlyMap<string, ReadonlySet<string>> {
  const led = new Map<string, Set<string>>();
  for (const set of ["published4", "published4_any"] as const)
    for (const { key, data } of elementsOf(patient.host, "inet", set) ?? []) {
      const parts = new Parts(key);
      const protocol = parts.number();
      if (set === "published4") parts.address(4);
      const at = `${protocol} ${parts.port()}`;
      const to = new Parts(data ?? new Uint8Array());
      const places = led.get(at) ?? new Set();
      led.set(at, places.add(`${textOf(to.address(4))} ${to.port()}`));
    }
  return led;
}

/** IPv4, of containers on one network that translates: others may be led by another way. */
function unpublished(patient: Patient, own: readonly Attachment[]): readonly Finding[] {
  const plain = new Set(
    bridgeNetworks(patient).filter(
      ({ network }) =>
        !network.internal &&
        !Object.entries(network.options).some(
          ([key, value]) => /gateway_mode_ipv4$/.test(key) && value !== "nat",
        ),
    ),
  );
  const led = ledBy(patient);
  return own.flatMap(({ resident, network, endpoint }) => {
    const address = endpoint.addresses.map((one) => one.address).find(({ family }) => family === 4);
    if (!address || !plain.has(network) || resident.of.endpoints.length !== 1) return [];
    const lost = resident.of.ports.flatMap((port) => {
      const { host } = port;
      if (!host || host.address?.family === 6) return [];
      const places = led.get(`${NUMBERS[port.protocol]} ${host.port}`);
      return places?.has(`${textOf(address)} ${port.containerPort}`) ? [] : [{ resident, port, host }];
    });
    const [first] = lost;
    if (!first) return [];
    return [
      {
        check: NAME,
        severity: "broken" as const,
        title: `${lost.length === 1 ? "port" : "ports"} ${listed(lost.map(({ port, host }) => `${host.port}/${port.protocol}`))} of ${resident.of.name} ${lost.length === 1 ? "is" : "are"} published, and the engine's sets do not lead there`,
        evidence: lost
          .slice(0, SHOWN)
          .map((one) => `neither @published4 nor @published4_any has ${shownPort(one)}`),
        cause:
          "A published port is an element of a map. It was deleted, or is led to another container: whoever comes there gets this machine, or that one.",
        fixes: [RESTART],
        about: { namespace: patient.host.id, container: resident.of.name },
      },
    ];
  });
}
