/**
 * A small internet, and what may be done to it: a host with two bridges and containers on them, a router, and somebody
 * beyond it. For files that run in private namespaces.
 */
import { existsSync, writeFileSync } from "node:fs";
import { inNamespace } from "../../src/linux/netns.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { ObservedNeighbour, Topology } from "../../src/observe/types.ts";
import { type Place, sh } from "../support/probe.ts";

const ALL = ["c1", "c2", "c3", "d1", "d2", "router", "beyond"] as const;
export const HOST: Place = { name: "host", netns: undefined };
export const PLACES: readonly Place[] = [
  HOST,
  ...ALL.map((name) => ({ name, netns: `/run/netns/${name}` as NetnsPath })),
];

const HELD = {
  c1: ["10.1.0.11", "fd01::11"],
  c2: ["10.1.0.12", "fd01::12"],
  c3: ["10.1.0.13", "fd01::13"],
  d1: ["10.2.0.11", "fd02::11"],
  d2: ["10.2.0.12", "fd02::12"],
  router: ["192.0.2.1", "2001:db8::1", "198.51.100.1", "2001:db8:2::1"],
  beyond: ["198.51.100.2", "2001:db8:2::2"],
  host: ["10.1.0.1", "fd01::1", "10.2.0.1", "192.0.2.2", "2001:db8::2", "127.0.0.1", "::1"],
} as const;
export const ADDRESSES: readonly string[] = Object.values(HELD).flat();

const batch = (of: string | undefined, commands: readonly string[]): string =>
  `ip ${of ? `-n ${of} ` : ""}-batch - <<'END'\n${commands.join("\n")}\nEND\n`;

const both = (four: string, six: string, dev: string): string[] => [
  `addr add ${four}/24 dev ${dev}`,
  `addr add ${six}/64 dev ${dev} nodad`,
  `link set ${dev} up`,
];
const ways = (four: string, six: string): string[] => [
  `route add default via ${four}`,
  `route add default via ${six}`,
];

const BRIDGES = { br1: ["c1", "c2", "c3"], br2: ["d1", "d2"] } as const;

/** As a kernel may have them: the twists change one or the other. */
function setSysctls({ name, netns }: Place): void {
  const forwards = name === "host" || name === "router" ? "1" : "0";
  const values = {
    "ipv4/ip_forward": forwards,
    "ipv6/conf/all/forwarding": forwards,
    "ipv6/conf/default/accept_dad": "0",
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "bridge/bridge-nf-call-iptables": "0",
    "bridge/bridge-nf-call-ip6tables": "0",
  };
  inNamespace(netns, () => {
    for (const [key, value] of Object.entries(values)) {
      const path = `/proc/sys/net/${key}`;
      if (existsSync(path)) writeFileSync(path, value);
    }
  });
}

/** Makes it, whole and in order. */
export function makeWorld(): void {
  sh(`set -e; ${ALL.map((name) => `ip netns add ${name}`).join("; ")}`);
  for (const place of PLACES) setSysctls(place);
  const host = ["link set lo up", "link add eth0 type veth peer name eth0 netns router"];
  const inside = new Map<string, string[]>(ALL.map((name) => [name, ["link set lo up"]]));
  Object.entries(BRIDGES).forEach(([bridge, containers], i) => {
    const [four, six] = [`10.${i + 1}.0.1`, `fd0${i + 1}::1`];
    host.push(`link add ${bridge} type bridge`, ...both(four, six, bridge));
    for (const name of containers) {
      host.push(`link add v${name} type veth peer name eth0 netns ${name}`);
      host.push(`link set v${name} master ${bridge} up`);
      inside.get(name)?.push(...both(HELD[name][0], HELD[name][1], "eth0"), ...ways(four, six));
    }
  });
  host.push(...both("192.0.2.2", "2001:db8::2", "eth0"), ...ways("192.0.2.1", "2001:db8::1"));
  const routes = ["route add 10.0.0.0/8 via 192.0.2.2", "route add fd00::/8 via 2001:db8::2"];
  inside
    .get("router")
    ?.push(
      "link add eth1 type veth peer name eth0 netns beyond",
      ...both("192.0.2.1", "2001:db8::1", "eth0"),
      ...both("198.51.100.1", "2001:db8:2::1", "eth1"),
      ...routes,
    );
  inside.get("beyond")?.push(...both(...HELD.beyond, "eth0"), ...ways("198.51.100.1", "2001:db8:2::1"));
  // Asking for an end brings its carrier up to date.
  const settled = ["vc1", "vc2", "vc3", "vd1", "vd2", "br1", "br2", "eth0"].map(
    (link) => `link show ${link}`,
  );
  const all = [batch(undefined, host), ...[...inside].map(([name, commands]) => batch(name, commands))];
  const seen = [batch(undefined, settled), ...ALL.map((name) => batch(name, ["link show"]))];
  sh(`set -e\n${all.join("")}{ ${seen.join("")}} >/dev/null`);
}

/** Takes it away, with whatever was done to it. What is gone already is no failure. */
export function unmakeWorld(): void {
  const links = ["eth0", "br1", "br2", "vc1", "vc2", "vc3", "vd1", "vd2"].map((link) => `link del ${link}`);
  const rules = [0, 32766, 32767].map((pref, i) => `rule add pref ${pref} lookup ${[255, 254, 253][i]}`);
  const four = ["rule flush", ...rules, "route flush table 100", "route flush table main"];
  sh(`ip -force -batch - <<'END' >/dev/null 2>&1 || true
${[...links, ...four, "addr flush dev lo", "addr add 127.0.0.1/8 dev lo", "addr add ::1/128 dev lo"].join("\n")}
END
nft flush ruleset; ${ALL.map((name) => `ip netns del ${name}`).join("; ")}
for key in all.route_localnet all.proxy_arp lo.rp_filter; do sysctl -qw net.ipv4.conf.$key=0; done`);
}

const NUD_PERMANENT = 0x80;

/** As before anybody spoke: those who learned of somebody forget, in the kernel and in the topology. */
export function forgetNeighbours(topology: Topology): Topology {
  const forgetful = [...topology.namespaces.values()].filter(({ neighbours }) => neighbours.some(isLearned));
  const flushes = forgetful.map(({ host, name }) => `ip ${host ? "" : `-n ${name} `}neigh flush all`);
  if (flushes.length > 0) sh(flushes.join("; "));
  const namespaces = new Map(topology.namespaces);
  for (const each of forgetful) {
    namespaces.set(each.id, { ...each, neighbours: each.neighbours.filter((one) => !isLearned(one)) });
  }
  return { ...topology, namespaces };
}

const isLearned = ({ state }: ObservedNeighbour): boolean => (state & NUD_PERMANENT) === 0;
