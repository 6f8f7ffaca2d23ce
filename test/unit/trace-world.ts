/** A machine made by hand: a host with two bridge networks, `web` on net-a and `db` on net-b, and a neighbour outside. */
import { type Address, macOf, parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { EMPTY_RULESET } from "../../src/linux/nftables/program.ts";
import type {
  Engine,
  EngineContainer,
  EngineNetwork,
  Namespace,
  NamespaceId,
  ObservedAddress,
  ObservedLink,
  ObservedRoute,
  Topology,
} from "../../src/observe/types.ts";
import type { Hop, RuleRef, Seen, Sight } from "../../src/trace/types.ts";

export const id = (number: number): NamespaceId => number as NamespaceId;
export const [HOST, WEB, DB, OUTSIDE] = [id(1), id(2), id(3), id(4)];

export function link(ifindex: number, name: string, more: Partial<ObservedLink> = {}): ObservedLink {
  return {
    ifindex,
    name,
    hardware: 1,
    mtu: 1500,
    up: true,
    carrier: true,
    operState: 6,
    loopback: name === "lo",
    promiscuous: false,
    noArp: false,
    counters: {
      rxBytes: 0n,
      rxPackets: 0n,
      rxErrors: 0n,
      rxDropped: 0n,
      txBytes: 0n,
      txPackets: 0n,
      txErrors: 0n,
      txDropped: 0n,
    },
    xdp: false,
    ...more,
  };
}

export function address(ifindex: number, prefix: string): ObservedAddress {
  return {
    ifindex,
    address: parsePrefix(prefix),
    scope: prefix.startsWith("127.") || prefix.startsWith("::1/") ? 254 : 0,
    tentative: false,
    duplicate: false,
    deprecated: false,
    secondary: false,
  };
}

export function defaultRoute(via: string, ifindex: number): ObservedRoute {
  const gateway = parseAddress(via);
  return {
    family: gateway.family,
    to: { address: { family: gateway.family, bits: 0n }, length: 0 },
    tos: 0,
    table: 254,
    type: 1,
    scope: 0,
    protocol: 3,
    metric: 0,
    hops: [{ via: gateway, ifindex, flags: 0, weight: 1 }],
  };
}

export function namespace(number: NamespaceId, name: string, more: Partial<Namespace> = {}): Namespace {
  return {
    id: number,
    name,
    host: false,
    pids: [100 + number],
    pins: [],
    path: `/proc/${100 + number}/ns/net`,
    links: [],
    addresses: [],
    routes: [],
    rules: [],
    neighbours: [],
    forwarding: [],
    sockets: [],
    sysctls: new Map(),
    nft: EMPTY_RULESET,
    xtables: [],
    unread: [],
    ...more,
  };
}

export function container(name: string, more: Partial<EngineContainer> = {}): EngineContainer {
  return {
    engine: "drawbridge",
    id: Buffer.from(name).toString("hex").padEnd(64, "0"),
    name,
    image: "busybox",
    state: "running",
    pid: 0,
    networkMode: "bridge",
    endpoints: [],
    ports: [],
    ...more,
  };
}

export function network(name: string, subnet: string, more: Partial<EngineNetwork> = {}): EngineNetwork {
  return {
    id: `id of ${name}`,
    name,
    driver: "bridge",
    bridge: `br-${name}`,
    subnets: [
      { subnet: parsePrefix(subnet), gateway: { family: 4, bits: parsePrefix(subnet).address.bits + 1n } },
    ],
    internal: false,
    icc: true,
    ipv6: false,
    options: {},
    ...more,
  };
}

export const on = (name: string, prefix: string) => ({
  network: name,
  networkId: `id of ${name}`,
  addresses: [parsePrefix(prefix)],
  gateways: [],
  aliases: [],
});

export interface Parts {
  readonly web?: Partial<EngineContainer>;
  readonly db?: Partial<EngineContainer>;
  readonly networks?: readonly EngineNetwork[];
  readonly namespaces?: readonly Namespace[];
  readonly engines?: readonly Engine[];
}

const LOOPBACK = link(1, "lo");
const OWN = address(1, "127.0.0.1/8");

/** Parts take the place of those of the same namespace id. */
export function world(parts: Parts = {}): Topology {
  const web = container("web", { endpoints: [on("net-a", "10.1.0.2/24")], ...parts.web });
  const db = container("db", { endpoints: [on("net-b", "10.2.0.2/24")], ...parts.db });
  const host = namespace(HOST, "host", {
    host: true,
    links: [
      LOOPBACK,
      link(2, "eth0", { kind: "veth", other: { ifindex: 2, namespace: OUTSIDE } }),
      link(3, "br-net-a", { kind: "bridge" }),
      link(4, "br-net-b", { kind: "bridge" }),
      link(5, "veth-web", { kind: "veth", master: 3, other: { ifindex: 2, namespace: WEB } }),
      link(6, "veth-db", { kind: "veth", master: 4, other: { ifindex: 2, namespace: DB } }),
    ],
    addresses: [OWN, address(2, "203.0.113.2/24"), address(3, "10.1.0.1/24"), address(4, "10.2.0.1/24")],
    routes: [defaultRoute("203.0.113.1", 2)],
  });
  const inner = (number: NamespaceId, of: EngineContainer, prefix: string, gateway: string) =>
    namespace(number, of.name, {
      container: of,
      links: [LOOPBACK, link(2, "eth0", { kind: "veth", other: { ifindex: 3 + number, namespace: HOST } })],
      addresses: [OWN, address(2, prefix)],
      routes: [defaultRoute(gateway, 2)],
    });
  const all = [
    host,
    inner(WEB, web, "10.1.0.2/24", "10.1.0.1"),
    inner(DB, db, "10.2.0.2/24", "10.2.0.1"),
    namespace(OUTSIDE, "out", {
      links: [LOOPBACK, link(2, "up", { kind: "veth", other: { ifindex: 2, namespace: HOST } })],
      addresses: [OWN, address(2, "203.0.113.1/24")],
    }),
    ...(parts.namespaces ?? []),
  ];
  const networks = parts.networks ?? [network("net-a", "10.1.0.0/24"), network("net-b", "10.2.0.0/24")];
  const engine: Engine = {
    kind: "drawbridge",
    socket: "/run/x.sock",
    version: "1",
    containers: [web, db],
    networks,
  };
  return {
    readAt: 0,
    namespaces: new Map(all.map((one) => [one.id, one])),
    host: HOST,
    engines: parts.engines ?? [engine],
    unread: [],
  };
}

/** `10.1.0.2:40000 > 10.2.0.2:5432`, TCP; without ports ICMP. */
export function sight(text: string, more: Partial<Sight> = {}): Sight {
  const [from = "", to = ""] = text.split(" > ");
  const part = (end: string): readonly [Address, number | undefined] => {
    const [, host = end, port] = /^(.*):(\d+)$/.exec(end) ?? [];
    return [parseAddress(host), port === undefined ? undefined : Number(port)];
  };
  const [source, sourcePort] = part(from);
  const [destination, destinationPort] = part(to);
  return {
    family: source.family,
    protocol: sourcePort === undefined ? 1 : 6,
    source,
    destination,
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
    sourceMac: macOf(source),
    ttl: 64,
    mark: 0,
    ...more,
  };
}

export const nftRule = (
  namespaceId: NamespaceId,
  table: string,
  chain: string,
  handle?: number,
  text?: string,
): RuleRef => ({
  in: "nft",
  namespace: namespaceId,
  family: "inet",
  table,
  chain,
  ...(handle !== undefined && { handle }),
  ...(text !== undefined && { text }),
});

/** A hop at a tap, and what the tap sees. */
export const tapHop = (
  kind: "in" | "out",
  at: NamespaceId,
  ifindex: number,
  name: string,
  packet: Sight,
  direction: Hop["direction"] = "there",
): Hop => ({ namespace: at, event: { kind, link: { namespace: at, ifindex }, name }, packet, direction });

export const tapSeen = (
  way: "in" | "out",
  at: NamespaceId,
  ifindex: number,
  name: string,
  packet: Sight,
  nanoseconds: number,
  direction: Hop["direction"] = "there",
): Seen => ({
  kind: "tap",
  at: BigInt(nanoseconds),
  namespace: at,
  link: { namespace: at, ifindex },
  name,
  way,
  packet,
  direction,
});
