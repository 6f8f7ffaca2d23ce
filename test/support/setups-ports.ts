import type { Section } from "./setups.ts";

const from = (port: number): string => `elsewhere curl -s -m 1 203.0.113.2:${port}`;

/** Who listens where, and what is published as what. */
export const PORTS: Section = {
  title: "Published ports and networks",
  about:
    "`web` is on the default bridge; it listens on port 80 and publishes it as 8080. `db` and `api` are on network `shop`, `safe` on the internal network `vault`, `q1` and `q2` on `quiet`, which was made with `enable_icc=false`, `gus` on `guarded`, which was made with `drawbridge.host-guard=true`.",
  scene: `
    docker network create shop
    docker network create --internal vault
    docker network create --opt com.docker.network.bridge.enable_icc=false quiet
    docker network create --opt drawbridge.host-guard=true guarded
    docker run -d --name web -p 8080:80 busybox httpd -f -p 80
    docker run -d --name db --network shop busybox httpd -f -p 80
    docker run -d --name api --network shop busybox sleep 10000
    docker run -d --name safe --network vault busybox sleep 10000
    docker run -d --name q1 --network quiet busybox sleep 10000
    docker run -d --name q2 --network quiet busybox httpd -f -p 80
    docker run -d --name gus --network guarded busybox sleep 10000
  `,
  frozen: false,
  setups: [
    {
      title: "«Connection reset»: the program listens on 127.0.0.1 inside its container",
      broken: "docker run -d --name shy -p 8081:80 busybox httpd -f -p 127.0.0.1:80",
      symptom: from(8081),
      ask: "drawbridge doctor",
      says: [
        "port-loopback: port 8081/tcp of shy is not reached: its program listens on the container's loopback alone",
      ],
      undo: "docker rm -f shy",
    },
    {
      title: "«Connection reset», as a trace tells it",
      broken: "docker run -d --name shy -p 8081:80 busybox httpd -f -p 127.0.0.1:80",
      symptom: from(8081),
      ask: "drawbridge trace outside host:8081",
      says: [
        "refused in namespace shy at port 80/tcp of shy: the server listens at 127.0.0.1:80 alone, and so only for shy itself (the kernel says NO_SOCKET in tcp_v4_rcv); to look closer: nsenter -t … -n ss -ltnup 'sport = :80'",
      ],
      undo: "docker rm -f shy",
    },
    {
      title: "«Connection refused»: nothing listens in the container",
      broken: "docker run -d --name idle -p 8082:80 busybox sleep 1000",
      symptom: from(8082),
      ask: "drawbridge doctor",
      says: [
        "port-not-listening: port 8082/tcp of idle leads to nobody: nothing listens at 80 in the container",
      ],
      undo: "docker rm -f idle",
    },
    {
      title: "The wrong port of the container is published",
      broken: "drawbridge port add web 8083:8080",
      symptom: from(8083),
      ask: "drawbridge trace outside host:8083",
      says: [
        "refused in namespace web at port 8080/tcp of web: nobody listens on it, and there the published port 8083 leads; tcp listens at *:80 (the kernel says NO_SOCKET in tcp_v4_rcv); to look closer: drawbridge logs web",
      ],
      mend: "drawbridge port rm web 8083:8080 && drawbridge port add web 8083:80",
      undo: "drawbridge port rm web 8083:80",
    },
    {
      title: "Others reach the port, but not by the number that the container has",
      broken: ":",
      symptom: from(80),
      ask: "drawbridge trace outside host:80",
      says: [
        "refused in namespace host at port 80/tcp of the host: nothing listens there: db and 2 more listens on 80/tcp inside, and does not publish it here (the kernel says NO_SOCKET in tcp_v4_rcv); to mend it: drawbridge port add db 80:80/tcp",
      ],
    },
    {
      title: "A port is published for this machine alone, at 127.0.0.1",
      broken: "drawbridge port add web 127.0.0.1:8084:80",
      symptom: from(8084),
      ask: "drawbridge trace outside host:8084",
      says: [
        "refused in namespace host at port 8084/tcp of the host: web publishes it at 127.0.0.1 alone, and this is for 203.0.113.2 (the kernel says NO_SOCKET in tcp_v4_rcv); to mend it: drawbridge port rm web 127.0.0.1:8084:80 && drawbridge port add web 8084:80",
      ],
      fix: "drawbridge port rm web 127.0.0.1:8084:80 && drawbridge port add web 8084:80",
      undo: "drawbridge port rm web 8084:80",
    },
    {
      title: "Containers of two networks don't reach each other",
      broken: ":",
      symptom: "docker exec api nc -w 1 172.17.0.2 80 </dev/null",
      ask: "drawbridge trace api web:80",
      says: [
        "dropped in namespace host at bridge isolation: shop may not reach network bridge (rule inet drawbridge inbound handle …: drop); to allow it: drawbridge network connect bridge api",
      ],
      fix: "drawbridge network connect bridge api",
      undo: "docker network disconnect bridge api",
    },
    {
      title: "A container of an internal network has no way out",
      broken: ":",
      symptom: "docker exec safe ping -c 1 -W 1 203.0.113.1",
      ask: "drawbridge trace safe outside",
      says: [
        "dropped in namespace safe at internal network vault: vault has no way out, and safe is on no other network; to mend it: drawbridge network connect bridge safe",
      ],
      fix: "drawbridge network connect bridge safe",
      undo: "docker network disconnect bridge safe",
    },
    {
      title: "Containers of one network don't reach each other: icc=false",
      broken: ":",
      symptom: "docker exec q1 ping -c 1 -W 1 q2",
      ask: "drawbridge trace q1 q2",
      says: [
        "dropped in namespace host at icc=false of network quiet: containers on quiet may not speak with each other (rule bridge drawbridge-guard between handle …: drop); to allow it: drawbridge network create together && drawbridge network connect together q1 && drawbridge network connect together q2 && drawbridge network disconnect quiet q1",
      ],
      fix: "drawbridge network create together && drawbridge network connect together q1 && drawbridge network connect together q2 && drawbridge network disconnect quiet q1",
      undo: "docker network connect quiet q1; docker network disconnect together q1; docker network disconnect together q2; docker network rm together",
    },
    {
      title: "A container does not reach the host's own services",
      broken: "busybox nc -ll -p 9000 -e true </dev/null >/dev/null 2>&1 &",
      symptom: "docker exec gus nc -w 1 172.20.0.1 9000 </dev/null",
      ask: "drawbridge trace gus host:9000",
      says: [
        "dropped in namespace host at host guard of network guarded: of the host itself, containers on guarded reach DNS and nothing else (rule inet drawbridge guarded handle …: drop); to allow it: drawbridge network connect bridge gus",
      ],
      mend: "docker network connect bridge gus",
      undo: "docker network disconnect bridge gus; kill $(fuser -n tcp 9000 2>/dev/null) 2>/dev/null || true",
    },
    {
      title: "The other container is stopped",
      broken: "docker stop -t 0 db",
      symptom: "docker exec api ping -c 1 -W 1 db",
      ask: "drawbridge trace api db:80",
      says: ["container db has no network: it is exited; to start it: drawbridge start db"],
      mend: "docker start db",
    },
    {
      title: "The other container was taken off the network",
      broken: "docker network disconnect shop db",
      symptom: "docker exec api ping -c 1 -W 1 db",
      ask: "drawbridge trace api db:80",
      says: ["db has no address: nothing can be sent there"],
      mend: "docker network connect shop db",
    },
    {
      title: "The next container of a network will not start: its addresses are used up",
      broken:
        "docker network create --subnet 10.99.0.0/30 tiny; docker run -d --name tim --network tiny busybox sleep 1000",
      symptom: "docker run --rm --network tiny busybox true",
      ask: "drawbridge doctor",
      says: [
        "addresses-used-up: network tiny (10.99.0.0/30) has no address left: the next container on it will not start",
      ],
      undo: "docker rm -f tim; docker network rm tiny",
    },
  ],
};
