import type { Section } from "./setups.ts";

const PING_OUT = "docker exec web ping -c 1 -W 1 203.0.113.1";
const PING_WEB = "docker exec peer ping -c 1 -W 1 172.17.0.2";
const HOST_TO_WEB = "ping -c 1 -W 1 172.17.0.2";

const ABOUT =
  "Containers `web` (172.17.0.2, publishes 8080 for its port 80) and `peer` (172.17.0.3) are on the default bridge `docker0`; this machine is 203.0.113.2 on `eth0`, with the gateway 203.0.113.1. Drawbridge repairs most of these by itself within a second while it runs; Docker and Podman don't.";

const SCENE = `
    docker run -d --name web -p 8080:80 busybox httpd -f -p 80
    docker run -d --name peer busybox sleep 10000
  `;

/** What an engine has made by links and addresses, and what became of it. */
export const LINKS: Section = {
  title: "Links and addresses",
  about: ABOUT,
  scene: SCENE,
  frozen: true,
  setups: [
    {
      title: "A container's eth0 is down",
      broken: "nsenter -t $web -n ip link set eth0 down",
      symptom: HOST_TO_WEB,
      ask: "drawbridge doctor",
      says: [
        "link-down: container web: its eth0 is down, so it is cut off from network bridge",
        "container-route: container web has no default route: it reaches its own network and nothing else",
      ],
      fix: "nsenter --net=… ip link set eth0 up",
      undo: "nsenter -t $web -n ip route replace default via 172.17.0.1",
    },
    {
      title: "The host's end of a container's pair is down",
      broken: "ip link set $veth_web down",
      symptom: HOST_TO_WEB,
      ask: "drawbridge doctor",
      says: ["link-down: container web: veth… is down, so it is cut off from network bridge"],
      fix: "ip link set veth… up",
    },
    {
      title: "A container's pair is down, as a trace tells it",
      broken: "ip link set $veth_web down",
      symptom: HOST_TO_WEB,
      ask: "drawbridge trace host web:80",
      says: [
        "dropped in namespace host at eth0 of web: its other end, veth… of host, is down…; to mend it: ip link set veth… up",
      ],
      fix: "ip link set veth… up",
    },
    {
      title: "A network manager has taken a container's pair off its bridge",
      broken: "ip link set $veth_web nomaster",
      symptom: HOST_TO_WEB,
      ask: "drawbridge doctor",
      says: ["off-bridge: container web is cut off from bridge: veth… is no port of docker0"],
      fix: "ip link set veth… master docker0 && bridge link set dev veth… hairpin on",
    },
    {
      title: "A container's pair is off its bridge, as a trace tells it",
      broken: "ip link set $veth_web nomaster",
      symptom: PING_WEB,
      ask: "drawbridge trace peer web:80",
      says: [
        "dropped in namespace peer at eth0 of web: its other end, veth… of host, is no port of docker0…; to mend it: ip link set veth… master docker0 && bridge link set dev veth… hairpin on",
      ],
      fix: "ip link set veth… master docker0 && bridge link set dev veth… hairpin on",
    },
    {
      title: "The bridge port of a container is disabled",
      broken: "bridge link set dev $veth_web state 0",
      symptom: HOST_TO_WEB,
      ask: "drawbridge doctor",
      says: ["off-bridge: container web is not heard on bridge: port veth… of docker0 is disabled"],
      fix: "bridge link set dev veth… state 3",
    },
    {
      title: "Containers reach the host, and not each other: their bridge ports are isolated",
      broken: "bridge link set dev $veth_web isolated on; bridge link set dev $veth_peer isolated on",
      symptom: PING_WEB,
      ask: "drawbridge doctor",
      says: [
        "off-bridge: container peer is kept apart from others on bridge: port veth… of docker0 is isolated",
        "off-bridge: container web is kept apart from others on bridge: port veth… of docker0 is isolated",
      ],
      fix: "bridge link set dev veth… isolated off",
      undo: "bridge link set dev $veth_web isolated off; bridge link set dev $veth_peer isolated off",
    },
    {
      title: "The bridge is down",
      broken: "ip link set docker0 down",
      symptom: HOST_TO_WEB,
      ask: "drawbridge doctor",
      says: [
        "link-down: container peer: docker0 is down, so it is cut off from network bridge",
        "link-down: container web: docker0 is down, so it is cut off from network bridge",
      ],
      fix: "ip link set docker0 up",
    },
    {
      title: "The bridge is down, as a trace tells it",
      broken: "ip link set docker0 down",
      symptom: HOST_TO_WEB,
      ask: "drawbridge trace host web:80",
      says: [
        "dropped in namespace outside at bridge docker0: docker0, the bridge of network bridge, is down, and host sends it by eth0 (the kernel says IP_INADDRERRORS in ip_error); to mend it: ip link set docker0 up",
      ],
      fix: "ip link set docker0 up",
    },
    {
      title: "The bridge has lost its address",
      broken: "ip addr del 172.17.0.1/16 dev docker0",
      symptom: PING_OUT,
      ask: "drawbridge doctor",
      says: [
        "bridge-address: containers peer and web can't leave network bridge: its gateway 172.17.0.1 is not on docker0",
      ],
      fix: "ip addr add 172.17.0.1/16 broadcast + dev docker0",
    },
    {
      title: "A container has lost its address",
      broken: "nsenter -t $web -n ip addr flush dev eth0",
      symptom: HOST_TO_WEB,
      ask: "drawbridge doctor",
      says: ["container-address: container web has lost its address 172.17.0.2"],
      fix: "nsenter --net=… ip addr add 172.17.0.2/16 dev eth0",
      undo: "nsenter -t $web -n ip route replace default via 172.17.0.1",
    },
    {
      title: "A container was given an address of another network by hand",
      broken:
        "nsenter -t $web -n sh -c 'ip addr add 172.18.5.5/16 dev eth0; ip addr del 172.17.0.2/16 dev eth0'",
      symptom: HOST_TO_WEB,
      ask: "drawbridge doctor",
      says: ["container-address: container web has 172.18.5.5/16, which is not of its network bridge"],
      fix: "nsenter --net=… ip addr add 172.17.0.2/16 dev eth0",
      undo: "nsenter -t $web -n sh -c 'ip addr del 172.18.5.5/16 dev eth0; ip route replace default via 172.17.0.1'",
    },
    {
      title: "Programs of one container don't reach each other at 127.0.0.1",
      broken: "nsenter -t $web -n ip link set lo down",
      symptom: "docker exec web ping -c 1 -W 1 127.0.0.1",
      ask: "drawbridge doctor",
      says: ["link-down: container web: its lo is down, so its programs can't reach each other at 127.0.0.1"],
      fix: "nsenter --net=… ip link set lo up",
    },
    {
      title: "A container answers now and then: two have its address",
      broken:
        "nsenter -t $peer -n sh -c 'ip addr flush dev eth0; ip addr add 172.17.0.2/16 dev eth0; ip route add default via 172.17.0.1'",
      symptom: "docker exec peer ping -c 1 -W 1 203.0.113.1",
      ask: "drawbridge doctor",
      says: [
        "container-address: container peer has lost its address 172.17.0.3",
        "duplicate-address: container web (eth0) and container peer (eth0) have the same address 172.17.0.2 on docker0",
      ],
      mend: "nsenter -t $peer -n sh -c 'ip addr flush dev eth0; ip addr add 172.17.0.3/16 dev eth0; ip route add default via 172.17.0.1'",
    },
    {
      title: "The host itself has the container's address",
      broken: "ip addr add 172.17.0.2/32 dev eth0",
      symptom: "curl -s -m 1 172.17.0.2",
      ask: "drawbridge doctor",
      says: [
        "duplicate-address: container web is not reached at 172.17.0.2: this machine has the same address on eth0",
        "way-hairpin: web does not reach its own port 8080/tcp by this machine's address: the source address: 172.17.0.2 is an address of host itself: nobody else may speak under it by docker0",
      ],
      fix: "ip addr del 172.17.0.2/32 dev eth0",
    },
    {
      title: "Two containers have one MAC address",
      broken:
        "nsenter -t $peer -n ip link set eth0 address 02:42:ac:11:00:02; ip neigh flush dev docker0; nsenter -t $web -n ip neigh flush dev eth0",
      symptom: PING_WEB,
      ask: "drawbridge doctor",
      says: [
        "container-address: container peer sends with MAC 02:42:ac:11:00:02, not with its own 02:42:ac:11:00:03: its frames are dropped on bridge",
        "duplicate-mac: container web (eth0) and container peer (eth0) have the same MAC 02:42:ac:11:00:02 on docker0",
      ],
      fix: "nsenter --net=… ip link set eth0 address 02:42:ac:11:00:03",
      undo: "ip neigh flush all",
    },
    {
      title: "A container's MAC address was changed, and nobody hears it",
      broken:
        "nsenter -t $peer -n ip link set eth0 address 02:42:ac:11:00:77; ip neigh flush dev docker0; nsenter -t $web -n ip neigh flush dev eth0",
      symptom: PING_WEB,
      ask: "drawbridge doctor",
      says: [
        "container-address: container peer sends with MAC 02:42:ac:11:00:77, not with its own 02:42:ac:11:00:03: its frames are dropped on bridge",
      ],
      fix: "nsenter --net=… ip link set eth0 address 02:42:ac:11:00:03",
      undo: "ip neigh flush all",
    },
  ],
};
