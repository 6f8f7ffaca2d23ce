import type { Section } from "./setups.ts";

const LOOK_UP = "docker exec web timeout 1 nslookup example.org";
const DEAD = "echo nameserver 203.0.113.77 > /etc/resolv.conf";
const RESTORE = "echo nameserver 203.0.113.1 > /etc/resolv.conf";
/** The engine follows the host's file within a moment. */
const followed = (word: string): string => `docker exec web grep -q '${word}' /etc/resolv.conf`;

/** Names, and IPv6. */
export const NAMES: Section = {
  title: "Names and IPv6",
  about:
    "`web` and `peer` are on the default bridge and ask the host's name server, 203.0.113.1, themselves; `db` and `api` are on network `shop`, where the engine answers at 127.0.0.11; `six` is on `net6`, which has IPv6.",
  scene: `
    docker network create shop
    docker network create --ipv6 --subnet fd00:6::/64 net6
    docker run -d --name web busybox sleep 10000
    docker run -d --name peer busybox sleep 10000
    docker run -d --name db --network shop busybox sleep 10000
    docker run -d --name api --network shop busybox sleep 10000
    docker run -d --name six --network net6 busybox sleep 10000
  `,
  frozen: false,
  setups: [
    {
      title: "Containers resolve no names: the name server is dead",
      broken: DEAD,
      settled: followed("203.0.113.77"),
      symptom: LOOK_UP,
      ask: "drawbridge doctor",
      says: [
        "dns-answers: containers peer and web can't resolve names at 203.0.113.77, a name server of theirs: neighbours: nobody on eth0 of host answers for 203.0.113.77",
        "dns-answers: containers api, db and six can't resolve names of the outside: those that the engine's resolver asks don't answer",
      ],
      mend: RESTORE,
    },
    {
      title: "The name server is dead, as a trace to a name tells it",
      broken: DEAD,
      settled: followed("203.0.113.77"),
      symptom: LOOK_UP,
      ask: "drawbridge trace web example.org:80",
      says: ["not reached: example.org has no address for web: 203.0.113.77 did not answer within 1000 ms"],
      mend: RESTORE,
    },
    {
      title: "A container asks 127.0.0.53, which is the host's own stub",
      broken: "docker exec web sh -c 'echo nameserver 127.0.0.53 > /etc/resolv.conf'",
      symptom: LOOK_UP,
      ask: "drawbridge doctor",
      says: [
        "dns-servers: container web resolves no names: it asks 127.0.0.53, where nobody listens in a container",
      ],
      mend: "docker exec web sh -c 'echo nameserver 203.0.113.1 > /etc/resolv.conf'",
    },
    {
      title: "A container has no name server at all",
      broken: "docker exec web sh -c ': > /etc/resolv.conf'",
      symptom: LOOK_UP,
      ask: "drawbridge doctor",
      says: ["dns-servers: container web resolves no names: its resolv.conf has no nameserver"],
      mend: "docker exec web sh -c 'echo nameserver 203.0.113.1 > /etc/resolv.conf'",
    },
    {
      title: "Each look-up takes long: a search list and ndots:5",
      broken:
        "printf 'nameserver 203.0.113.1\\nsearch a.example b.example c.example d.example\\noptions ndots:5\\n' > /etc/resolv.conf",
      settled: followed("ndots:5"),
      symptom: "! docker exec web grep -q ndots:5 /etc/resolv.conf",
      ask: "drawbridge doctor",
      says: [
        "dns-search: containers peer, web, api and 2 more: a name like example.com is first asked for with each of 4 search domains",
      ],
      mend: RESTORE,
    },
    {
      title: "An old entry of /etc/hosts leads elsewhere",
      broken: "docker exec web sh -c 'cp /etc/hosts /tmp/hosts; echo 10.1.1.1 example.org >> /etc/hosts'",
      symptom: "docker exec web ping -c 1 -W 1 example.org",
      ask: "drawbridge trace web example.org",
      says: [
        "dropped in namespace outside at forwarding: 10.1.1.1 is not an address of outside, which does not forward IPv4 packets (net.ipv4.ip_forward is 0) (the kernel says IP_INADDRERRORS in ip_error); to mend it: nsenter -t … -n sysctl -w net.ipv4.ip_forward=1",
      ],
      mend: "docker exec web sh -c 'cat /tmp/hosts > /etc/hosts'",
    },
    {
      title: "Names of one network are gone: the rules inside the container were flushed",
      broken: "nsenter -t $db -n nft list ruleset > /tmp/inside; nsenter -t $db -n nft flush ruleset",
      symptom: "docker exec db timeout 1 nslookup api",
      ask: "drawbridge doctor",
      says: [
        "dns-answers: container db can't resolve names: the engine's resolver at 127.0.0.11 does not answer (receive a datagram: connection refused (ECONNREFUSED))",
      ],
      mend: "nsenter -t $db -n nft -f /tmp/inside",
    },
    {
      title: "A name is misspelt",
      broken: ":",
      symptom: "docker exec db ping -c 1 -W 1 apj",
      ask: "drawbridge trace db apj:80",
      says: [
        'a container named "apj" isn\'t here, nor is it a name for db: 127.0.0.11 says of apj: no such name; did you mean api?',
      ],
    },
    {
      title: "Containers have IPv6, and reach nobody by it",
      broken: "sysctl -w net.ipv6.conf.all.forwarding=0",
      symptom: "docker exec six ping -c 1 -W 1 2001:db8::1",
      ask: "drawbridge doctor",
      says: [
        "forwarding-off: container six can't reach other hosts over IPv6: this machine does not forward it",
      ],
      fix: "sysctl -w net.ipv6.conf.all.forwarding=1",
    },
    {
      title: "IPv6 is switched off inside one container",
      broken: "nsenter -t $six -n sysctl -w net.ipv6.conf.eth0.disable_ipv6=1",
      symptom: "docker exec six ping -c 1 -W 1 2001:db8::1",
      ask: "drawbridge doctor",
      says: ["ipv6-half: container six was given fd00:6::2, but IPv6 is switched off on its eth0"],
      mend: "docker restart -t 0 six",
    },
    {
      title: "The machine itself has no IPv6 route",
      broken: "ip -6 route del default",
      symptom: "docker exec six ping -c 1 -W 1 2001:db8:ffff::10",
      ask: "drawbridge doctor",
      says: [
        "ipv6-half: containers on net6 have IPv6 as far as this machine, which has no IPv6 route to anywhere",
      ],
      mend: "ip -6 route add default via 2001:db8::1 dev eth0",
    },
    {
      title: "The machine loses its IPv6 half an hour after the engine's start",
      broken:
        "sysctl -w net.ipv6.conf.eth0.accept_ra=1; ip -6 route replace default via 2001:db8::1 dev eth0 proto ra",
      symptom: "test $(sysctl -n net.ipv6.conf.eth0.accept_ra) != 1",
      ask: "drawbridge doctor",
      says: [
        "accept-ra: this machine will lose its IPv6 routes by eth0: it forwards, and takes no router advertisements any more",
      ],
      fix: "sysctl -w net.ipv6.conf.eth0.accept_ra=2",
      undo: "ip -6 route replace default via 2001:db8::1 dev eth0",
    },
  ],
};
