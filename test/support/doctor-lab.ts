/** Small hosts out of nothing, for checks: what matters to a check is given, the rest is as on a healthy one. */

import { patientOf } from "../../src/doctor/patient.ts";
import type { Check, Finding, Tools } from "../../src/doctor/types.ts";
import {
  formatAddress,
  macFromBytes,
  parseAddress,
  parseMac,
  parsePrefix,
  subnetOf,
  widthOf,
} from "../../src/lib/ip.ts";
import { EMPTY_RULESET } from "../../src/linux/nftables/program.ts";
import type { XtTable } from "../../src/linux/xtables/types.ts";
import type {
  Engine,
  EngineContainer,
  EngineNetwork,
  Namespace,
  NamespaceId,
  ObservedAddress,
  ObservedLink,
  ObservedNeighbour,
  ObservedRoute,
  PolicyRule,
  Topology,
} from "../../src/observe/types.ts";
import { fromIptablesSave } from "../../src/trace/firewall/xt/save.ts";

export const HOST = 1 as NamespaceId;
export const WEB = 2 as NamespaceId;
export const DB = 3 as NamespaceId;

const NOTHING = {
  rxBytes: 0n,
  rxPackets: 0n,
  rxErrors: 0n,
  rxDropped: 0n,
  txBytes: 0n,
  txPackets: 0n,
  txErrors: 0n,
  txDropped: 0n,
};

export const SETTINGS: NonNullable<ObservedLink["settings"]> = {
  forwarding4: true,
  reversePathFilter: 0,
  routeLocalnet: false,
  proxyArp: false,
  arpIgnore: 0,
  arpAnnounce: 0,
  acceptLocal: false,
  sourceValidMark: false,
  sendRedirects: true,
  forwarding6: true,
  disableIpv6: false,
  acceptRa: 0,
  proxyNdp: false,
};

export const link = (ifindex: number, name: string, more: Partial<ObservedLink> = {}): ObservedLink => ({
  ifindex,
  name,
  hardware: 1,
  mac: macFromBytes(Uint8Array.of(2, 0, 0, 0, ifindex >> 8, ifindex & 0xff)),
  mtu: 1500,
  up: true,
  carrier: true,
  operState: 6,
  loopback: false,
  promiscuous: false,
  noArp: false,
  settings: SETTINGS,
  counters: NOTHING,
  xdp: false,
  ...more,
});

export const PORT: NonNullable<ObservedLink["port"]> = {
  state: 3,
  hairpin: true,
  isolated: false,
  learning: true,
  unicastFlood: true,
  neighSuppress: false,
};

export const address = (
  ifindex: number,
  text: string,
  more: Partial<ObservedAddress> = {},
): ObservedAddress => ({
  ifindex,
  address: parsePrefix(text),
  scope: 0,
  tentative: false,
  duplicate: false,
  deprecated: false,
  secondary: false,
  ...more,
});

/** `0.0.0.0/0 via 203.0.113.1`, or with no gateway. */
export const route = (
  to: string,
  ifindex: number,
  via?: string,
  more: Partial<ObservedRoute> = {},
): ObservedRoute => ({
  family: parsePrefix(to).address.family,
  to: subnetOf(parsePrefix(to)),
  tos: 0,
  table: 254,
  type: 1,
  scope: via === undefined ? 253 : 0,
  protocol: via === undefined ? 2 : 3,
  metric: 0,
  hops: [{ ifindex, flags: 0, weight: 1, ...(via !== undefined && { via: parseAddress(via) }) }],
  ...more,
});

export const neighbour = (
  ifindex: number,
  ip: string,
  mac: string | undefined,
  state = 0x02,
): ObservedNeighbour => ({
  ifindex,
  address: parseAddress(ip),
  ...(mac !== undefined && { mac: parseMac(mac) }),
  state,
  proxy: false,
});

/** What a namespace begins with, ip-rule(8). */
const POLICY: readonly PolicyRule[] = ([4, 6] as const).flatMap((family) =>
  (
    [
      [0, 255],
      [32766, 254],
      [32767, 253],
    ] as const
  ).map(([priority, table]) => ({
    family,
    priority,
    not: false,
    vrf: false,
    action: { do: "table" as const, table },
  })),
);

/** What the kernel adds with each address: who has it takes what is for it. */
const withLocalRoutes = (of: Namespace): Namespace => ({
  ...of,
  routes: [
    ...of.routes,
    ...of.addresses.map(({ ifindex, address: { address: ip } }) =>
      route(`${formatAddress(ip)}/${widthOf(ip.family)}`, ifindex, undefined, {
        table: 255,
        type: 2,
        scope: 254,
        preferredSource: ip,
      }),
    ),
  ],
});

/** As dockerd leaves them, as far as checks look: its chains are there, what leaves is translated, and nothing is dropped. */
const dockersWith = (
  policy: "ACCEPT" | "DROP",
  more: { filter?: string; nat?: string } = {},
): readonly XtTable[] =>
  fromIptablesSave(
    `*filter
:FORWARD ${policy}
:DOCKER -
:DOCKER-USER -
${more.filter ?? ""}
COMMIT
*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
${more.nat ?? ""}
COMMIT
`,
    4,
  );

export const DOCKERS = dockersWith("ACCEPT");

/** And rules beside them, as iptables-save(8) writes them. */
export const dockersAnd = (more: { filter?: string; nat?: string }): readonly XtTable[] =>
  dockersWith("ACCEPT", more);

/** The policy of FORWARD that dockerd sets, without the rules that make up for it. */
export const FORWARD_DROP = dockersWith("DROP");

export const namespace = (id: NamespaceId, name: string, more: Partial<Namespace> = {}): Namespace => ({
  id,
  name,
  host: id === HOST,
  pids: [id * 100],
  pins: [],
  path: `/proc/${id * 100}/ns/net`,
  links: [],
  addresses: [],
  routes: [],
  rules: POLICY,
  neighbours: [],
  forwarding: [],
  sockets: [],
  sysctls: new Map(),
  nft: EMPTY_RULESET,
  xtables: [],
  unread: [],
  ...more,
});

export const container = (
  name: string,
  ip: string,
  more: Partial<EngineContainer> = {},
): EngineContainer => ({
  engine: "docker",
  id: name.repeat(16).slice(0, 12).padEnd(64, "0"),
  name,
  image: "busybox",
  state: "running",
  pid: 0,
  networkMode: "bridge",
  endpoints: [
    {
      network: "bridge",
      networkId: "net1",
      addresses: [parsePrefix(`${ip}/16`)],
      gateways: [parseAddress("172.17.0.1")],
      aliases: [],
    },
  ],
  ports: [],
  ...more,
});

export const BRIDGE: EngineNetwork = {
  id: "net1",
  name: "bridge",
  driver: "bridge",
  bridge: "docker0",
  subnets: [{ subnet: parsePrefix("172.17.0.0/16"), gateway: parseAddress("172.17.0.1") }],
  internal: false,
  icc: true,
  ipv6: false,
  options: {},
};

/** What a test changes of the healthy host. */
export interface Changes {
  readonly host?: (host: Namespace) => Namespace;
  readonly web?: (web: Namespace) => Namespace;
  readonly db?: (db: Namespace) => Namespace;
  readonly network?: Partial<EngineNetwork>;
  readonly engine?: Partial<Engine>;
  readonly webContainer?: Partial<EngineContainer>;
  readonly more?: readonly Namespace[];
}

/**
 * A host with eth0 (203.0.113.2, gateway .1) and docker0 (172.17.0.1/16), containers web (.2) and db (.3) on it. Links of
 * the host: 1 lo, 2 eth0, 3 docker0, 4 vethweb, 5 vethdb; of a container: 1 lo, 2 eth0.
 */
export function lab(changes: Changes = {}): Topology {
  const same = <T>(value: T): T => value;
  const loopback = link(1, "lo", { loopback: true, hardware: 772, mtu: 65536 });
  const home = (id: NamespaceId, name: string, ip: string, port: number, of: EngineContainer) =>
    namespace(id, name, {
      container: of,
      links: [
        loopback,
        link(2, "eth0", {
          kind: "veth",
          mac: parseMac(`02:42:ac:11:00:0${ip.at(-1)}`),
          other: { ifindex: port, namespace: HOST },
        }),
      ],
      addresses: [address(1, "127.0.0.1/8", { scope: 254 }), address(2, `${ip}/16`)],
      routes: [route("0.0.0.0/0", 2, "172.17.0.1"), route("172.17.0.0/16", 2)],
      sysctls: new Map([["net.ipv4.ip_forward", "0"]]),
    });
  const of = container("web", "172.17.0.2", changes.webContainer);
  const db = container("db", "172.17.0.3");
  const port = { kind: "veth", master: 3, port: PORT };
  const host = namespace(HOST, "host", {
    links: [
      loopback,
      link(2, "eth0"),
      link(3, "docker0", { kind: "bridge" }),
      link(4, "vethweb", { ...port, other: { ifindex: 2, namespace: WEB } }),
      link(5, "vethdb", { ...port, other: { ifindex: 2, namespace: DB } }),
    ],
    addresses: [
      address(1, "127.0.0.1/8", { scope: 254 }),
      address(2, "203.0.113.2/24"),
      address(3, "172.17.0.1/16"),
    ],
    routes: [route("0.0.0.0/0", 2, "203.0.113.1"), route("203.0.113.0/24", 2), route("172.17.0.0/16", 3)],
    xtables: DOCKERS,
    sysctls: new Map([
      ["net.ipv4.ip_forward", "1"],
      ["net.ipv6.conf.all.forwarding", "1"],
      ["net.ipv4.conf.all.rp_filter", "0"],
    ]),
  });
  const spaces = [
    (changes.host ?? same)(host),
    (changes.web ?? same)(home(WEB, "web", "172.17.0.2", 4, of)),
    (changes.db ?? same)(home(DB, "db", "172.17.0.3", 5, db)),
    ...(changes.more ?? []),
  ].map(withLocalRoutes);
  const engine: Engine = {
    kind: "docker",
    socket: "/var/run/docker.sock",
    version: "28.0.0",
    containers: spaces.flatMap((one) => (one.container ? [one.container] : [])),
    networks: [{ ...BRIDGE, ...changes.network }],
    ...changes.engine,
  };
  return {
    readAt: 0,
    namespaces: new Map(spaces.map((one) => [one.id, one])),
    host: HOST,
    engines: [engine],
    unread: [],
  };
}

/** A namespace with one of its links changed. */
export const withLink =
  (name: string, change: Partial<ObservedLink>) =>
  (of: Namespace): Namespace => ({
    ...of,
    links: of.links.map((one) => (one.name === name ? { ...one, ...change } : one)),
  });

/** A namespace with other sysctls; undefined takes one away. */
export const withSysctls =
  (change: Readonly<Record<string, string | undefined>>) =>
  (of: Namespace): Namespace => {
    const sysctls = new Map(of.sysctls);
    for (const [key, value] of Object.entries(change))
      if (value === undefined) sysctls.delete(key);
      else sysctls.set(key, value);
    return { ...of, sysctls };
  };

/** Nothing answers, nothing is there. */
export const SILENT: Tools = {
  askName: async () => ({ answered: false, why: "no answer" }),
  whoHas: async () => [],
  pathMtu: async () => undefined,
  readText: () => undefined,
  holderOf: () => undefined,
  readBack: () => EMPTY_RULESET,
};

/** What a check finds. */
export async function look(
  check: Check,
  topology: Topology,
  tools: Partial<Tools> = {},
  container?: string,
): Promise<readonly Finding[]> {
  return await check.look(patientOf(topology, { ...SILENT, ...tools }, container));
}

/** `broken forwarding-off: containers …`, a line each. */
export const said = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ severity, title }) => `${severity}: ${title}`);
