/** Settings of the kernel that decide over packets: which are asked for, why, and of whom. */
import type { NetlinkSocket } from "../linux/netlink/socket.ts";
import { askSettingsOfAll } from "../linux/rtnetlink/dump/netconf.ts";
import type { SysctlReader } from "../linux/sysctl-directory.ts";
import type { Sysctls } from "./types.ts";

export interface WatchedSysctl {
  /** As sysctl(8) takes it. */
  readonly key: string;
  /** What becomes of packets by it. */
  readonly why: string;
  /**
   * `every`: of each namespace. `bridges`: of those with a bridge in them. `host`: of the reader's own alone, because the
   * kernel has one for all, or since no container's network is set up by it.
   */
  readonly of: "every" | "bridges" | "host";
}

/** A setting of one link is in `LinkSettings`: what `all` adds to it is asked for here. */
export const WATCHED: readonly WatchedSysctl[] = [
  { key: "net.ipv4.ip_forward", why: "whether IPv4 packets of others are passed on at all", of: "every" },
  { key: "net.ipv4.conf.all.rp_filter", why: "the larger of this and a link's is in force", of: "every" },
  {
    key: "net.ipv4.conf.all.route_localnet",
    why: "127.0.0.0/8 may come by a link, here or there",
    of: "every",
  },
  { key: "net.ipv4.conf.all.accept_local", why: "own addresses may be a source that comes in", of: "every" },
  {
    key: "net.ipv4.conf.all.arp_ignore",
    why: "which ARP requests are answered: the larger is in force",
    of: "every",
  },
  {
    key: "net.ipv4.conf.all.arp_announce",
    why: "which address asks by ARP: the larger is in force",
    of: "every",
  },
  { key: "net.ipv4.conf.all.proxy_arp", why: "ARP is answered for whom a route is known", of: "every" },
  {
    key: "net.ipv4.conf.all.src_valid_mark",
    why: "the reverse path is looked up with the mark",
    of: "every",
  },
  { key: "net.ipv4.ip_default_ttl", why: "how far what is sent here goes", of: "every" },
  {
    key: "net.ipv4.ip_local_port_range",
    why: "the ports that connections leave from, and how many",
    of: "every",
  },
  { key: "net.ipv4.icmp_echo_ignore_all", why: "a ping is not answered, though it arrives", of: "every" },
  {
    key: "net.ipv4.ip_nonlocal_bind",
    why: "sockets may be bound to addresses that are not here",
    of: "host",
  },
  { key: "net.ipv4.ip_unprivileged_port_start", why: "which ports are root's alone", of: "host" },
  {
    key: "net.ipv4.fib_multipath_hash_policy",
    why: "by what one of several next hops is chosen",
    of: "host",
  },
  { key: "net.ipv6.conf.all.forwarding", why: "whether IPv6 packets of others are passed on", of: "every" },
  {
    key: "net.bridge.bridge-nf-call-iptables",
    why: "bridged IPv4 packets are shown to IPv4's rules",
    of: "bridges",
  },
  {
    key: "net.bridge.bridge-nf-call-ip6tables",
    why: "bridged IPv6 packets are shown to IPv6's rules",
    of: "bridges",
  },
  { key: "net.bridge.bridge-nf-call-arptables", why: "bridged ARP is shown to ARP's rules", of: "bridges" },
  { key: "net.bridge.bridge-nf-filter-vlan-tagged", why: "so are those with a VLAN tag", of: "bridges" },
  {
    key: "net.bridge.bridge-nf-pass-vlan-input-dev",
    why: "by which link's name rules see them",
    of: "bridges",
  },
  { key: "net.ipv4.conf.default.rp_filter", why: "what new links begin with", of: "host" },
  { key: "net.ipv4.conf.default.forwarding", why: "what new links begin with", of: "host" },
  {
    key: "net.ipv4.ip_forward_use_pmtu",
    why: "whether a path MTU that was learned holds for what is passed on",
    of: "host",
  },
  { key: "net.ipv4.ip_no_pmtu_disc", why: "whether the path MTU is learned", of: "host" },
  { key: "net.ipv4.ip_local_reserved_ports", why: "ports that no connection leaves from", of: "host" },
  {
    key: "net.ipv4.icmp_echo_ignore_broadcasts",
    why: "a ping to a broadcast address is not answered",
    of: "host",
  },
  { key: "net.ipv4.icmp_ratelimit", why: "refusals are told seldom: a probe may wait in vain", of: "host" },
  { key: "net.ipv4.tcp_tw_reuse", why: "whether a port that waits out its time is used again", of: "host" },
  { key: "net.ipv4.tcp_max_tw_buckets", why: "how many may wait out their time", of: "host" },
  {
    key: "net.ipv4.tcp_mtu_probing",
    why: "whether TCP finds its way past a hole in the path MTU",
    of: "host",
  },
  { key: "net.ipv4.fib_multipath_use_neigh", why: "next hops that don't answer are passed over", of: "host" },
  {
    key: "net.ipv4.neigh.default.gc_thresh1",
    why: "the neighbour table is not cleared below it",
    of: "host",
  },
  {
    key: "net.ipv4.neigh.default.gc_thresh2",
    why: "the neighbour table is cleared soon above it",
    of: "host",
  },
  { key: "net.ipv4.neigh.default.gc_thresh3", why: "no neighbour is found above it", of: "host" },
  { key: "net.ipv6.neigh.default.gc_thresh1", why: "as of IPv4", of: "host" },
  { key: "net.ipv6.neigh.default.gc_thresh2", why: "as of IPv4", of: "host" },
  { key: "net.ipv6.neigh.default.gc_thresh3", why: "as of IPv4", of: "host" },
  { key: "net.ipv6.conf.all.disable_ipv6", why: "IPv6 is off", of: "host" },
  { key: "net.ipv6.conf.default.disable_ipv6", why: "new links have no IPv6", of: "host" },
  { key: "net.ipv6.conf.default.forwarding", why: "what new links begin with", of: "host" },
  { key: "net.ipv6.conf.all.accept_ra", why: "whether routers are heard", of: "host" },
  { key: "net.ipv6.route.max_size", why: "how many routes there may be", of: "host" },
  { key: "net.ipv6.bindv6only", why: "whether `::` takes IPv4 as well", of: "host" },
  {
    key: "net.netfilter.nf_conntrack_max",
    why: "no new connection is tracked, nor let in, above it",
    of: "host",
  },
  { key: "net.netfilter.nf_conntrack_buckets", why: "how long it takes to find one", of: "host" },
  {
    key: "net.netfilter.nf_conntrack_tcp_be_liberal",
    why: "whether what is out of its window is invalid",
    of: "host",
  },
  {
    key: "net.netfilter.nf_conntrack_tcp_loose",
    why: "whether a connection is taken up in its middle",
    of: "host",
  },
  { key: "net.core.somaxconn", why: "how many may wait to be accepted", of: "host" },
];

/** Told by netlink, in a tenth of the time. */
const BY_NETLINK: ReadonlySet<string> = new Set([
  "net.ipv4.ip_forward",
  "net.ipv4.conf.all.rp_filter",
  "net.ipv4.conf.all.proxy_arp",
  "net.ipv6.conf.all.forwarding",
]);

/** Keys of one directory, and their files in it. */
interface Group {
  readonly directory: string;
  readonly keys: readonly string[];
  readonly names: readonly string[];
}

const groupsOf = (wanted: (sysctl: WatchedSysctl) => boolean): Group[] => {
  const keys = WATCHED.filter(wanted).map(({ key }) => key);
  return [...Map.groupBy(keys, (key) => key.split(".").slice(0, 2).join("/"))].map(([directory, some]) => ({
    directory,
    keys: some,
    names: some.map((key) => key.split(".").slice(2).join("/")),
  }));
};

const EVERY = groupsOf(({ of, key }) => of === "every" && !BY_NETLINK.has(key));
const BRIDGES = groupsOf(({ of }) => of === "bridges");
const HOST = groupsOf(({ key }) => !BY_NETLINK.has(key));

/** Those of the namespace that the thread is in. @param host also those that are asked of the host alone @throws KernelError */
export const readSysctls = (reader: SysctlReader, host: boolean): Map<string, string> =>
  readGroups(reader, host ? HOST : EVERY);

/** Those that matter where there is a bridge, of the namespace that the thread is in. @throws KernelError */
export const readBridgeSysctls = (reader: SysctlReader): Sysctls => readGroups(reader, BRIDGES);

/** What of them netlink tells, of the socket's namespace. @throws KernelError */
export function readNetlinkSysctls(route: NetlinkSocket): Sysctls {
  const told = new Map<string, string>();
  const four = askSettingsOfAll("ask for settings of IPv4", 4, (all) => {
    told.set("net.ipv4.ip_forward", String(all.forwarding));
    told.set("net.ipv4.conf.all.rp_filter", String(all.reversePathFilter));
    told.set("net.ipv4.conf.all.proxy_arp", String(all.proxyNeighbours));
  });
  const six = askSettingsOfAll("ask for settings of IPv6", 6, (all) => {
    told.set("net.ipv6.conf.all.forwarding", String(all.forwarding));
  });
  const [refused] = route.transact([four, six]);
  if (refused) throw refused;
  // A kernel without IPv6 refuses the other: then the setting is not there.
  return told;
}

function readGroups(reader: SysctlReader, groups: readonly Group[]): Map<string, string> {
  const told = new Map<string, string>();
  for (const { directory, keys, names } of groups) {
    reader.read(directory, names).forEach((value, i) => {
      const key = keys[i];
      if (key !== undefined && value !== undefined) told.set(key, value);
    });
  }
  return told;
}
