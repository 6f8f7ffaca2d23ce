/**
 * Set-ups that look odd and are right: the doctor says nothing of them, and what a trace predicts is what happens.
 */
export interface Healthy {
  readonly title: string;
  /** Shell lines. */
  readonly made: string;
  /** What a trace is asked for, and its exit code: 0 reached, 1 not, 2 it leaves this machine. */
  readonly traces: Readonly<Record<string, 0 | 1 | 2>>;
  readonly undone: string;
}

export const HEALTHY_SCENE = `
  docker network create shop
  docker run -d --name web -p 8080:80 busybox httpd -f -p 80
  docker run -d --name db --network shop busybox httpd -f -p 80
  docker run -d --name api --network shop busybox sleep 10000
`;

const UFW = `iptables-restore <<END
*filter
:FORWARD DROP
:ufw-before-forward -
:ufw-user-forward -
-A FORWARD -j ufw-before-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
-A ufw-user-forward -i docker0 -j ACCEPT
-A ufw-user-forward -o docker0 -j ACCEPT
-A ufw-user-forward -i br-+ -j ACCEPT
-A ufw-user-forward -o br-+ -j ACCEPT
COMMIT
END`;
const NO_IPTABLES = "iptables -P FORWARD ACCEPT; iptables -F; iptables -X";
const gone = (...names: readonly string[]): string => `docker rm -f ${names.join(" ")}`;

export const HEALTHY: readonly Healthy[] = [
  {
    title: "two networks that may not reach each other, one port that is published",
    made: ":",
    traces: { "web outside": 0, "outside host:8080": 0, "api db:80": 0, "api web:80": 1, "api host:8080": 0 },
    undone: ":",
  },
  {
    title: "many networks",
    made: "for n in 1 2 3 4 5; do docker network create many$n; done; docker network connect many3 api",
    traces: { "api outside": 0, "api db:80": 0 },
    undone: "docker network disconnect many3 api; docker network rm many1 many2 many3 many4 many5",
  },
  {
    title: "a network with IPv6",
    made: "docker network create --ipv6 --subnet fd00:6::/64 six; docker run -d --name s6 --network six busybox httpd -f -p 80",
    traces: { "-6 s6 outside": 0, "s6 outside": 0, "-6 host s6:80": 0 },
    undone: `${gone("s6")}; docker network rm six`,
  },
  {
    title: "an internal network, whose containers have no way out by wish",
    made: "docker network create --internal vault; docker run -d --name safe --network vault busybox httpd -f -p 80",
    traces: { "safe outside": 1, "host safe:80": 0, "web safe:80": 1 },
    undone: `${gone("safe")}; docker network rm vault`,
  },
  {
    title: "a network whose containers may not speak with each other",
    made: "docker network create --opt com.docker.network.bridge.enable_icc=false quiet; docker run -d --name q1 --network quiet busybox httpd -f -p 80; docker run -d --name q2 --network quiet busybox httpd -f -p 80",
    traces: { "q1 q2:80": 1, "q1 outside": 0, "host q1:80": 0 },
    undone: `${gone("q1", "q2")}; docker network rm quiet`,
  },
  {
    title: "a container on the host's own network",
    made: "docker run -d --name own --network host busybox httpd -f -p 8099",
    traces: { "outside host:8099": 0, "web host:8099": 0 },
    undone: gone("own"),
  },
  {
    title: "a container without a network",
    made: "docker run -d --name alone --network none busybox sleep 1000",
    traces: { "alone 203.0.113.1": 1 },
    undone: gone("alone"),
  },
  {
    title: "a container that shares another one's network",
    made: "docker run -d --name side --network container:web busybox sleep 1000",
    traces: { "side outside": 0, "side db:80": 1 },
    undone: gone("side"),
  },
  {
    title: "containers that are stopped, created and paused",
    made: "docker run --name over busybox true; docker create --name later -p 8080:80 busybox true; docker pause api",
    traces: { "web outside": 0 },
    undone: `docker unpause api; ${gone("over", "later")}`,
  },
  {
    title: "a port for this machine alone, and one by UDP",
    made: "docker run -d --name near -p 127.0.0.1:8084:80 busybox httpd -f -p 80",
    traces: { "host 127.0.0.1:8084": 0, "outside host:8084": 1 },
    undone: gone("near"),
  },
  {
    title: "small packets everywhere",
    made: "docker network create --opt com.docker.network.driver.mtu=1300 small; docker run -d --name tiny --network small busybox httpd -f -p 80",
    traces: { "--size 1300 tiny outside": 0, "host tiny:80": 0 },
    undone: `${gone("tiny")}; docker network rm small`,
  },
  {
    title: "a container on two networks, with its way out by the second",
    made: "docker network create wide; docker run -d --name both --network name=shop,gw-priority=0 --network name=wide,gw-priority=9 busybox httpd -f -p 80",
    traces: { "both outside": 0, "both db:80": 0, "api both:80": 0 },
    undone: `${gone("both")}; docker network rm wide`,
  },
  {
    title: "ufw, with rules that let containers pass",
    made: UFW,
    traces: { "web outside": 0, "outside host:8080": 0, "api db:80": 0 },
    undone: NO_IPTABLES,
  },
  {
    title: "a FORWARD that drops, after rules for what is wanted",
    made: "iptables -P FORWARD DROP; iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; iptables -A FORWARD ! -i eth0 -j ACCEPT; iptables -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT",
    traces: { "web outside": 0, "outside host:8080": 0 },
    undone: NO_IPTABLES,
  },
  {
    title: "tables of one's own that count, and close what is not published",
    made: "nft 'add table inet mine; add chain inet mine forwarded { type filter hook forward priority 10; }; add rule inet mine forwarded counter; add rule inet mine forwarded tcp dport 25 drop'; iptables -A FORWARD -o docker0 -p tcp --dport 443 -j REJECT",
    traces: { "web outside": 0, "outside host:8080": 0 },
    undone: `nft delete table inet mine; ${NO_IPTABLES}`,
  },
  {
    title:
      "the administrator's table, closed for a port that nobody publishes and for an address that nobody has",
    made: "nft add element inet drawbridge-admin closed '{ tcp . 8888 }'; nft add element inet drawbridge-admin denied4 '{ 192.0.2.0/24 }'",
    traces: { "outside host:8080": 0 },
    undone:
      "nft delete element inet drawbridge-admin closed '{ tcp . 8888 }'; nft delete element inet drawbridge-admin denied4 '{ 192.0.2.0/24 }'",
  },
  {
    title: "a VPN with subnets of its own, and static routes",
    made: "ip link add vpn0 type veth peer vpn1; ip link set vpn0 up; ip link set vpn1 up; ip addr add 10.8.0.2/24 dev vpn0; ip route add 10.9.0.0/16 via 10.8.0.1; ip route add 192.0.2.0/24 via 203.0.113.1",
    traces: { "web outside": 0, "web 198.51.100.10": 0 },
    undone: "ip link del vpn0; ip route del 192.0.2.0/24",
  },
  {
    title: "a strict reverse path filter, where ways are straight",
    made: "sysctl -w net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.docker0.rp_filter=1",
    traces: { "outside host:8080": 0, "198.51.100.10 host:8080": 0, "web outside": 0 },
    undone: "sysctl -w net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.docker0.rp_filter=0",
  },
  {
    title: "a second address of the host, and a service at it",
    made: "ip addr add 203.0.113.20/24 dev eth0",
    traces: { "outside 203.0.113.20:8080": 0, "web 203.0.113.20:8080": 0 },
    undone: "ip addr del 203.0.113.20/24 dev eth0",
  },
  {
    title: "shop of several containers under names that they share",
    made: "docker run -d --name one --network shop --network-alias front busybox httpd -f -p 80; docker run -d --name two --network shop --network-alias front busybox httpd -f -p 80",
    traces: { "api front:80": 0, "api one:80": 0 },
    undone: gone("one", "two"),
  },
  {
    title: "a network whose containers may send from any address",
    made: "docker network create --opt drawbridge.spoof-guard=false free; docker run -d --name odd --network free --mac-address 02:11:22:33:44:55 busybox httpd -f -p 80",
    traces: { "odd outside": 0, "host odd:80": 0 },
    undone: `${gone("odd")}; docker network rm free`,
  },
  {
    title: "ports added to a container that runs, and taken away again",
    made: "drawbridge port add web 8090:80; drawbridge port add web 8091:80; drawbridge port rm web 8091:80",
    traces: { "outside host:8090": 0, "outside host:8091": 1 },
    undone: "drawbridge port rm web 8090:80",
  },
];
