import type { Section } from "./setups.ts";

const PING_OUT = "docker exec web ping -c 1 -W 1 203.0.113.1";
const PING_WEB = "docker exec peer ping -c 1 -W 1 172.17.0.2";
const FROM_OUTSIDE = "elsewhere curl -s -m 1 203.0.113.2:8080";
const AT_HOME = "curl -s -m 1 127.0.0.1:8080";
const CLEAN = "iptables -P FORWARD ACCEPT; iptables -P INPUT ACCEPT; iptables -F; iptables -X";

/** What is too large, rules where few look for them, and rules that are missing. */
export const RULES: Section = {
  title: "Packet sizes, other rules and settings",
  about:
    "`web` (172.17.0.2, publishes 8080 for its port 80) and `peer` are on `docker0`. Which rule drops a packet is not guessed: the kernel's own rules are run on it, and the trace sends one and watches.",
  scene: `
    docker run -d --name web -p 8080:80 busybox httpd -f -p 80
    docker run -d --name peer busybox sleep 10000
  `,
  frozen: true,
  setups: [
    {
      title: "Small packets pass, large ones are lost between a container and its bridge",
      broken: "ip link set $veth_web mtu 1400",
      symptom: "docker exec web ping -c 1 -W 1 -s 1450 172.17.0.1",
      ask: "drawbridge doctor",
      says: ["mtu-mismatch: web loses packets of more than 1400 bytes: its eth0 sends 1500, … takes 1400"],
      fix: "nsenter --net=… ip link set eth0 mtu 1400",
      undo: "ip link set $veth_web mtu 1500; nsenter -t $web -n ip link set eth0 mtu 1500",
    },
    {
      title: "Large packets of the whole machine are lost on the wire",
      broken: "elsewhere ip link set host mtu 1400",
      symptom: "ping -c 1 -W 1 -M do -s 1450 203.0.113.1",
      ask: "drawbridge doctor",
      says: [
        "path-mtu: this machine loses packets of more than 1404 bytes on the way to its gateway 203.0.113.1, though eth0 sends up to 1500",
      ],
      mend: "elsewhere ip link set host mtu 1500",
    },
    {
      title: "https hangs in containers while a VPN is up: nobody tells them that packets are too big",
      broken:
        "ip link set eth0 mtu 1400; nft 'add table ip quiet; add chain ip quiet out { type filter hook output priority 0; }; add rule ip quiet out icmp type destination-unreachable drop'",
      symptom: "docker exec web ping -c 1 -W 1 -s 1450 203.0.113.1",
      ask: "drawbridge doctor",
      says: [
        "mtu-uplink: containers peer and web may hang on large transfers: they take 1500 bytes a packet, and eth0 takes 1400",
      ],
      mend: "nft delete table ip quiet; ip link set eth0 mtu 1500",
    },
    {
      title: "Which packets are too big for the way?",
      broken: "ip link set eth0 mtu 1400",
      symptom: "drawbridge trace --size 1480 web outside",
      ask: "drawbridge trace --size 1480 web outside",
      says: [
        "dropped in namespace host at the MTU: 1480 bytes are too many for eth0 of host, where 1400 fit, and the packet may not be cut into fragments (the kernel says PKT_TOO_BIG in ip_forward); to mend it: nsenter -t … -n ip link set eth0 mtu 1400",
      ],
      mend: "ip link set eth0 mtu 1500",
    },
    {
      title: "A published port answers neighbours, and nobody from afar, since a VPN is up",
      broken:
        "ip link add vpn0 type veth peer vpn1; ip addr add 10.8.0.2/24 dev vpn0; ip link set vpn0 up; ip link set vpn1 up; ip route replace default via 10.8.0.1; sysctl -w net.ipv4.conf.eth0.rp_filter=1",
      symptom: "elsewhere curl -s -m 1 --interface 198.51.100.10 203.0.113.2:8080",
      ask: "drawbridge trace 198.51.100.10 host:8080",
      says: [
        "dropped in namespace host at the reverse path filter of eth0: host refuses packets from 198.51.100.10 by eth0: the answer would leave by vpn0 (rp_filter is 1) (the kernel says IP_RPFILTER in ip_rcv_finish_core); to mend it: sysctl -w net.ipv4.conf.eth0.rp_filter=2 net.ipv4.conf.all.rp_filter=2",
      ],
      undo: "sysctl -w net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.all.rp_filter=0; ip link del vpn0; ip route replace default via 203.0.113.1",
    },
    {
      title: "A rule at ingress, before all that iptables shows",
      broken: `nft 'add table netdev mine; add chain netdev mine entering { type filter hook ingress device eth0 priority 0; }; add rule netdev mine entering tcp dport 8080 drop'`,
      symptom: FROM_OUTSIDE,
      ask: "drawbridge trace outside host:8080",
      says: [
        "dropped in namespace host at table netdev mine, chain entering: a rule closes the way from outside to host (rule netdev mine entering handle …: tcp dport 8080 drop); to allow it: nft delete rule netdev mine entering handle …",
      ],
      fix: "nft delete rule netdev mine entering handle …",
      undo: "nft delete table netdev mine",
    },
    {
      title: "Containers of one bridge don't reach each other: a rule of the bridge family",
      broken: `nft 'add table bridge mine; add chain bridge mine passing { type filter hook forward priority 0; }; add rule bridge mine passing ip protocol icmp drop'`,
      symptom: PING_WEB,
      ask: "drawbridge doctor",
      says: [
        "way-within: containers on bridge don't reach each other, as peer and web: table bridge mine, chain passing: a rule closes the way from peer to web",
      ],
      fix: "nft delete rule bridge mine passing handle …",
      undo: "nft delete table bridge mine",
    },
    {
      title:
        "Containers of one bridge don't reach each other: bridge-nf-call-iptables, and a FORWARD that drops",
      broken:
        "sysctl -w net.bridge.bridge-nf-call-iptables=1; iptables -P FORWARD DROP; iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT; iptables -A FORWARD ! -i docker0 -o docker0 -j ACCEPT",
      symptom: PING_WEB,
      ask: "drawbridge doctor",
      says: [
        "way-within: containers on bridge don't reach each other, as peer and web: table ip filter, chain FORWARD: the policy closes the way from peer to web",
      ],
      mend: "sysctl -w net.bridge.bridge-nf-call-iptables=0",
      undo: CLEAN,
    },
    {
      title: "A container does not reach a service of the host: INPUT drops",
      broken: "iptables -P INPUT DROP",
      symptom: "docker exec web ping -c 1 -W 1 172.17.0.1",
      ask: "drawbridge trace web host",
      says: [
        "dropped in namespace host at table ip filter, chain INPUT: the policy closes the way from web to host (policy drop of ip filter INPUT); to allow it: iptables -t filter -P INPUT ACCEPT",
      ],
      fix: "iptables -t filter -P INPUT ACCEPT",
    },
    {
      title: "The host reaches no container: OUTPUT drops",
      broken: "iptables -P OUTPUT DROP",
      symptom: "ping -c 1 -W 1 172.17.0.2",
      ask: "drawbridge trace host web",
      says: [
        "dropped in namespace host at table ip filter, chain OUTPUT: the policy closes the way from host to web (policy drop of ip filter OUTPUT); to allow it: iptables -t filter -P OUTPUT ACCEPT",
      ],
      fix: "iptables -t filter -P OUTPUT ACCEPT",
    },
    {
      title: "A firewall inside a container",
      broken: "nsenter -t $web -n iptables -P INPUT DROP",
      symptom: PING_WEB,
      ask: "drawbridge trace peer web",
      says: [
        "dropped in namespace web at table ip filter, chain INPUT: the policy closes the way from peer to web (policy drop of ip filter INPUT); to allow it: nsenter -t … -n iptables -t filter -P INPUT ACCEPT",
      ],
      fix: "nsenter -t … -n iptables -t filter -P INPUT ACCEPT",
    },
    {
      title: "A firewall inside a container lets no questions for names out",
      broken: "nsenter -t $web -n iptables -A OUTPUT -p udp --dport 53 -j DROP",
      symptom: "docker exec web timeout 1 nslookup example.org",
      ask: "drawbridge doctor web",
      says: [
        "dns-answers: container web can't resolve names at 203.0.113.1, a name server of theirs: table ip filter, chain OUTPUT: a rule closes the way from web to outside",
      ],
      mend: "nsenter -t $web -n iptables -F OUTPUT",
    },
    {
      title: "Nothing is published any more: somebody has flushed the rule set",
      broken: "nft list ruleset > /tmp/rules; nft flush ruleset",
      symptom: FROM_OUTSIDE,
      ask: "drawbridge doctor",
      says: [
        "engine-rules: table inet drawbridge and table bridge drawbridge-guard of Drawbridge are gone: containers are not kept apart, and no port is published",
        "dns-answers: containers peer and web can't resolve names at 203.0.113.1, a name server of theirs: routing: it came under peer's own address 172.17.0.3, to which outside has no route: no rule of the host translates it",
      ],
      mend: "nft -f /tmp/rules",
    },
    {
      title: "The rule set was flushed: where a container's packet gets lost",
      broken: "nft list ruleset > /tmp/rules; nft flush ruleset",
      symptom: PING_OUT,
      ask: "drawbridge trace web outside",
      says: [
        "the answer is dropped in namespace outside at routing: it came under web's own address 172.17.0.2, to which outside has no route: no rule of the host translates it; to mend it: systemctl restart drawbridge",
      ],
      mend: "nft -f /tmp/rules",
    },
    {
      title: "The rule set was flushed: where a client's packet gets lost",
      broken: "nft list ruleset > /tmp/rules; nft flush ruleset",
      symptom: FROM_OUTSIDE,
      ask: "drawbridge trace outside host:8080",
      says: [
        "refused in namespace host at published port 8080/tcp: web publishes it, and no rule of the host translates it: drawbridge's rules are gone, or something keeps it from them (the kernel says NO_SOCKET in tcp_v4_rcv); to mend it: systemctl restart drawbridge",
      ],
      mend: "nft -f /tmp/rules",
    },
    {
      title: "Published ports are not translated: connections are not tracked",
      broken: "iptables -t raw -A PREROUTING -i eth0 -p tcp --dport 8080 -j NOTRACK",
      symptom: FROM_OUTSIDE,
      ask: "drawbridge trace outside host:8080",
      says: [
        "refused in namespace host at published port 8080/tcp: web publishes it, and no rule of the host translates it: drawbridge's rules are gone, or something keeps it from them (the kernel says NO_SOCKET in tcp_v4_rcv); to mend it: systemctl restart drawbridge",
      ],
      mend: "iptables -t raw -F PREROUTING",
    },
    {
      title: "A published port does not answer at 127.0.0.1",
      broken: "sysctl -w net.ipv4.conf.docker0.route_localnet=0",
      symptom: AT_HOME,
      ask: "drawbridge doctor",
      says: [
        "way-local: this machine can't reach port 8080/tcp of web at its own 127.0.0.1: net.ipv4.conf.docker0.route_localnet is off",
      ],
      fix: "sysctl -w net.ipv4.conf.docker0.route_localnet=1",
    },
  ],
};
