/** The rules of netavark over the bridges of a random topology: of its iptables driver, and of that of nftables (1.10). */
import { table } from "./random-topology-docker.ts";
import { type Bridge, type Published, publishedIn, UPLINK, type World } from "./random-topology-world.ts";

const subnetOf = (bridge: Bridge, family: 4 | 6): string => (family === 4 ? bridge.subnet4 : bridge.subnet6);
const addressOf = ({ leaf }: Published, family: 4 | 6): string =>
  family === 4 ? leaf.address4 : leaf.address6;
const uplink = (family: 4 | 6): string => (family === 4 ? UPLINK.host4 : UPLINK.host6);
const withPort = (address: string, family: 4 | 6): string =>
  family === 4 ? `${address}:80` : `[${address}]:80`;
const multicast = (family: 4 | 6): string => (family === 4 ? "224.0.0.0/4" : "ff00::/8");
const loopback = (family: 4 | 6): string => (family === 4 ? "127.0.0.1" : "::1");
/** Where containers of one network reach no other: `isolate=true`. */
const isolated = ({ bridges }: World): readonly Bridge[] => bridges.filter(({ icc }) => !icc);

/** In iptables-save's words. */
export function netavarkXtables(world: World, family: 4 | 6): string {
  const { bridges } = world;
  const published = publishedIn(world);
  const chainOf = ({ number }: Bridge) => `NETAVARK-1D8721804F16${number}`;
  const dnatOf = ({ bridge }: Published) => `NETAVARK-DN-1D8721804F16${bridge.number}`;
  const at = ({ bound }: Published) => (bound ? `-d ${uplink(family)} ` : "");
  const port = ({ protocol, hostPort }: Published) => `-p ${protocol} -m ${protocol} --dport ${hostPort}`;
  const nat = [
    "-A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT",
    "-A OUTPUT -m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT",
    "-A POSTROUTING -j NETAVARK-HOSTPORT-MASQ",
    ...bridges.flatMap((bridge) => {
      const [chain, subnet] = [chainOf(bridge), subnetOf(bridge, family)];
      return [
        `-A POSTROUTING -s ${subnet} -j ${chain}`,
        `-A ${chain} -d ${subnet} -j ACCEPT`,
        `-A ${chain} ! -d ${multicast(family)} -j MASQUERADE`,
      ];
    }),
    ...published.flatMap((one) => [
      `-A NETAVARK-HOSTPORT-DNAT ${at(one)}${port(one)} -m comment --comment "dnat name: podman id: 4f16f" -j ${dnatOf(one)}`,
      ...[subnetOf(one.bridge, family), loopback(family)].map(
        (source) => `-A ${dnatOf(one)} -s ${source} ${at(one)}${port(one)} -j NETAVARK-HOSTPORT-SETMARK`,
      ),
      `-A ${dnatOf(one)} ${at(one)}${port(one)} -j DNAT --to-destination ${withPort(addressOf(one, family), family)}`,
    ]),
    "-A NETAVARK-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE",
    "-A NETAVARK-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000",
  ];
  const filter = [
    '-A FORWARD -m comment --comment "netavark firewall rules" -j NETAVARK_FORWARD',
    '-A INPUT -m comment --comment "netavark firewall rules" -j NETAVARK_INPUT',
    "-A NETAVARK_FORWARD -m conntrack --ctstate INVALID -j DROP",
    ...isolated(world).map(({ name }) => `-A NETAVARK_ISOLATION_2 -o ${name} -j DROP`),
    ...isolated(world).map(
      ({ name }) => `-A NETAVARK_FORWARD -i ${name} ! -o ${name} -j NETAVARK_ISOLATION_2`,
    ),
    ...bridges.flatMap((bridge) => [
      `-A NETAVARK_INPUT -s ${subnetOf(bridge, family)} -p udp -m udp --dport 53 -j ACCEPT`,
      `-A NETAVARK_FORWARD -d ${subnetOf(bridge, family)} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      `-A NETAVARK_FORWARD -s ${subnetOf(bridge, family)} -j ACCEPT`,
    ]),
  ];
  const base = { INPUT: "ACCEPT", OUTPUT: "ACCEPT" };
  const own = [
    ...bridges.map(chainOf),
    ...new Set(published.map(dnatOf)),
    "NETAVARK-HOSTPORT-DNAT",
    "NETAVARK-HOSTPORT-MASQ",
    "NETAVARK-HOSTPORT-SETMARK",
  ];
  const named = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, "-"]));
  return [
    table("nat", { PREROUTING: "ACCEPT", ...base, POSTROUTING: "ACCEPT", ...named(own) }, nat),
    table(
      "filter",
      {
        FORWARD: "ACCEPT",
        ...base,
        ...named(["NETAVARK_FORWARD", "NETAVARK_INPUT", "NETAVARK_ISOLATION_2"]),
      },
      filter,
    ),
  ].join("");
}

/** One table for both families; hairpins are told by a mark. */
export function netavarkNftables(world: World): string {
  const { bridges } = world;
  const published = publishedIn(world);
  const families = [4, 6] as const;
  const ip = (family: 4 | 6) => (family === 4 ? "ip" : "ip6");
  const chain = (name: string, lines: readonly string[]) =>
    ` chain ${name} {\n${lines.map((line) => `  ${line}\n`).join("")} }\n`;
  const both = (line: (bridge: Bridge, family: 4 | 6) => readonly string[]) =>
    bridges.flatMap((bridge) => families.flatMap((family) => line(bridge, family)));
  const networkChain = ({ number }: Bridge, family: 4 | 6) => `nv_${number}_${family}`;
  const at = ({ bound }: Published, family: 4 | 6) => (bound ? `${ip(family)} daddr ${uplink(family)} ` : "");
  const port = ({ protocol, hostPort }: Published) => `${protocol} dport ${hostPort}`;
  return [
    "table inet netavark {\n",
    chain("NETAVARK-HOSTPORT-SETMARK", ["meta mark set meta mark | 0x00002000"]),
    ...bridges.flatMap((bridge) =>
      families.map((family) =>
        chain(networkChain(bridge, family), [
          `${ip(family)} daddr ${subnetOf(bridge, family)} accept`,
          `${ip(family)} daddr != ${multicast(family)} masquerade`,
        ]),
      ),
    ),
    ...published.map((one) =>
      chain(
        `nv_dnat_${one.leaf.name}_${one.protocol}_${one.hostPort}`,
        families.flatMap((family) => [
          ...[subnetOf(one.bridge, family), loopback(family)].map(
            (source) =>
              `${ip(family)} saddr ${source} ${at(one, family)}${port(one)} jump NETAVARK-HOSTPORT-SETMARK`,
          ),
          `${at(one, family)}${port(one)} dnat ${ip(family)} to ${withPort(addressOf(one, family), family)}`,
        ]),
      ),
    ),
    chain(
      "NETAVARK-HOSTPORT-DNAT",
      published.map((one) => `${port(one)} jump nv_dnat_${one.leaf.name}_${one.protocol}_${one.hostPort}`),
    ),
    chain(
      "NETAVARK-ISOLATION-2",
      isolated(world).map(({ name }) => `oifname "${name}" drop`),
    ),
    chain(
      "NETAVARK-ISOLATION-1",
      isolated(world).map(({ name }) => `iifname "${name}" oifname != "${name}" jump NETAVARK-ISOLATION-2`),
    ),
    chain("INPUT", [
      "type filter hook input priority filter; policy accept;",
      ...both((bridge, family) => [
        `${ip(family)} saddr ${subnetOf(bridge, family)} meta l4proto { tcp, udp } th dport 53 accept`,
      ]),
    ]),
    chain("FORWARD", [
      "type filter hook forward priority filter; policy accept;",
      "ct state invalid drop",
      "jump NETAVARK-ISOLATION-1",
      ...both((bridge, family) => [
        `${ip(family)} daddr ${subnetOf(bridge, family)} ct state established,related accept`,
        `${ip(family)} saddr ${subnetOf(bridge, family)} accept`,
      ]),
    ]),
    chain("POSTROUTING", [
      "type nat hook postrouting priority srcnat; policy accept;",
      "meta mark & 0x00002000 == 0x00002000 masquerade",
      ...both((bridge, family) => [
        `${ip(family)} saddr ${subnetOf(bridge, family)} jump ${networkChain(bridge, family)}`,
      ]),
    ]),
    chain("PREROUTING", [
      "type nat hook prerouting priority dstnat; policy accept;",
      "fib daddr type local jump NETAVARK-HOSTPORT-DNAT",
    ]),
    chain("OUTPUT", [
      "type nat hook output priority -100; policy accept;",
      "fib daddr type local jump NETAVARK-HOSTPORT-DNAT",
    ]),
    "}\n",
  ].join("");
}
