/** What a spec comes to: places with links and addresses, and the steps that make them. */
import type { TopologySpec } from "./random-topology.ts";

/** Something to be done in a namespace: for the test by itself, for people as shell commands. */
export type Step =
  | { readonly in: string; readonly make: "namespace" }
  | { readonly in: string; readonly sysctls: Readonly<Record<string, string | number>> }
  /** Lines of `ip -batch`; of what is amiss, some may be refused. */
  | { readonly in: string; readonly ip: readonly string[]; readonly refusable?: true }
  | { readonly in: string; readonly nft: string; readonly refusable?: true }
  /** What iptables-save would print. */
  | { readonly in: string; readonly restore: string; readonly input: string };

export interface Leaf {
  readonly name: string;
  /** Of the bridge's end. */
  readonly port: string;
  readonly mac: string;
  readonly address4: string;
  readonly address6: string;
  readonly second4?: string;
}

export interface Bridge {
  readonly name: string;
  readonly number: number;
  readonly icc: boolean;
  readonly twoSubnets: boolean;
  readonly subnet4: string;
  readonly subnet6: string;
  readonly gateway4: string;
  readonly gateway6: string;
  readonly leaves: readonly Leaf[];
}

export interface World {
  readonly bridges: readonly Bridge[];
  readonly leaves: readonly Leaf[];
  /** Names of all namespaces: `hub` first, `out` last. */
  readonly places: readonly string[];
  /** Links of each, by which something comes in. */
  readonly links: Readonly<Record<string, readonly string[]>>;
  /** All addresses that somebody has, with his name. */
  readonly addresses: readonly { readonly place: string; readonly address: string }[];
  readonly router: boolean;
}

export const UPLINK = {
  host4: "203.0.113.2",
  host6: "2001:db8:1::2",
  far4: "203.0.113.1",
  far6: "2001:db8:1::1",
};
const OUTSIDE = {
  own4: "198.51.100.2",
  own6: "2001:db8:2::2",
  router4: "198.51.100.1",
  router6: "2001:db8:2::1",
};

const hex = (number: number): string => number.toString(16).padStart(2, "0");

function bridgeOf({ leaves, icc, twoSubnets }: TopologySpec["bridges"][number], at: number): Bridge {
  const number = at + 1;
  const letter = "abc"[at] ?? "x";
  return {
    name: `br${number}`,
    number,
    icc,
    twoSubnets,
    subnet4: `10.${number}.0.0/24`,
    subnet6: `fd00:${number}::/64`,
    gateway4: `10.${number}.0.1`,
    gateway6: `fd00:${number}::1`,
    leaves: Array.from({ length: leaves }, (_, i) => ({
      name: `${letter}${i + 1}`,
      port: `v${letter}${i + 1}`,
      mac: `02:42:0a:${hex(number)}:00:${hex(i + 2)}`,
      address4: `10.${number}.0.${i + 2}`,
      address6: `fd00:${number}::${i + 2}`,
      ...(twoSubnets && { second4: `10.${number + 10}.0.${i + 2}` }),
    })),
  };
}

export function worldOf(spec: TopologySpec): World {
  const bridges = spec.bridges.map(bridgeOf);
  const leaves = bridges.flatMap((bridge) => bridge.leaves);
  const own = (place: string, ...addresses: readonly (string | undefined)[]) =>
    addresses.filter((address) => address !== undefined).map((address) => ({ place, address }));
  return {
    bridges,
    leaves,
    router: spec.router,
    places: ["hub", ...leaves.map(({ name }) => name), ...(spec.router ? ["router"] : []), "out"],
    links: {
      hub: [...bridges.map(({ name }) => name), "wan0"],
      ...Object.fromEntries(leaves.map(({ name }) => [name, ["eth0"]])),
      ...(spec.router && { router: ["eth0", "eth1"] }),
      out: ["eth0"],
    },
    addresses: [
      ...leaves.flatMap(({ name, address4, address6, second4 }) => own(name, address4, address6, second4)),
      ...own("out", OUTSIDE.own4, OUTSIDE.own6),
      ...own("hub", UPLINK.host4, UPLINK.host6),
      ...bridges.flatMap(({ gateway4, gateway6 }) => own("hub", gateway4, gateway6)),
      ...own(spec.router ? "router" : "out", UPLINK.far4, UPLINK.far6),
    ],
  };
}

/** Alike everywhere, whatever the machine's defaults are. Errors are not limited: each probe shall be told. */
const settings = (forwards: boolean): Record<string, string | number> => ({
  "net.ipv4.ip_forward": forwards ? 1 : 0,
  "net.ipv6.conf.all.forwarding": forwards ? 1 : 0,
  "net.ipv6.conf.default.accept_dad": 0,
  "net.ipv6.conf.default.router_solicitations": 0,
  "net.ipv4.conf.all.rp_filter": 0,
  "net.ipv4.conf.default.rp_filter": 0,
  "net.ipv4.icmp_ratelimit": 0,
  "net.ipv6.icmp.ratelimit": 0,
});

/** Neighbours that don't answer are given up in a moment. */
export const impatient = (links: readonly string[]): Record<string, string | number> =>
  Object.fromEntries(
    links.flatMap((link) => [4, 6].map((v) => [`net.ipv${v}.neigh.${link}.retrans_time_ms`, 10])),
  );

const address = (text: string, dev: string): string =>
  `addr add ${text} dev ${dev}${text.includes(":") ? " nodad" : ""}`;
const routes = (to4: string, to6: string, via4: string, via6: string): string[] => [
  `route add ${to4} via ${via4}`,
  `route add ${to6} via ${via6}`,
];

/** Without what is amiss, and without rules. */
export function stepsOf(spec: TopologySpec, world: World): Step[] {
  const { bridges, leaves, places, links, router } = world;
  const farEnd = router ? "router" : "out";
  return [
    ...places.map((place): Step => ({ in: place, make: "namespace" })),
    ...places.map((place): Step => ({ in: place, sysctls: settings(place === "hub" || place === "router") })),
    {
      in: "hub",
      ip: [
        "link set lo up",
        ...bridges.flatMap(hostSide),
        `link add wan0 type veth peer name eth0 netns ${farEnd}`,
        ...[`${UPLINK.host4}/24`, `${UPLINK.host6}/64`].map((one) => address(one, "wan0")),
        "link set wan0 up",
      ],
    },
    ...(router ? [routerSide()] : []),
    { in: "out", ip: outside(spec) },
    ...bridges.flatMap((bridge) => bridge.leaves.map((leaf): Step => leafSide(bridge, leaf))),
    { in: "hub", ip: routes("default", "default", UPLINK.far4, UPLINK.far6) },
    ...(router ? [{ in: "router", ip: beyond(spec) }] : []),
    ...places.map((place): Step => ({ in: place, sysctls: impatient(links[place] ?? []) })),
    ...bridgeNetfilter(spec),
    ...leaves.map(({ name }): Step => ({ in: name, ip: [asked("eth0")] })),
    { in: "hub", ip: [...leaves.map(({ port }) => port), ...(links.hub ?? [])].map(asked) },
  ];
}

/** Who asks for a link brings its carrier up to date, which the kernel takes up to a second for. */
const asked = (link: string): string => `link show dev ${link}`;

function bridgeNetfilter({ callIptables }: TopologySpec): Step[] {
  const value = callIptables ? 1 : 0;
  const keys = ["net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"];
  return [{ in: "hub", sysctls: Object.fromEntries(keys.map((key) => [key, value])) }];
}

function hostSide({ name, number, gateway4, gateway6, twoSubnets, leaves }: Bridge): string[] {
  return [
    `link add ${name} type bridge`,
    address(`${gateway4}/24`, name),
    ...(twoSubnets ? [address(`10.${number + 10}.0.1/24`, name)] : []),
    address(`${gateway6}/64`, name),
    `link set ${name} up`,
    ...leaves.flatMap((leaf) => [
      `link add ${leaf.port} type veth peer name eth0 address ${leaf.mac} netns ${leaf.name}`,
      `link set ${leaf.port} master ${name} up`,
    ]),
  ];
}

function leafSide({ gateway4, gateway6 }: Bridge, { name, address4, address6, second4 }: Leaf): Step {
  return {
    in: name,
    ip: [
      "link set lo up",
      address(`${address4}/24`, "eth0"),
      ...(second4 ? [address(`${second4}/24`, "eth0")] : []),
      address(`${address6}/64`, "eth0"),
      "link set eth0 up",
      ...routes("default", "default", gateway4, gateway6),
    ],
  };
}

const routerSide = (): Step => ({
  in: "router",
  ip: [
    "link set lo up",
    ...[`${UPLINK.far4}/24`, `${UPLINK.far6}/64`].map((one) => address(one, "eth0")),
    "link set eth0 up",
    "link add eth1 type veth peer name eth0 netns out",
    ...[`${OUTSIDE.router4}/24`, `${OUTSIDE.router6}/64`].map((one) => address(one, "eth1")),
    "link set eth1 up",
  ],
});

const beyond = ({ routedBack }: TopologySpec): string[] =>
  routedBack ? routes("10.0.0.0/8", "fd00::/16", UPLINK.host4, UPLINK.host6) : [];

function outside({ router, routedBack }: TopologySpec): string[] {
  const own = (dev: string) => [`${OUTSIDE.own4}/24`, `${OUTSIDE.own6}/64`].map((one) => address(one, dev));
  if (router) {
    const way = routes("default", "default", OUTSIDE.router4, OUTSIDE.router6);
    return ["link set lo up", ...own("eth0"), "link set eth0 up", ...way];
  }
  return [
    "link set lo up",
    ...own("lo"),
    ...[`${UPLINK.far4}/24`, `${UPLINK.far6}/64`].map((one) => address(one, "eth0")),
    "link set eth0 up",
    ...(routedBack ? routes("10.0.0.0/8", "fd00::/16", UPLINK.host4, UPLINK.host6) : []),
  ];
}

export interface Published {
  readonly bridge: Bridge;
  readonly leaf: Leaf;
  readonly protocol: "tcp" | "udp";
  readonly hostPort: number;
  /** At the uplink's own address, or at any. */
  readonly bound: boolean;
}

/** Each engine publishes port 80 of the first leaf as 8080, by TCP and UDP, and of the last one as 8081, by TCP. */
export function publishedIn({ bridges }: World): readonly Published[] {
  const [first] = bridges;
  const last = bridges.at(-1);
  const [one, other] = [first?.leaves[0], last?.leaves.at(-1)];
  if (!first || !last || !one || !other) return [];
  return [
    ...(["tcp", "udp"] as const).map((protocol) => ({
      bridge: first,
      leaf: one,
      protocol,
      hostPort: 8080,
      bound: false,
    })),
    { bridge: last, leaf: other, protocol: "tcp", hostPort: 8081, bound: true },
  ];
}
