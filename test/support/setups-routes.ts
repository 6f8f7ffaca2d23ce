import type { Section } from "./setups.ts";

const PING_OUT = "docker exec web ping -c 1 -W 1 203.0.113.1";
const HOST_TO_WEB = "ping -c 1 -W 1 172.17.0.2";

const ABOUT =
  "Containers `web` (172.17.0.2, publishes 8080 for its port 80) and `peer` (172.17.0.3) are on the default bridge `docker0`; this machine is 203.0.113.2 on `eth0`, with the gateway 203.0.113.1. Drawbridge repairs most of these by itself within a second while it runs; Docker and Podman don't.";

const SCENE = `
    docker run -d --name web -p 8080:80 busybox httpd -f -p 80
    docker run -d --name peer busybox sleep 10000
  `;

/** Where packets go, and who answers. */
export const ROUTES: Section = {
  title: "Routes and neighbours",
  about: ABOUT,
  scene: SCENE,
  frozen: true,
  setups: [
    {
      title: "No container reaches the internet",
      broken: "sysctl -w net.ipv4.ip_forward=0",
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "forwarding-off: containers peer and web can't reach other hosts: this machine does not forward IPv4",
      ],
      fix: "sysctl -w net.ipv4.ip_forward=1",
    },
    {
      title: "Containers of one bridge reach nothing beyond it",
      broken: "sysctl -w net.ipv4.conf.docker0.forwarding=0",
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "forwarding-off: containers peer and web can't reach other hosts: IPv4 is not forwarded from docker0",
      ],
      fix: "sysctl -w net.ipv4.conf.docker0.forwarding=1",
    },
    {
      title: "One container says «Network is unreachable»",
      broken: "nsenter -t $web -n ip route del default",
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "container-route: container web has no default route: it reaches its own network and nothing else",
      ],
      fix: "nsenter --net=… ip route add default via 172.17.0.1 dev eth0",
    },
    {
      title: "One container says «No route to host» after three seconds",
      broken: "nsenter -t $web -n ip route replace default via 172.17.0.77",
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "container-route: container web sends what leaves its network to 172.17.0.77, and nobody on the network has that address",
      ],
      fix: "nsenter --net=… ip route replace default via 172.17.0.1 dev eth0",
    },
    {
      title: "A VPN has a route for the containers' addresses",
      broken:
        "ip link add vpn0 type veth peer vpn1; ip link set vpn0 up; ip link set vpn1 up; ip addr add 10.8.0.2/24 dev vpn0; ip route add 172.17.0.0/17 via 10.8.0.1",
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "subnet-overlap: containers peer and web can't be answered: this machine sends 172.17.0.0/17 to vpn0",
      ],
      mend: "ip route del 172.17.0.0/17",
      undo: "ip link del vpn0",
    },
    {
      title: "A policy routing rule of a VPN takes what containers send",
      broken:
        "ip rule add from 172.17.0.0/16 lookup 100 priority 100; ip route add unreachable default table 100",
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "way-out: containers peer and web can't reach other hosts: routing: host has a route for 198.51.100.77 that refuses it",
      ],
      mend: "ip rule del priority 100",
      undo: "ip route flush table 100",
    },
    {
      title: "One destination on the internet is not reached: a blackhole route",
      broken: "ip route add blackhole 198.51.100.0/24",
      symptom: "docker exec web ping -c 1 -W 1 198.51.100.10",
      ask: "drawbridge trace web 198.51.100.10",
      says: [
        "dropped in namespace host at routing: host has a route for 198.51.100.10 that refuses it (the kernel says NOT_SPECIFIED in ip_error); to look closer: ip route get 198.51.100.10",
      ],
      mend: "ip route del blackhole 198.51.100.0/24",
    },
    {
      title: "The machine has lost its own default route",
      broken: "ip route del default",
      symptom: "docker exec web ping -c 1 -W 1 198.51.100.10",
      ask: "drawbridge trace web 198.51.100.10",
      says: [
        "dropped in namespace host at routing: host has no route to 198.51.100.10 (the kernel says IP_INNOROUTES in ip_error)",
      ],
      mend: "ip route add default via 203.0.113.1",
    },
    {
      title: "The machine's own gateway does not answer",
      broken: "ip route replace default via 203.0.113.99",
      symptom: "docker exec web ping -c 1 -W 1 198.51.100.10",
      ask: "drawbridge trace web 198.51.100.10",
      says: [
        "dropped in namespace host at neighbours: nobody on eth0 of host answers for 203.0.113.99; to look closer: ip neigh show 203.0.113.99",
      ],
      mend: "ip route replace default via 203.0.113.1",
    },
    {
      title: "The machine's own network link is down",
      broken: "ip link set eth0 down",
      symptom: PING_OUT,
      ask: "drawbridge trace web outside",
      says: [
        "dropped in namespace host at link eth0: host has no route to 203.0.113.1 (the kernel says IP_INNOROUTES in ip_error); to mend it: ip link set eth0 up",
      ],
      fix: "ip link set eth0 up",
      mend: "ip link set eth0 up; ip route add default via 203.0.113.1",
      undo: "ip addr add 2001:db8::2/64 dev eth0 nodad; ip -6 route replace default via 2001:db8::1 dev eth0",
    },
    {
      title: "The cable is out",
      broken: "elsewhere ip link set host down",
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: ["link-down: this machine is cut off: eth0, which its default route leads by, has no carrier"],
      mend: "elsewhere ip link set host up",
    },
    {
      title: "Nobody answers for the gateway: arp_ignore",
      broken: "sysctl -w net.ipv4.conf.docker0.arp_ignore=8; nsenter -t $web -n ip neigh flush all",
      symptom: PING_OUT,
      ask: "drawbridge trace web outside",
      says: [
        "dropped in namespace web at neighbours: nobody on eth0 of web answers for 172.17.0.1: the ARP question or its answer is lost, since docker0 of host has the address, and does not answer for it (arp_ignore is 8); to mend it: sysctl -w net.ipv4.conf.docker0.arp_ignore=0",
      ],
      fix: "sysctl -w net.ipv4.conf.docker0.arp_ignore=0",
    },
    {
      title: "A route inside the container hides the world",
      broken: "nsenter -t $web -n ip route add 203.0.113.0/24 dev eth0",
      symptom: PING_OUT,
      ask: "drawbridge trace web outside",
      says: [
        "dropped in namespace web at neighbours: nobody on eth0 of web answers for 203.0.113.1; host of outside has it, but can't be reached by that link; to look closer: nsenter -t … -n ip neigh show 203.0.113.1",
      ],
      mend: "nsenter -t $web -n ip route del 203.0.113.0/24 dev eth0",
    },
    {
      title: "Packets die one router too early",
      broken: "iptables -t mangle -A PREROUTING -i docker0 -j TTL --ttl-set 1",
      symptom: PING_OUT,
      ask: "drawbridge trace web outside",
      says: [
        "dropped in namespace host at the TTL: host is one router too many: the packet's time to live is used up (the kernel says IP_INHDR in ip_forward)",
      ],
      mend: "iptables -t mangle -F PREROUTING",
    },
    {
      title: "The host can't reach a container that others reach: a wrong entry of its ARP table",
      broken: "ip neigh replace 172.17.0.2 lladdr 02:00:00:00:00:99 nud permanent dev docker0",
      symptom: HOST_TO_WEB,
      ask: "drawbridge doctor",
      says: [
        "stale-neighbour: this machine sends what is for 172.17.0.2 to 02:00:00:00:00:99, but web has that address, with 02:42:ac:11:00:02",
      ],
      fix: "ip neigh del 172.17.0.2 dev docker0",
    },
    {
      title: "A wrong ARP entry, as a trace tells it",
      broken: "ip neigh replace 172.17.0.2 lladdr 02:00:00:00:00:99 nud permanent dev docker0",
      symptom: HOST_TO_WEB,
      ask: "drawbridge trace host web:80",
      says: [
        "dropped in namespace web at the MAC address: docker0 of host knows no port for the MAC address 02:00:00:00:00:99, and nobody behind any port has it (the kernel says OTHERHOST in ip_rcv_core); to mend it: ip neigh del 172.17.0.2 dev docker0",
      ],
      fix: "ip neigh del 172.17.0.2 dev docker0",
    },
  ],
};
