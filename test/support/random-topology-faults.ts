/** What can be amiss in a random topology, or unusual, by name: the steps that make it so. */
import { impatient, type Step, UPLINK, type World } from "./random-topology-world.ts";

const of = <T>(list: readonly T[], at: number): T => {
  const chosen = list[at % list.length];
  if (chosen === undefined) throw new Error("nothing to choose from");
  return chosen;
};

type Fault = (world: World, at: number, chance: number) => Step | readonly Step[];

const place = (world: World, at: number): string => of(world.places, at);
const linkOf = (world: World, at: number, chance: number): string =>
  of(world.links[place(world, at)] ?? ["lo"], chance);
const ip = (where: string, ...lines: readonly string[]): Step => ({ in: where, ip: lines, refusable: true });
const leaf = (world: World, at: number) => of(world.leaves, at);
const anyOf = (world: World, family: 4 | 6, at: number): string =>
  of(
    world.addresses.map(({ address }) => address).filter((one) => one.includes(":") === (family === 6)),
    at,
  );
const sysctl = (where: string, sysctls: Readonly<Record<string, string | number>>): Step => ({
  in: where,
  sysctls,
});
const ofLink =
  (key: string, ...values: readonly number[]): Fault =>
  (world, at, chance) =>
    sysctl(place(world, at), { [`net.ipv4.conf.${linkOf(world, at, chance)}.${key}`]: of(values, chance) });

/** Of host, leaves, and others; the host oftener, where everything passes. */
const REFUSALS = ["blackhole", "unreachable", "prohibit", "throw"];

export const FAULTS: Readonly<Record<string, Fault>> = {
  "no forwarding": (world, at, chance) =>
    sysctl(
      of(
        ["hub", "router"].filter((one) => world.places.includes(one)),
        at,
      ),
      {
        [of(["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"], chance)]: 0,
      },
    ),
  "no forwarding of a link": ofLink("forwarding", 0),
  "reverse path": ofLink("rp_filter", 1, 2),
  "route localnet": ofLink("route_localnet", 1),
  "ARP ignore": ofLink("arp_ignore", 1, 2, 8),
  "ARP announce": ofLink("arp_announce", 1, 2),
  "ARP proxy": ofLink("proxy_arp", 1),
  "accept local": ofLink("accept_local", 1),
  "no IPv6": (world, at, chance) =>
    sysctl(place(world, at), { [`net.ipv6.conf.${linkOf(world, at, chance)}.disable_ipv6`]: 1 }),
  "no echo": (world, at) => sysctl(place(world, at), { "net.ipv4.icmp_echo_ignore_all": 1 }),
  "no default route": (world, at) => ip(place(world, at), "route del default", "route del ::/0"),
  "wrong default route": (world, at, chance) => {
    const one = leaf(world, at);
    const last = of([99, 1, 2, 3, 4], chance);
    return ip(one.name, `route replace default via ${one.address4.replace(/\d+$/, String(last))}`);
  },
  "wrong prefix": (world, at, chance) => {
    const one = leaf(world, at);
    const length = of([16, 8, 25, 30, 32], chance);
    return ip(
      one.name,
      `addr del ${one.address4}/24 dev eth0`,
      `addr add ${one.address4}/${length} dev eth0`,
      `route replace default via ${one.address4.replace(/\d+$/, "1")}`,
    );
  },
  "wrong address": (world, at, chance) => {
    const one = leaf(world, at);
    const other = one.address4.replace(/\d+$/, String(of([77, 2, 3], chance)));
    return ip(
      one.name,
      `addr add ${other}/24 dev eth0`,
      `route replace default via ${one.address4.replace(/\d+$/, "1")} src ${other}`,
    );
  },
  "link down": (world, at, chance) => ip(place(world, at), `link set ${linkOf(world, at, chance)} down`),
  "port down": (world, at) => ip("hub", `link set ${leaf(world, at).port} down`),
  "port off its bridge": (world, at) => ip("hub", `link set ${leaf(world, at).port} nomaster`),
  "isolated ports": (world, at, chance) =>
    ip(
      "hub",
      ...[at, chance].map((one) => `link set ${leaf(world, one).port} type bridge_slave isolated on`),
    ),
  hairpin: (world, at) => ip("hub", `link set ${leaf(world, at).port} type bridge_slave hairpin on`),
  "no flooding": (world, at) =>
    ip("hub", `link set ${leaf(world, at).port} type bridge_slave flood off mcast_flood off`),
  "no learning": (world, at) => ip("hub", `link set ${leaf(world, at).port} type bridge_slave learning off`),
  "port state": (world, at, chance) =>
    ip("hub", `link set ${leaf(world, at).port} type bridge_slave state ${of([4, 0, 1, 2], chance)}`),
  "refusing route": (world, at, chance) =>
    ip(place(world, at), `route add ${of(REFUSALS, at + chance)} ${anyOf(world, 4, chance)}/32`),
  "refusing route of IPv6": (world, at, chance) =>
    ip(place(world, at), `route add ${of(REFUSALS, at + chance)} ${anyOf(world, 6, chance)}/128`),
  "strange route": (world, at, chance) =>
    ip(place(world, at), `route add ${anyOf(world, 4, chance)}/32 dev ${linkOf(world, at, chance)}`),
  "wrong neighbour": (world, at, chance) =>
    ip(
      place(world, at),
      `neigh replace ${anyOf(world, 4, chance)} lladdr 02:00:00:00:00:99 dev ${linkOf(world, at, chance)} nud ${of(["permanent", "stale", "reachable"], chance)}`,
    ),
  "wrong neighbour of IPv6": (world, at, chance) =>
    ip(
      place(world, at),
      `neigh replace ${anyOf(world, 6, chance)} lladdr 02:00:00:00:00:99 dev ${linkOf(world, at, chance)} nud permanent`,
    ),
  "duplicate address": (world, at, chance) =>
    ip(
      place(world, at),
      `addr add ${anyOf(world, 4, chance)}/${of([32, 24], at)} dev ${linkOf(world, at, chance)}`,
    ),
  "address of the loopback": (world, at, chance) =>
    ip(place(world, at), `addr add ${anyOf(world, 4, chance)}/32 dev lo`),
  "no gateway address": (world, at) => {
    const bridge = of(world.bridges, at);
    return ip(
      "hub",
      `addr del ${bridge.gateway4}/24 dev ${bridge.name}`,
      `addr del ${bridge.gateway6}/64 dev ${bridge.name}`,
    );
  },
  MTU: (world, at, chance) =>
    ip(place(world, at), `link set ${linkOf(world, at, chance)} mtu ${of([1280, 1400, 9000], chance)}`),
  "MTU of a port": (world, at) => ip("hub", `link set ${leaf(world, at).port} mtu 1280`),
  "TTL runs out": (world, at) => ({
    in: place(world, at),
    nft: "table ip ttl { chain c { type filter hook prerouting priority -300; ip ttl set 1; }; }",
  }),
  "policy rule": (world, at, chance) => {
    const where = place(world, at);
    const from = of(["10.1.0.0/24", "203.0.113.0/24", "198.51.100.2", "10.2.0.2"], chance);
    const to = of(["default", "10.0.0.0/8", "198.51.100.0/24"], chance);
    return ip(
      where,
      `rule add from ${from} lookup 100 pref 100`,
      `route add ${to} ${wayOf(world, where, chance)} table 100`,
    );
  },
  "policy rule by mark": (world, at, chance) => {
    const where = place(world, at);
    return [
      ip(
        where,
        "rule add fwmark 5 lookup 101 pref 90",
        `route add default ${wayOf(world, where, chance)} table 101`,
      ),
      {
        in: where,
        nft: `table ip marks { chain p { type filter hook prerouting priority -150; ${of(["tcp dport 80", "ip protocol icmp", "ip saddr 10.0.0.0/8"], chance)} meta mark set 5; }; chain o { type route hook output priority -150; ${of(["tcp dport 80", "udp dport 80"], chance)} meta mark set 5; }; }`,
      },
    ];
  },
  "refusing rule": (world, at, chance) =>
    ip(
      place(world, at),
      `rule add iif ${linkOf(world, at, chance)} ${of(["prohibit", "unreachable", "blackhole"], chance)} pref ${of([50, 32700], at)}`,
    ),
  "another way": (world, at, chance) =>
    ip(
      "hub",
      `route add ${anyOf(world, 4, chance)}/32 via ${of([...world.leaves.map(({ address4 }) => address4), UPLINK.far4], at)}`,
    ),
  "two homes": (world, at, chance) => {
    const one = leaf(world, at);
    const bridge = of(world.bridges, chance);
    return [
      ip(
        "hub",
        `link add w${one.name} type veth peer name eth1 netns ${one.name}`,
        `link set w${one.name} master ${bridge.name} up`,
      ),
      ip(
        one.name,
        `addr add 10.${bridge.number}.0.${200 + (at % 20)}/24 dev eth1`,
        `addr add fd00:${bridge.number}::${200 + (at % 20)}/64 dev eth1 nodad`,
        "link set eth1 up",
      ),
      sysctl(one.name, impatient(["eth1"])),
    ];
  },
  macvlan: (world, at) => {
    const one = leaf(world, at);
    return [
      ip(
        "hub",
        `link add name m${one.name} link wan0 type macvlan mode bridge`,
        `link set m${one.name} netns ${one.name}`,
      ),
      ip(one.name, `addr add 203.0.113.50/24 dev m${one.name}`, `link set m${one.name} up`),
      sysctl(one.name, impatient([`m${one.name}`])),
    ];
  },
  "forwarding leaf": (world, at) => sysctl(leaf(world, at).name, { "net.ipv4.ip_forward": 1 }),
};

/** Somewhere to send to from there. */
function wayOf(world: World, where: string, chance: number): string {
  const home = world.bridges.find(({ leaves }) => leaves.some(({ name }) => name === where));
  if (home) return `via ${home.gateway4}`;
  if (where === "hub")
    return `via ${of([UPLINK.far4, ...world.leaves.map(({ address4 }) => address4)], chance)}`;
  return where === "router"
    ? `via ${UPLINK.host4}`
    : world.router
      ? "via 198.51.100.1"
      : `via ${UPLINK.host4}`;
}

export const faultSteps = (
  world: World,
  faults: readonly { readonly kind: string; readonly at: number; readonly with: number }[],
): Step[] => faults.flatMap(({ kind, at, with: chance }) => FAULTS[kind]?.(world, at, chance) ?? []);
