/** Troubles that are read from the topology, and what is said of each. */
import { parseAddress, parseMac, parsePrefix } from "../../src/lib/ip.ts";
import type { ListeningSocket, ObservedConnection } from "../../src/observe/types.ts";
import {
  address,
  type Changes,
  type DB,
  DOCKERS,
  FORWARD_DROP,
  link,
  namespace,
  neighbour,
  PORT,
  route,
  SETTINGS,
  withLink,
  withSysctls,
} from "../support/doctor-lab.ts";
import { both, more, only } from "./doctor-host.ts";

/** -p 8080:80 */
export const PUBLISHED: NonNullable<Changes["webContainer"]> = {
  ports: [{ protocol: "tcp", containerPort: 80, host: { port: 8080 } }],
};

export const listening = (port: number, ip?: string): ListeningSocket => ({
  protocol: "tcp",
  family: 4,
  ...(ip !== undefined && { address: parseAddress(ip) }),
  port,
  dual: false,
  uid: 0,
  inode: port,
});

/** From 198.51.100.1 to port 53 here, led to 172.17.0.9. */
const STALE: ObservedConnection = {
  family: 4,
  protocol: 17,
  original: {
    source: parseAddress("198.51.100.1"),
    destination: parseAddress("203.0.113.2"),
    sourcePort: 4000,
    destinationPort: 53,
  },
  reply: {
    source: parseAddress("172.17.0.9"),
    destination: parseAddress("198.51.100.1"),
    sourcePort: 53,
    destinationPort: 4000,
  },
  status: 8 | 32,
  mark: 0,
  zone: 0,
  timeout: 30,
};

/** What is found, by what is changed. */
export const CASES: readonly (readonly [string, string, Changes, readonly string[]])[] = [
  [
    "forwarding-off",
    "IPv4 is not forwarded",
    { host: withSysctls({ "net.ipv4.ip_forward": "0" }) },
    ["broken: containers web and db can't reach other hosts: this machine does not forward IPv4"],
  ],
  [
    "forwarding-off",
    "not by the bridge",
    { host: withLink("docker0", { settings: { ...SETTINGS, forwarding4: false } }) },
    ["broken: containers web and db can't reach other hosts: IPv4 is not forwarded from docker0"],
  ],
  [
    "forwarding-off",
    "IPv6 is not forwarded, and the host has no way out",
    {
      network: { ipv6: true },
      host: both(
        withSysctls({ "net.ipv6.conf.all.forwarding": "0" }),
        more({ addresses: [address(3, "fd00::1/64")] }),
      ),
    },
    ["risk: containers web and db can't reach other hosts over IPv6: this machine does not forward it"],
  ],
  [
    "way-out",
    "FORWARD drops",
    { host: only({ xtables: FORWARD_DROP }) },
    [
      "broken: containers web and db can't reach other hosts: Docker's FORWARD policy: Docker drops whatever is not forwarded for its own networks, as for docker0",
    ],
  ],
  [
    "way-within",
    "FORWARD drops what is bridged, for br_netfilter is on",
    {
      host: both(only({ xtables: FORWARD_DROP }), withSysctls({ "net.bridge.bridge-nf-call-iptables": "1" })),
    },
    [
      "broken: containers on bridge don't reach each other, as web and db: Docker's FORWARD policy: Docker drops whatever is not forwarded for its own networks, as for docker0",
    ],
  ],
  [
    "engine-rules",
    "dockerd's chains are gone",
    { host: only({ xtables: [] }) },
    ["broken: containers web and db have neither a way out nor published ports: dockerd's rules are gone"],
  ],
  [
    "engine-rules",
    "Drawbridge's tables are gone, and its bridges are not",
    { host: withLink("docker0", { alias: "bridge of drawbridge" }) },
    [
      "broken: table inet drawbridge and table bridge drawbridge-guard of Drawbridge are gone: containers are not kept apart, and no port is published",
    ],
  ],
  [
    "port-not-listening",
    "nobody there",
    { webContainer: PUBLISHED },
    ["broken: port 8080/tcp of web leads to nobody: nothing listens at 80 in the container"],
  ],
  [
    "port-loopback",
    "for itself alone",
    { webContainer: PUBLISHED, web: only({ sockets: [listening(80, "127.0.0.1")] }) },
    ["broken: port 8080/tcp of web is not reached: its program listens on the container's loopback alone"],
  ],
  [
    "orphaned-rules",
    "a link that is gone",
    {
      host: only({
        xtables: [
          ...DOCKERS.map((table) => ({
            ...table,
            chains: new Map([
              ...table.chains,
              [
                "DOCKER",
                {
                  name: "DOCKER",
                  rules: [
                    {
                      number: 1,
                      selector: { in: { pattern: "br-0123456789ab", not: false } },
                      matches: [],
                      action: { do: "return" as const },
                      packets: 0n,
                    },
                  ],
                },
              ] as const,
            ]),
          })),
        ],
      }),
    },
    ["note: 2 rules of engines are for links that are gone: br-0123456789ab"],
  ],
  [
    "stale-conntrack",
    "a client of one who is gone",
    {
      webContainer: { ports: [{ protocol: "udp", containerPort: 53, host: { port: 53 } }] },
      host: only({ connections: [STALE] }),
    },
    ["broken: a client of port 53/udp of web is still led to a container that is gone"],
  ],
  [
    "addresses-used-up",
    "no room for one more",
    {
      network: {
        subnets: [{ subnet: parsePrefix("172.17.0.0/30"), gateway: parseAddress("172.17.0.1") }],
      },
    },
    ["risk: network bridge (172.17.0.0/30) has no address left: the next container on it will not start"],
  ],
  [
    "link-down",
    "the container's link",
    { web: withLink("eth0", { up: false }) },
    ["broken: container web: its eth0 is down, so it is cut off from network bridge"],
  ],
  [
    "link-down",
    "its loopback",
    { db: withLink("lo", { up: false }) },
    ["broken: container db: its lo is down, so its programs can't reach each other at 127.0.0.1"],
  ],
  [
    "off-bridge",
    "the host's end has no master",
    {
      host: (of) => ({
        ...of,
        links: of.links.map((one) => {
          const { master, ...free } = one;
          return one.name === "vethweb" && master ? free : one;
        }),
      }),
    },
    ["broken: container web is cut off from bridge: vethweb is no port of docker0"],
  ],
  [
    "off-bridge",
    "the port blocks",
    { host: withLink("vethdb", { port: { ...PORT, state: 4 } }) },
    ["broken: container db is not heard on bridge: port vethdb of docker0 is blocking"],
  ],
  [
    "bridge-address",
    "the gateway's address is gone",
    { host: (of) => ({ ...of, addresses: of.addresses.filter(({ ifindex }) => ifindex !== 3) }) },
    ["broken: containers web and db can't leave network bridge: its gateway 172.17.0.1 is not on docker0"],
  ],
  [
    "bridge-address",
    "the bridge is gone",
    { host: (of) => ({ ...of, links: of.links.filter(({ ifindex }) => ifindex !== 3) }) },
    ["broken: containers web and db have no network: the bridge of bridge is gone"],
  ],
  [
    "container-address",
    "another one",
    { web: only({ addresses: [address(2, "10.9.9.9/24")] }) },
    ["broken: container web has 10.9.9.9/24, which is not of its network bridge"],
  ],
  [
    "container-route",
    "no default route",
    { web: only({ routes: [route("172.17.0.0/16", 2)] }) },
    ["broken: container web has no default route: it reaches its own network and nothing else"],
  ],
  [
    "container-route",
    "a gateway that nobody is",
    { web: only({ routes: [route("0.0.0.0/0", 2, "172.17.0.77")] }) },
    [
      "broken: container web sends what leaves its network to 172.17.0.77, and nobody on the network has that address",
    ],
  ],
  [
    "duplicate-bridges",
    "a closer one",
    {
      host: more({
        links: [link(9, "br9", { kind: "bridge" })],
        addresses: [address(9, "172.17.0.1/24")],
      }),
    },
    [
      "broken: containers web and db can't be answered: docker0 and br9 have overlapping subnets, 172.17.0.1/16 and 172.17.0.1/24",
    ],
  ],
  [
    "subnet-overlap",
    "a VPN took a part of it",
    {
      host: more({ links: [link(9, "tun0", { kind: "tun" })], routes: [route("172.17.0.0/24", 9)] }),
    },
    ["broken: containers web and db can't be answered: this machine sends 172.17.0.0/24 to tun0"],
  ],
  [
    "subnet-overlap",
    "it lies in a VPN's",
    { host: more({ links: [link(9, "tun0", { kind: "tun" })], routes: [route("172.16.0.0/12", 9)] }) },
    [
      "risk: network bridge (172.17.0.0/16) overlaps 172.16.0.0/12 at tun0: hosts there with an address of both can't be reached",
    ],
  ],
  [
    "duplicate-address",
    "two containers",
    { db: more({ addresses: [address(2, "172.17.0.2/16")] }) },
    ["broken: container web (eth0) and container db (eth0) have the same address 172.17.0.2 on docker0"],
  ],
  [
    "duplicate-address",
    "found by the kernel",
    { web: more({ addresses: [address(2, "fd00::2/64", { duplicate: true })] }) },
    ["broken: container web does not use its address fd00::2: another has it"],
  ],
  [
    "duplicate-mac",
    "two containers",
    { db: withLink("eth0", { mac: parseMac("02:42:ac:11:00:02") }) },
    ["broken: container web (eth0) and container db (eth0) have the same MAC 02:42:ac:11:00:02 on docker0"],
  ],
  [
    "stale-neighbour",
    "set by hand",
    { host: more({ neighbours: [neighbour(3, "172.17.0.2", "02:00:00:00:00:99", 0x80)] }) },
    [
      "broken: this machine sends what is for 172.17.0.2 to 02:00:00:00:00:99, but web has that address, with 02:42:ac:11:00:02",
    ],
  ],
  [
    "mtu-mismatch",
    "the host's end takes less",
    { host: withLink("vethweb", { mtu: 1400 }) },
    ["broken: web loses packets of more than 1400 bytes: its eth0 sends 1500, vethweb takes 1400"],
  ],
  [
    "mtu-uplink",
    "the way out takes less",
    { host: withLink("eth0", { mtu: 1420 }) },
    [
      "risk: containers web and db may hang on large transfers: they take 1500 bytes a packet, and eth0 takes 1420",
    ],
  ],
  [
    "bridge-netfilter",
    "iptables does not see what it is to keep apart",
    { network: { icc: false }, host: withSysctls({ "net.bridge.bridge-nf-call-iptables": "0" }) },
    ["broken: containers web and db on bridge reach each other, though the network has enable_icc=false"],
  ],
  [
    "ipv6-half",
    "switched off where an address was given",
    {
      webContainer: {
        endpoints: [
          {
            network: "bridge",
            networkId: "net1",
            addresses: [parsePrefix("172.17.0.2/16"), parsePrefix("fd00::2/64")],
            gateways: [],
            aliases: [],
          },
        ],
      },
      web: withLink("eth0", { settings: { ...SETTINGS, disableIpv6: true } }),
    },
    ["broken: container web was given fd00::2, but IPv6 is switched off on its eth0"],
  ],
  [
    "accept-ra",
    "a route of an advertisement, and nobody listening",
    {
      host: both(
        withLink("eth0", { settings: { ...SETTINGS, acceptRa: 1 } }),
        more({ routes: [route("::/0", 2, "fe80::1", { protocol: 9 })] }),
      ),
    },
    [
      "risk: this machine will lose its IPv6 routes by eth0: it forwards, and takes no router advertisements any more",
    ],
  ],
  [
    "conntrack-full",
    "no room",
    {
      host: both(withSysctls({ "net.netfilter.nf_conntrack_max": "100" }), only({ connectionCount: 100 })),
    },
    ["broken: this machine drops new connections: its table of tracked ones is full"],
  ],
  [
    "neighbour-table",
    "nearly full, in all namespaces together",
    {
      host: both(
        withSysctls({ "net.ipv4.neigh.default.gc_thresh3": "2" }),
        more({ neighbours: [neighbour(3, "172.17.0.2", "02:42:ac:11:00:02")] }),
      ),
      web: more({ neighbours: [neighbour(2, "172.17.0.1", "02:00:00:00:00:03")] }),
    },
    ["broken: the IPv4 neighbour table is full: packets to hosts that are not in it are dropped"],
  ],
  [
    "stale-veth",
    "a namespace without anybody",
    {
      host: more({
        links: [
          link(9, "veth9", { kind: "veth", master: 3, other: { ifindex: 2, namespace: 9 as typeof DB } }),
        ],
      }),
      more: [namespace(9 as typeof DB, "nobody", { pids: [], links: [link(2, "eth0")] })],
    },
    ["risk: veth9 on docker0 leads to no container any more"],
  ],
  [
    "stale-namespace",
    "pinned by an engine",
    { more: [namespace(9 as typeof DB, "nobody", { pids: [], pins: ["/run/docker/netns/0123456789ab"] })] },
    ["note: a namespace is left behind by an engine: /run/docker/netns/0123456789ab"],
  ],
];
