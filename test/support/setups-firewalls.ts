import type { Section } from "./setups.ts";

const PING_OUT = "docker exec web ping -c 1 -W 1 203.0.113.1";
const FROM_OUTSIDE = "elsewhere curl -s -m 1 203.0.113.2:8080";

/** ufw 0.36 with its defaults, as far as it says something of what is forwarded. */
const UFW = `iptables-restore <<END
*filter
:FORWARD DROP
:ufw-before-forward -
:ufw-user-forward -
-A FORWARD -j ufw-before-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
COMMIT
END`;

/** firewalld with its backend of nftables: \`eth0\` in the zone public, and bridges in none. */
const FIREWALLD = `nft -f - <<END
table inet firewalld {
  chain filter_FORWARD {
    type filter hook forward priority 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    jump filter_FORWARD_ZONES
    ct state invalid drop
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD_ZONES { iifname "eth0" goto filter_FWD_public; }
  chain filter_FWD_public { meta l4proto { icmp, ipv6-icmp } accept; reject with icmpx admin-prohibited; }
}
END`;

/** dockerd 28, for its own bridges and for no others. */
const DOCKERD = `iptables-restore <<END
*filter
:FORWARD DROP
:DOCKER -
:DOCKER-FORWARD -
:DOCKER-USER -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER-FORWARD -i br-dockers -j ACCEPT
COMMIT
END`;

/** kube-proxy, where FORWARD has been set to drop. */
const KUBERNETES = `iptables-restore <<END
*filter
:FORWARD DROP
:KUBE-FORWARD -
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
END`;

const CLEAN = "iptables -P FORWARD ACCEPT; iptables -P INPUT ACCEPT; iptables -F; iptables -X";

/** Who closes what, by the rule that does. */
export const FIREWALLS: Section = {
  title: "Firewalls of the host",
  about:
    "`web` (172.17.0.2, publishes 8080 for its port 80) and `peer` are on `docker0`. Which rule drops a packet is not guessed: the kernel's own rules are run on it, and the trace sends one and watches.",
  scene: `
    docker run -d --name web -p 8080:80 busybox httpd -f -p 80
    docker run -d --name peer busybox sleep 10000
  `,
  frozen: true,
  setups: [
    {
      title: "No container reaches the internet since a table of nftables was loaded",
      broken: `nft 'add table inet mine; add chain inet mine forwarded { type filter hook forward priority 10; }; add rule inet mine forwarded ip saddr 172.17.0.0/16 drop'`,
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "way-out: containers peer and web can't reach other hosts: table inet mine, chain forwarded: a rule closes the way from peer to outside",
        "way-within: containers on bridge don't reach each other, as peer and web: table inet mine, chain forwarded: a rule closes the way from peer to web",
      ],
      fix: "nft delete rule inet mine forwarded handle …",
      undo: "nft delete table inet mine",
    },
    {
      title: "A published port is refused since a rule of iptables",
      broken: "iptables -I FORWARD -o docker0 -p tcp --dport 80 -j REJECT",
      symptom: FROM_OUTSIDE,
      ask: "drawbridge doctor",
      says: [
        "way-in: port 8080/tcp of web is closed for whoever comes by eth0: table ip filter, chain FORWARD: a rule closes the way from outside to web",
      ],
      fix: "nft delete rule ip filter FORWARD handle …",
    },
    {
      title: "A rule of iptables-legacy, which nft does not list",
      broken: "iptables-legacy -A FORWARD -i docker0 ! -o docker0 -j DROP",
      symptom: PING_OUT,
      ask: "drawbridge trace web outside",
      says: [
        "dropped in namespace host at table filter, chain FORWARD: a rule closes the way from web to outside (rule iptables -t filter FORWARD rule 1: -A FORWARD -i docker0 ! -o docker0 -j DROP); to allow it: iptables-legacy -t filter -D FORWARD 1",
      ],
      fix: "iptables-legacy -t filter -D FORWARD 1",
    },
    {
      title: "Somebody has set FORWARD to DROP",
      broken: "iptables -P FORWARD DROP",
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "way-out: containers peer and web can't reach other hosts: table ip filter, chain FORWARD: the policy closes the way from peer to outside",
        "way-in: port 8080/tcp of web is closed for whoever comes by eth0: table ip filter, chain FORWARD: the policy closes the way from outside to web",
        "way-within: containers on bridge don't reach each other, as peer and web: table ip filter, chain FORWARD: the policy closes the way from peer to web",
      ],
      fix: "iptables -t filter -P FORWARD ACCEPT",
    },
    {
      title: "ufw is on, and containers reach nothing",
      broken: UFW,
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "way-out: containers peer and web can't reach other hosts: ufw: it drops what is forwarded for docker0",
        "way-in: port 8080/tcp of web is closed for whoever comes by eth0: ufw: it drops what is forwarded for docker0",
        "way-within: containers on bridge don't reach each other, as peer and web: ufw: it drops what is forwarded for docker0",
      ],
      fix: "ufw route allow in on docker0; ufw route allow out on docker0",
      mend: "iptables -A ufw-user-forward -i docker0 -j ACCEPT; iptables -A ufw-user-forward -o docker0 -j ACCEPT",
      undo: CLEAN,
    },
    {
      title: "firewalld was started after the engine",
      broken: FIREWALLD,
      symptom: "docker exec web nc -w 1 203.0.113.1 9 2>&1 | grep -q refused",
      ask: "drawbridge doctor",
      says: [
        "way-out: containers peer and web can't reach other hosts: firewalld: the zone of docker0 does not let it pass",
        "way-within: containers on bridge don't reach each other, as peer and web: firewalld: the zone of docker0 does not let it pass",
      ],
      fix: "firewall-cmd --permanent --zone=trusted --add-interface=docker0; firewall-cmd --reload",
      mend: `nft insert rule inet firewalld filter_FORWARD_ZONES iifname docker0 accept; nft insert rule inet firewalld filter_FORWARD_ZONES oifname docker0 accept`,
      undo: "nft delete table inet firewalld",
    },
    {
      title: "Docker is installed beside, and drops what is not its own",
      broken: DOCKERD,
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "way-out: containers peer and web can't reach other hosts: Docker's FORWARD policy: Docker drops whatever is not forwarded for its own networks, as for docker0",
        "way-in: port 8080/tcp of web is closed for whoever comes by eth0: Docker's FORWARD policy: Docker drops whatever is not forwarded for its own networks, as for docker0",
        "way-within: containers on bridge don't reach each other, as peer and web: Docker's FORWARD policy: Docker drops whatever is not forwarded for its own networks, as for docker0",
      ],
      fix: "iptables -I DOCKER-USER -i docker0 -j ACCEPT; iptables -I DOCKER-USER -o docker0 -j ACCEPT",
      undo: CLEAN,
    },
    {
      title: "Kubernetes is on the machine, and FORWARD drops",
      broken: KUBERNETES,
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "way-out: containers peer and web can't reach other hosts: table ip filter, chain FORWARD: the policy closes the way from peer to outside",
        "way-in: port 8080/tcp of web is closed for whoever comes by eth0: table ip filter, chain FORWARD: the policy closes the way from outside to web",
        "way-within: containers on bridge don't reach each other, as peer and web: table ip filter, chain FORWARD: the policy closes the way from peer to web",
      ],
      fix: "iptables -t filter -P FORWARD ACCEPT",
      undo: CLEAN,
    },
    {
      title: "A rule in DOCKER-USER closes a published port",
      broken:
        "iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER; iptables -A DOCKER-USER -i eth0 -p tcp --dport 80 -j DROP",
      symptom: FROM_OUTSIDE,
      ask: "drawbridge doctor",
      says: [
        "way-in: port 8080/tcp of web is closed for whoever comes by eth0: the administrator's rules: chain DOCKER-USER closes it",
      ],
      fix: "nft delete rule ip filter DOCKER-USER handle …",
      undo: CLEAN,
    },
    {
      title: "A published port is closed by the administrator's set",
      broken: `nft add element inet drawbridge-admin closed '{ tcp . 8080 }'`,
      symptom: FROM_OUTSIDE,
      ask: "drawbridge doctor",
      says: [
        "way-in: port 8080/tcp of web is closed for whoever comes by eth0: the administrator's rules: port 8080/tcp is in set closed of table inet drawbridge-admin",
      ],
      fix: "nft delete element inet drawbridge-admin closed '{ tcp . 8080 }'",
    },
    {
      title: "A published port is closed on one link alone",
      broken: `nft add element inet drawbridge-admin closed_from '{ "eth0" . tcp . 8080 }'`,
      symptom: FROM_OUTSIDE,
      ask: "drawbridge trace outside host:8080",
      says: [
        "dropped in namespace host at the administrator's rules: port 8080/tcp is in set closed_from of table inet drawbridge-admin (rule inet drawbridge-admin published handle …: meta l4proto tcp iifname . meta l4proto . ct original proto-dst @closed_from drop); to allow it: nft delete element inet drawbridge-admin closed_from '{ \"eth0\" . tcp . 8080 }'",
      ],
      fix: `nft delete element inet drawbridge-admin closed_from '{ "eth0" . tcp . 8080 }'`,
    },
    {
      title: "One client is kept out",
      broken: "nft add element inet drawbridge-admin denied4 '{ 203.0.113.0/24 }'",
      symptom: FROM_OUTSIDE,
      ask: "drawbridge trace outside host:8080",
      says: [
        "dropped in namespace host at the administrator's rules: the sender's address is in set denied4 of table inet drawbridge-admin (rule inet drawbridge-admin entering handle …: ct direction original ip saddr @denied4 drop); to look closer: nft list set inet drawbridge-admin denied4",
      ],
      mend: "nft delete element inet drawbridge-admin denied4 '{ 203.0.113.0/24 }'",
    },
    {
      title: "A published port is closed by a rule of the administrator's own",
      broken: `nft add rule inet drawbridge-admin user 'meta l4proto tcp ct original proto-dst 8080 ip saddr != 192.0.2.0/24 drop'`,
      symptom: FROM_OUTSIDE,
      ask: "drawbridge trace outside host:8080",
      says: [
        "dropped in namespace host at the administrator's rules: chain user closes it (rule inet drawbridge-admin user handle …: meta l4proto tcp ct original proto-dst 8080 ip saddr != 192.0.2.0/24 drop); to allow it: nft delete rule inet drawbridge-admin user handle …",
      ],
      fix: "nft delete rule inet drawbridge-admin user handle …",
    },
  ],
};
