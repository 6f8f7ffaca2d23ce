/** What may be done to the small internet of trace-random-world.ts: one shell command each. What fails changes nothing. */
import fc from "fast-check";

const inside = (place: string, command: string): string =>
  place === "host" ? command : `nsenter --net=/run/netns/${place} ${command}`;

const place = fc.constantFrom("host", "host", "host", "c1", "c2", "d1", "router", "beyond");
/** With one of its links. */
const linked = fc.constantFrom(
  ...["br1", "br2", "eth0"].map((link) => ["host", link] as const),
  ...["eth0", "eth1"].map((link) => ["router", link] as const),
  ...["c1", "c2", "d1", "beyond"].map((name) => [name, "eth0"] as const),
);
const port = fc.constantFrom("vc1", "vc2", "vd1");

const setting = (key: string, ...values: readonly number[]) =>
  fc
    .tuple(linked, fc.constantFrom(...values))
    .map(([[name, link], value]) => inside(name, `sysctl -qw net.ipv4.conf.${link}.${key}=${value}`));

const general = (key: string, ...values: readonly number[]) =>
  fc
    .tuple(place, fc.constantFrom(...values))
    .map(([name, value]) => inside(name, `sysctl -qw ${key}=${value}`));

const settings = fc.oneof(
  general("net.ipv4.ip_forward", 0, 1),
  general("net.ipv6.conf.all.forwarding", 0, 1),
  general("net.ipv4.conf.all.rp_filter", 1, 2),
  general("net.ipv4.conf.all.route_localnet", 1),
  setting("forwarding", 0),
  setting("rp_filter", 1, 2),
  setting("arp_ignore", 1, 2, 3, 8),
  setting("arp_announce", 1, 2),
  setting("proxy_arp", 1),
  setting("route_localnet", 1),
  setting("accept_local", 1),
  linked.map(([name, link]) => inside(name, `sysctl -qw net.ipv6.conf.${link}.disable_ipv6=1`)),
  fc.constant("sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1"),
);

const refusing = fc.constantFrom("blackhole", "unreachable", "prohibit");
const routes = fc.oneof(
  fc.constantFrom("c1", "c2", "d1", "beyond").map((name) => `ip -n ${name} route del default`),
  fc
    .tuple(fc.constantFrom("c1", "c2"), fc.constantFrom("10.1.0.12", "10.1.0.13", "10.1.0.99"))
    .map(([name, via]) => `ip -n ${name} route replace default via ${via}`),
  fc
    .tuple(
      place,
      refusing,
      fc.constantFrom("10.2.0.0/25", "10.1.0.8/29", "198.51.100.0/25", "fd02::/65", "fd01::12"),
    )
    .map(([name, type, to]) => inside(name, `ip ${to.includes(":") ? "-6 " : ""}route add ${type} ${to}`)),
  fc
    .tuple(fc.constantFrom("10.2.0.11", "10.2.0.0/25"), fc.constantFrom("10.1.0.13", "192.0.2.1"))
    .map(([to, via]) => `ip route add ${to} via ${via}`),
  fc
    .tuple(
      fc.constantFrom("from 10.1.0.0/24", "iif br1", "iif lo", "to 10.2.0.0/24"),
      fc.constantFrom("192.0.2.1", "10.1.0.12", "10.2.0.11"),
    )
    .map(([who, via]) => `ip rule add ${who} lookup 100 pref 100; ip route add default via ${via} table 100`),
  fc
    .tuple(fc.constantFrom("br1", "br2", "eth0", "lo"), refusing, fc.constantFrom(50, 32000))
    .map(([link, type, pref]) => `ip rule add iif ${link} ${type} pref ${pref}`),
  fc
    .constantFrom("192.0.2.1", "10.1.0.12")
    .map(
      (via) =>
        `nft 'add table ip marks; add chain ip marks o { type route hook output priority mangle; }; add rule ip marks o tcp dport 80 meta mark set 9'; ip rule add fwmark 9 lookup 100 pref 90; ip route add default via ${via} table 100`,
    ),
);

const addresses = fc.oneof(
  fc
    .tuple(
      linked,
      fc.constantFrom("10.1.0.12", "10.2.0.11", "192.0.2.1", "10.1.0.77", "10.2.0.77"),
      fc.constantFrom(24, 32),
    )
    .map(([[name, link], address, length]) => inside(name, `ip addr add ${address}/${length} dev ${link}`)),
  fc
    .tuple(place, fc.constantFrom("10.1.0.77", "10.2.0.12", "198.51.100.1"))
    .map(([name, address]) => inside(name, `ip addr add ${address}/32 dev lo`)),
  fc
    .tuple(linked, fc.constantFrom("fd01::77", "fd02::77"))
    .map(([[name, link], address]) => inside(name, `ip -6 addr add ${address}/64 dev ${link} nodad`)),
  fc
    .tuple(
      fc.constantFrom("c1", "c2", "d1"),
      fc.constantFrom("10.1.0.1", "10.1.0.12", "10.2.0.1", "fd01::12"),
    )
    .map(([name, to]) => `ip -n ${name} neigh replace ${to} lladdr 02:00:00:00:00:99 dev eth0 nud permanent`),
);

const links = fc.oneof(
  fc.constant("bridge link set dev vc1 isolated on; bridge link set dev vc2 isolated on"),
  port.map((name) => `bridge link set dev ${name} hairpin on`),
  port.map((name) => `bridge link set dev ${name} flood off`),
  fc
    .tuple(port, fc.constantFrom(0, 1, 2, 4))
    .map(([name, state]) => `bridge link set dev ${name} state ${state}`),
  fc.constantFrom("vc1", "br2", "eth0").map((name) => `ip link set ${name} down`),
  fc.constantFrom("c1", "d1", "beyond").map((name) => `ip -n ${name} link set eth0 down`),
  port.map((name) => `ip link set ${name} nomaster`),
);

/** None of established connections alone: a handshake's third packet is not predicted, and a server would wait for it. */
const condition = fc.constantFrom(
  ..."iifname br1;iifname eth0;ip saddr 10.1.0.0/24;ip daddr 10.2.0.0/24;ip6 saddr fd01::/64;tcp dport 80".split(
    ";",
  ),
  ..."udp dport 80;ct state new;ct state invalid;ct status dnat;meta l4proto tcp".split(";"),
  ..."fib daddr type local;fib saddr . iif oif missing;meta pkttype host".split(";"),
);
const filters = fc
  .tuple(
    place,
    fc.constantFrom("prerouting", "input", "forward", "output", "postrouting"),
    fc.constantFrom(0, -150, 10, -300),
    fc.constantFrom("accept", "accept", "drop"),
    fc.array(
      fc.tuple(condition, fc.constantFrom("drop", "accept", "reject", "reject with tcp reset", "counter")),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  )
  .map(([name, hook, priority, policy, rules]) => {
    const chain = `c { type filter hook ${hook} priority ${priority}; policy ${policy};`;
    const lines = [...rules.map(([when, then]) => `${when} ${then}`), "ct state established,related accept"];
    return inside(
      name,
      `nft 'table inet f${hook}${priority + 300} { chain ${chain} ${lines.join("; ")}; }; }'`,
    );
  });

const bridged = fc
  .tuple(
    fc.constantFrom("prerouting", "input", "forward", "output", "postrouting"),
    fc.constantFrom(
      "ether type arp drop",
      "ether type ip6 drop",
      "ip saddr 10.1.0.11 drop",
      "ether type ip accept",
    ),
    fc.constantFrom("accept", "accept", "drop"),
  )
  .map(
    ([hook, rule, policy]) =>
      `nft 'table bridge b${hook} { chain c { type filter hook ${hook} priority 0; policy ${policy}; ${rule}; }; }'`,
  );
const arp = fc
  .tuple(place, fc.constantFrom("input", "output"), fc.constantFrom("request", "reply"))
  .map(([name, hook, operation]) =>
    inside(
      name,
      `nft 'table arp a${hook} { chain c { type filter hook ${hook} priority 0; arp operation ${operation} drop; }; }'`,
    ),
  );

const source = fc.constantFrom(
  "oifname eth0 masquerade",
  "ip saddr 10.1.0.0/24 masquerade",
  "masquerade",
  "oifname eth0 snat to 192.0.2.2",
);
const nat = fc.oneof(
  fc
    .tuple(fc.constantFrom("10.1.0.12", "10.2.0.11", "198.51.100.2"), fc.constantFrom("tcp", "udp"), source)
    .map(([to, protocol, from]) => {
      const rule = `${protocol} dport 8080 dnat to ${to}:80`;
      const chain = (name: string, hook: string, priority: number, body: string) =>
        `chain ${name} { type nat hook ${hook} priority ${priority}; ${body}; };`;
      return `nft 'table ip nat { ${chain("p", "prerouting", -100, rule)} ${chain("o", "output", -100, rule)} ${chain("s", "postrouting", 100, from)} }'`;
    }),
  fc
    .tuple(place, fc.constantFrom("prerouting", "output"), fc.constantFrom(80, 8080), fc.constantFrom(80, 81))
    .map(([name, hook, from, to]) =>
      inside(
        name,
        `nft 'table inet r${hook} { chain c { type nat hook ${hook} priority -100; tcp dport ${from} redirect to :${to}; }; }'`,
      ),
    ),
);

/** Each several times as likely as its list is long. */
export const twist: fc.Arbitrary<string> = fc.oneof(
  settings,
  routes,
  addresses,
  links,
  filters,
  filters,
  bridged,
  arp,
  nat,
  nat,
);
