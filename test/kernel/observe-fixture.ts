/** A namespace with something of everything in it, made by the tools that people use; and what those say of it. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";

/** Lines of ip(8). */
const IP = `
link set lo up
link add br0 type bridge ageing_time 12300 mcast_snooping 0 nf_call_iptables 1
link add v0 type veth peer name v1
link set v0 master br0 up
link set v1 up promisc on
link set br0 up
netns add blue
link add p0 alias "to-blue" type veth peer name eth0 netns blue
link set p0 up
link add mv0 link v1 type macvlan mode private
link add vx0 type vxlan id 77 dstport 4790
tuntap add tun0 mode tun
addr add 10.1.0.1/24 brd + dev br0
addr add 10.1.0.9/24 dev br0
addr add 10.2.0.1 peer 10.2.0.2/32 dev p0
addr add fd00:1::1/64 dev br0
route add 10.9.0.0/16 via 10.1.0.2 dev br0 metric 50 mtu 1400 src 10.1.0.9
route add 10.10.0.0/16 nexthop via 10.1.0.2 dev br0 weight 3 nexthop via 10.1.0.3 dev br0
route add blackhole 10.11.0.0/16
route add prohibit 10.12.0.0/16 table 77
route add 10.13.0.0/16 tos 0x10 via inet6 fd00:1::2 dev br0
route add unreachable fd00:5::/64
route add fd00:6::/64 via fd00:1::2 dev br0 proto static
route add 10.17.0.0/16 via 10.99.0.1 dev br0 onlink table 1000
route add default via 10.1.0.254
nexthop add id 7 via 10.1.0.7 dev br0
nexthop add id 8 via 10.1.0.8 dev br0
nexthop add id 9 group 7,2/8
nexthop add id 10 blackhole
route add 10.14.0.0/16 nhid 9
route add 10.15.0.0/16 nhid 10
route add 10.16.0.0/16 nhid 7
rule add from 10.1.0.0/24 to 10.9.0.0/16 fwmark 0x10/0xf0 table 77 pref 100
rule add not iif br0 oif p0 ipproto tcp sport 1-5 dport 80 goto 32766 pref 101
rule add uidrange 5-9 blackhole pref 102
rule add table main suppress_prefixlength 0 pref 103
rule add l3mdev pref 105
neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev br0 nud permanent
neigh add proxy 10.1.0.77 dev br0
neigh add fd00:1::2 lladdr 02:00:00:00:00:03 dev br0 nud stale
`;

const REST = `
ip -6 rule add tos 0x10 unreachable pref 104
bridge link set dev v0 isolated on hairpin on learning off flood off neigh_suppress on
bridge fdb add 02:00:00:00:00:55 dev v0 master static
bridge fdb add 02:00:00:00:00:56 dev v0 master permanent
ip -n blue link set lo up
ip -n blue link set eth0 up
tc qdisc add dev p0 clsact
`;

/** Make it in the namespaces that the test is in. */
export function furnish(): void {
  // Addresses are used at once: nothing changes by itself while it is compared.
  writeFileSync("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
  execFileSync("ip", ["-batch", "-"], { input: IP });
  execFileSync("sh", ["-ec", REST]);
}

/** What a tool says, `ip -j route`, as it is. */
// biome-ignore lint/suspicious/noExplicitAny: of many shapes, and compared field by field
export const told = (command: string): any[] => {
  const [program = "", ...args] = command.split(" ");
  return JSON.parse(execFileSync(program, args, { encoding: "utf8" }) || "[]");
};
