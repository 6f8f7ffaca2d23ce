/**
 * Topologies made by hand, as the kernel would tell them: with an address come its local, broadcast and subnet routes, with a
 * namespace its loopback and its three rules.
 *
 * ```ts
 * const machine = new Machine();
 * const host = machine.namespace("host", { forwards: true });
 * host.bridge("docker0", ["172.17.0.1/16"]);
 * const web = machine.container("web", host, "docker0", ["172.17.0.2/16"]);
 * web.listen("tcp", 80);
 * predict(machine.topology(), …)
 * ```
 */
import {
  type Address,
  type Family,
  firstOf,
  lastOf,
  type Mac,
  macOf,
  parseAddress,
  parsePrefix,
  widthOf,
} from "../../src/lib/ip.ts";
import { EMPTY_RULESET } from "../../src/linux/nftables/program.ts";
import type {
  ForwardingEntry,
  LinkSettings,
  ListeningSocket,
  Namespace,
  NamespaceId,
  ObservedAddress,
  ObservedConnection,
  ObservedLink,
  ObservedNeighbour,
  ObservedRoute,
  PolicyRule,
  PortSettings,
  Topology,
} from "../../src/observe/types.ts";

export const SETTINGS: LinkSettings = {
  forwarding4: false,
  reversePathFilter: 0,
  routeLocalnet: false,
  proxyArp: false,
  arpIgnore: 0,
  arpAnnounce: 0,
  acceptLocal: false,
  sourceValidMark: false,
  sendRedirects: true,
  forwarding6: false,
  disableIpv6: false,
  acceptRa: 0,
  proxyNdp: false,
};

const PORT: PortSettings = {
  state: 3,
  hairpin: false,
  isolated: false,
  learning: true,
  unicastFlood: true,
  neighSuppress: false,
};

const COUNTERS = {
  rxBytes: 0n,
  rxPackets: 0n,
  rxErrors: 0n,
  rxDropped: 0n,
  txBytes: 0n,
  txPackets: 0n,
  txErrors: 0n,
  txDropped: 0n,
};

const LOCAL = 255;
const MAIN = 254;

type Changes = Partial<Omit<ObservedLink, "ifindex" | "name" | "master" | "settings">> & {
  readonly settings?: Partial<LinkSettings>;
};

export class Place {
  readonly id: NamespaceId;
  readonly name: string;
  readonly forwards: boolean;
  readonly links: ObservedLink[] = [];
  readonly addresses: ObservedAddress[] = [];
  readonly routes: ObservedRoute[] = [];
  readonly rules: PolicyRule[] = [];
  readonly neighbours: ObservedNeighbour[] = [];
  readonly forwarding: ForwardingEntry[] = [];
  readonly sockets: ListeningSocket[] = [];
  readonly sysctls = new Map<string, string>();
  connections: readonly ObservedConnection[] | undefined;
  connectionCount: number | undefined;

  constructor(id: number, name: string, forwards: boolean) {
    this.id = id as NamespaceId;
    this.name = name;
    this.forwards = forwards;
    const on = forwards ? "1" : "0";
    this.sysctls.set("net.ipv4.ip_forward", on).set("net.ipv6.conf.all.forwarding", on);
    for (const family of [4, 6] as const) {
      for (const [priority, table] of [
        [0, LOCAL],
        [32766, MAIN],
        [32767, 253],
      ] as const)
        this.rules.push({ family, priority, not: false, vrf: false, action: { do: "table", table } });
    }
    this.link("lo", ["127.0.0.1/8", "::1/128"], { loopback: true, hardware: 772, mtu: 65536 });
  }

  /** A link with its addresses. Without a kind it is hardware. */
  link(
    name: string,
    addresses: readonly string[] = [],
    { settings, ...changes }: Changes = {},
  ): ObservedLink {
    const ifindex = this.links.length + 1;
    const mac = `02:00:00:00:${(Number(this.id) % 256).toString(16).padStart(2, "0")}:${ifindex.toString(16).padStart(2, "0")}`;
    this.links.push({
      ifindex,
      name,
      hardware: 1,
      ...(!changes.loopback && { mac: mac as Mac }),
      mtu: 1500,
      up: true,
      carrier: true,
      operState: 6,
      loopback: false,
      promiscuous: false,
      noArp: false,
      settings: { ...SETTINGS, forwarding4: this.forwards, forwarding6: this.forwards, ...settings },
      counters: COUNTERS,
      xdp: false,
      ...changes,
    });
    for (const address of addresses) this.address(name, address);
    return this.at(name);
  }

  bridge(name: string, addresses: readonly string[], changes: Changes = {}): ObservedLink {
    const bridge = {
      callIptables: false,
      callIp6tables: false,
      vlanFiltering: false,
      stp: false,
      ageing: 30000,
      multicastSnooping: true,
    };
    return this.link(name, addresses, { kind: "bridge", bridge, ...changes });
  }

  at(name: string): ObservedLink {
    const link = this.links.find((one) => one.name === name);
    if (!link) throw new Error(`no link ${name} in ${this.name}`);
    return link;
  }

  /** Some of what a link is, anew. */
  change(name: string, { settings, ...changes }: Changes & { readonly master?: number }): void {
    const link = this.at(name);
    const changed = { ...link, ...changes };
    this.links[this.links.indexOf(link)] = settings
      ? { ...changed, settings: { ...SETTINGS, ...link.settings, ...settings } }
      : changed;
  }

  enslave(name: string, bridge: string, port: Partial<PortSettings> = {}): void {
    this.change(name, { master: this.at(bridge).ifindex, port: { ...PORT, ...port } });
  }

  address(link: string, text: string, changes: Partial<ObservedAddress> = {}): void {
    const { ifindex } = this.at(link);
    const address = parsePrefix(text);
    const { family } = address.address;
    const host = this.at(link).loopback ? 254 : 0;
    const flags = { tentative: false, duplicate: false, deprecated: false, secondary: false };
    this.addresses.push({
      ifindex,
      address,
      scope: text.startsWith("fe80") ? 253 : host,
      ...flags,
      ...changes,
    });
    const own = { table: LOCAL, hops: [{ ifindex, flags: 0, weight: 1 }], scope: 254 };
    this.#route(family, `${textOf(address.address, family)}`, { ...own, type: 2 });
    if (this.at(link).loopback && family === 4) this.#route(4, text, { ...own, type: 2 });
    if (address.length === widthOf(family) || this.at(link).loopback) return;
    const preferredSource = family === 4 ? { preferredSource: address.address } : {};
    this.#route(family, text, { ...own, table: MAIN, type: 1, scope: 253, ...preferredSource });
    if (family === 4) this.#route(4, `${textOf(lastOf(address), 4)}`, { ...own, type: 3, scope: 253 });
  }

  /** `default via 10.0.0.1 dev eth0 table 7 metric 10 mtu 1400`, `prohibit 10.0.0.0/8`; several `via … dev …` of one. */
  route(text: string): void {
    const types: Readonly<Record<string, number>> = {
      blackhole: 6,
      unreachable: 7,
      prohibit: 8,
      throw: 9,
      local: 2,
    };
    const words = text.split(" ");
    const type = types[words[0] ?? ""];
    const [to = "", ...rest] = type === undefined ? words : words.slice(1);
    const of = (key: string) => rest.flatMap((word, i) => (word === key ? [rest[i + 1] ?? ""] : []));
    const [via, dev, [table], [metric], [mtu], [src]] = [
      of("via"),
      of("dev"),
      of("table"),
      of("metric"),
      of("mtu"),
      of("src"),
    ];
    const family: Family = [to, ...via].some((word) => word.includes(":")) ? 6 : 4;
    const hops = dev.map((name, i) => ({
      ifindex: this.at(name).ifindex,
      ...(via[i] && { via: parseAddress(via[i]) }),
      flags: 0,
      weight: 1,
    }));
    this.#route(family, to === "default" ? (family === 4 ? "0.0.0.0/0" : "::/0") : to, {
      table: Number(table ?? MAIN),
      type: type ?? 1,
      scope: via.length > 0 ? 0 : 253,
      metric: Number(metric ?? 0),
      ...(mtu && { mtu: Number(mtu) }),
      ...(src && { preferredSource: parseAddress(src) }),
      hops,
    });
  }

  #route(family: Family, text: string, changes: Partial<ObservedRoute>): void {
    const to = parsePrefix(text.includes("/") ? text : `${text}/${widthOf(family)}`);
    this.routes.push({
      family,
      to: { address: firstOf(to), length: to.length },
      tos: 0,
      table: MAIN,
      type: 1,
      scope: 0,
      protocol: 2,
      metric: 0,
      hops: [],
      ...changes,
    });
  }

  rule(rule: Partial<PolicyRule> & Pick<PolicyRule, "priority" | "action">): void {
    this.rules.push({ family: 4, not: false, vrf: false, ...rule });
  }

  /** At all addresses of both families, unless told. */
  listen(protocol: "tcp" | "udp", port: number, changes: Partial<ListeningSocket> = {}): void {
    const family = changes.address?.family ?? 6;
    this.sockets.push({ protocol, family, port, dual: family === 6, uid: 0, inode: 1, ...changes });
  }

  neighbour(link: string, address: string, mac: string, state = 0x02): void {
    const { ifindex } = this.at(link);
    this.neighbours.push({ ifindex, address: parseAddress(address), mac: mac as Mac, state, proxy: false });
  }

  /** An entry of a bridge's table. */
  entry(bridge: string, mac: string, port: string): void {
    const [at, to] = [this.at(bridge), this.at(port)];
    this.forwarding.push({
      mac: mac as Mac,
      ifindex: to.ifindex,
      bridge: at.ifindex,
      local: false,
      permanent: false,
    });
  }

  observed(host: boolean): Namespace {
    return {
      id: this.id,
      name: this.name,
      host,
      pids: [],
      pins: [],
      path: `/run/netns/${this.name}`,
      links: [...this.links],
      addresses: [...this.addresses],
      routes: [...this.routes],
      rules: [...this.rules],
      neighbours: [...this.neighbours],
      forwarding: [...this.forwarding],
      sockets: [...this.sockets],
      sysctls: new Map(this.sysctls),
      nft: EMPTY_RULESET,
      xtables: [],
      ...(this.connectionCount !== undefined && { connectionCount: this.connectionCount }),
      ...(this.connections && { connections: this.connections }),
      unread: [],
    };
  }
}

const textOf = (address: Address, family: Family): string => {
  const { bits } = address;
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join(".");
  return Array.from({ length: 8 }, (_, i) => ((bits >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)).join(
    ":",
  );
};

/** The first namespace is the reader's. */
export class Machine {
  readonly places: Place[] = [];

  namespace(name: string, { forwards = false } = {}): Place {
    const place = new Place(4026531840 + this.places.length, name, forwards);
    this.places.push(place);
    return place;
  }

  /** A pair of links between two namespaces. */
  pair(a: Place, nameA: string, b: Place, nameB: string): void {
    const indexA = a.link(nameA, [], { kind: "veth" }).ifindex;
    const indexB = b.link(nameB, [], { kind: "veth", other: { ifindex: indexA, namespace: a.id } }).ifindex;
    a.change(nameA, { other: { ifindex: indexB, namespace: b.id } });
  }

  /** A namespace with `eth0`, whose other end is a port of a bridge; the bridge's addresses are its gateways. */
  container(name: string, host: Place, bridge: string, addresses: readonly string[]): Place {
    const place = this.namespace(name);
    const end = `veth-${name}`;
    this.pair(host, end, place, "eth0");
    host.enslave(end, bridge);
    const [first] = addresses;
    if (first?.includes(".")) place.change("eth0", { mac: macOf(parsePrefix(first).address) });
    for (const address of addresses) place.address("eth0", address);
    const { ifindex } = host.at(bridge);
    for (const held of host.addresses.filter((one) => one.ifindex === ifindex)) {
      const { family } = held.address.address;
      if (!addresses.some((address) => address.includes(":") === (family === 6)) || held.scope !== 0)
        continue;
      place.route(`default via ${textOf(held.address.address, family)} dev eth0`);
    }
    return place;
  }

  topology(): Topology {
    const namespaces = new Map(this.places.map((place, i) => [place.id, place.observed(i === 0)]));
    const host = this.places[0]?.id;
    if (host === undefined) throw new Error("a machine has a host");
    return { readAt: 0, namespaces, host, engines: [], unread: [] };
  }
}

/** A host with `eth0` towards a router, and containers web and db on `docker0`; web listens at 80, on all its addresses. */
export function twoContainers() {
  const machine = new Machine();
  const host = machine.namespace("host", { forwards: true });
  host.link("eth0", ["192.0.2.2/24", "2001:db8::2/64"]);
  host.route("default via 192.0.2.1 dev eth0");
  host.route("default via 2001:db8::1 dev eth0");
  host.bridge("docker0", ["172.17.0.1/16", "fd00::1/64", "fe80::1/64"]);
  const web = machine.container("web", host, "docker0", ["172.17.0.2/16", "fd00::2/64", "fe80::2/64"]);
  const db = machine.container("db", host, "docker0", ["172.17.0.3/16", "fd00::3/64", "fe80::3/64"]);
  web.listen("tcp", 80);
  web.listen("udp", 80);
  return { machine, host, web, db };
}
