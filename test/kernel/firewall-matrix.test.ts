/** Who reaches whom, each cell with real traffic, by both families, whatever `bridge-nf-call-iptables` says. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { before, describe, test } from "node:test";
import { OPTION } from "../../src/network/bridge/options.ts";
import { isolated } from "../support/isolated.ts";
import { HOST, Lab, type Member } from "./firewall-lab.ts";
import { ask, type Place, serve, sh } from "./firewall-probe.ts";

isolated(import.meta);

const lab = await Lab.start();
const { outside } = lab;

const net = await lab.network("net");
const a1 = await lab.join(net, "a1");
const a2 = await lab.join(net, "a2");
const other = await lab.network("other");
const b1 = await lab.join(other, "b1");
const apart = await lab.network("apart", { options: { [OPTION.icc]: "false" } });
const s1 = await lab.join(apart, "s1");
const s2 = await lab.join(apart, "s2");
const s3 = await lab.join(apart, "s3");
const internal = await lab.network("internal", { internal: true });
const i1 = await lab.join(internal, "i1");
const i2 = await lab.join(internal, "i2");
const inner = await lab.network("inner", { internal: true, options: { [OPTION.icc]: "false" } });
const j1 = await lab.join(inner, "j1");
const j2 = await lab.join(inner, "j2");
const j3 = await lab.join(inner, "j3");

await lab.link(s1, s2, "tcp", 80);
await lab.link(s1, s2, "udp", 80);
await lab.link(j1, j2, "tcp", 80);
const ports = ["8080:80/tcp", "8080:80/udp", "[::]:8080:80/tcp", "[::]:8080:80/udp"];
const bound = ["203.0.113.2:8081:80/tcp", "[2001:db8::2]:8081:80/tcp", "127.0.0.1:8082:80/tcp"];
await lab.publish(a2, ...ports, ...bound);
await lab.publish(s2, "8083:80/tcp", "[::]:8083:80/tcp");
for (const member of [a1, a2, b1, s1, s2, s3, i1, i2, j1, j2])
  await serve(member, "80/tcp", "80/udp", "81/tcp", "81/udp");
await serve(HOST, "99/tcp", "[::1]:8080/tcp");
await serve(outside, "80/tcp", "80/udp");
// A neighbour that routes containers' addresses at this host.
sh("ip -n outside route add 10.0.0.0/8 via 203.0.113.2; ip -n outside -6 route add fd00::/8 via 2001:db8::2");

type Family = 4 | 6;
const own = (member: Member, family: Family): string => (family === 4 ? member.address4 : member.address6);
const gateway = ({ network }: Member, family: Family): string => lab.gateway(network, family);
const uplink = (family: Family): string => (family === 4 ? "203.0.113.2" : "2001:db8::2");
const beyond = (family: Family): string => (family === 4 ? "203.0.113.1" : "2001:db8::1");

/** From, to which address and port, and what is answered: `a2 from 10.1.0.2`; undefined for silence. */
type Cell = readonly [from: Place, address: string, port: number, answer: string | undefined];

const from = (member: Place, address: string): string => `${member.name} from ${address}`;

/** The way to it is open, and it sees the asker's own address. */
const open = (asker: Member, to: Member, family: Family, port = 80): Cell => [
  asker,
  own(to, family),
  port,
  from(to, own(asker, family)),
];
const shut = (asker: Place, to: Member, family: Family, port = 80): Cell => [
  asker,
  own(to, family),
  port,
  undefined,
];

/** Of either protocol. */
const cells: Record<string, (family: Family) => readonly Cell[]> = {
  "a container: others of its network": (f) => [
    open(a1, a2, f),
    open(a1, a2, f, 81),
    open(i1, i2, f),
    open(i1, i2, f, 81),
  ],
  "a container: others of a network with icc=false, by links alone": (f) => [
    open(s1, s2, f),
    shut(s1, s2, f, 81),
    shut(s2, s1, f),
    shut(s1, s3, f),
    shut(s3, s2, f),
    shut(s3, s1, f),
  ],
  "a container: nobody of another network, published or not": (f) => [
    shut(a1, b1, f),
    shut(b1, a2, f),
    shut(b1, a2, f, 81),
    shut(s1, a2, f),
    shut(a1, s2, f),
  ],
  "an internal network: nothing in, nothing out": (f) => [
    shut(a1, i1, f),
    shut(i1, a2, f),
    shut(i1, j1, f),
    shut(outside, i1, f),
    [i1, beyond(f), 80, undefined],
    [i1, gateway(a2, f), 8080, undefined],
    [i1, uplink(f), 8080, undefined],
  ],
  "a container: the outside, under the host's address": (f) => [
    [a1, beyond(f), 80, from(outside, uplink(f))],
    [s1, beyond(f), 80, from(outside, uplink(f))],
  ],
  "the host: all of them": (f) =>
    [a1, a2, b1, s1, s2, i1, j1].flatMap((to): Cell[] => [
      [HOST, own(to, f), 80, from(to, gateway(to, f))],
      [HOST, own(to, f), 81, from(to, gateway(to, f))],
    ]),
  "the outside: no container, though it is routed at this host": (f) =>
    [a1, a2, b1, s2].flatMap((to) => [shut(outside, to, f), shut(outside, to, f, 81)]),
  "a published port: the outside, under its own address": (f) => [
    [outside, uplink(f), 8080, from(a2, beyond(f))],
    [outside, gateway(a2, f), 8080, from(a2, beyond(f))],
    [outside, uplink(f), 81, undefined],
  ],
  "a published port: containers by any address of the host, itself and its neighbours included": (f) => [
    [b1, gateway(b1, f), 8080, from(a2, gateway(a2, f))],
    [b1, gateway(a2, f), 8080, from(a2, gateway(a2, f))],
    [b1, uplink(f), 8080, from(a2, gateway(a2, f))],
    [a1, gateway(a2, f), 8080, from(a2, gateway(a2, f))],
    [a1, gateway(b1, f), 8080, from(a2, gateway(a2, f))],
    [a1, uplink(f), 8080, from(a2, gateway(a2, f))],
    [a2, gateway(a2, f), 8080, from(a2, gateway(a2, f))],
    [a2, uplink(f), 8080, from(a2, gateway(a2, f))],
    [s3, gateway(a2, f), 8080, from(a2, gateway(a2, f))],
    [b1, uplink(f), 81, undefined],
  ],
};

/** Of TCP alone. */
const more: Record<string, (family: Family) => readonly Cell[]> = {
  "a link on an internal network": (f) => [
    open(j1, j2, f),
    shut(j1, j2, f, 81),
    shut(j2, j1, f),
    shut(j3, j2, f),
  ],
  "a published port: bound to one address of the host": (f) => [
    [outside, uplink(f), 8081, from(a2, beyond(f))],
    [outside, gateway(a2, f), 8081, undefined],
    [b1, uplink(f), 8081, from(a2, gateway(a2, f))],
    [b1, gateway(b1, f), 8081, undefined],
    [HOST, uplink(f), 8081, from(a2, uplink(f))],
  ],
  "a published port: with icc=false by the host's address": (f) => [
    [outside, uplink(f), 8083, from(s2, beyond(f))],
    [s3, gateway(s3, f), 8083, from(s2, gateway(s2, f))],
    [s2, gateway(s3, f), 8083, from(s2, gateway(s2, f))],
    [s3, uplink(f), 8083, from(s2, gateway(s2, f))],
    [a1, uplink(f), 8083, from(s2, gateway(s2, f))],
    shut(s3, s2, f),
  ],
  "a published port: the host, at each of its addresses": (f) => [
    [HOST, uplink(f), 8080, from(a2, uplink(f))],
    [HOST, gateway(a2, f), 8080, from(a2, gateway(a2, f))],
    [HOST, gateway(b1, f), 8080, from(a2, gateway(a2, f))],
    f === 4
      ? [HOST, "127.0.0.1", 8080, from(a2, gateway(a2, f))]
      : // Left to who holds the port: the kernel can't translate it.
        [HOST, "::1", 8080, from(HOST, "::1")],
  ],
  "a port published on the host's loopback: the host alone": (f) =>
    f === 6
      ? []
      : [
          [HOST, "127.0.0.1", 8082, from(a2, gateway(a2, f))],
          [HOST, uplink(f), 8082, undefined],
          [outside, uplink(f), 8082, undefined],
          [a1, gateway(a1, f), 8082, undefined],
          [a2, "127.0.0.1", 8082, undefined],
        ],
  "a container: the host's own services": (f) => [
    [a1, gateway(a1, f), 99, from(HOST, own(a1, f))],
    [a1, uplink(f), 99, from(HOST, own(a1, f))],
    [i1, gateway(i1, f), 99, from(HOST, own(i1, f))],
    [a1, gateway(b1, f), 99, from(HOST, own(a1, f))],
  ],
};

// Without the module, frames of one bridge never come to the inet tables.
const modes = existsSync("/proc/sys/net/bridge") ? ["0", "1"] : ["0"];

const members = [a1, a2, b1, s1, s2, s3, i1, i2, j1, j2, j3];

function enter(mode: string): void {
  if (modes.length > 1) {
    sh(`sysctl -qw net.bridge.bridge-nf-call-iptables=${mode} net.bridge.bridge-nf-call-ip6tables=${mode}`);
  }
  sh(["ip", ...members.map(({ name }) => `ip -n ${name}`)].map((ip) => `${ip} neigh flush all`).join("; "));
}

async function wrongIn(protocol: "tcp" | "udp", [asker, address, port, answer]: Cell): Promise<string[]> {
  const got = await ask(asker, { protocol, address, port }, answer === undefined ? 300 : 5000);
  return got === answer ? [] : [`${asker.name} to ${address} port ${port}: ${got}, not ${answer}`];
}

for (const mode of modes) {
  for (const family of [4, 6] as const) {
    describe(`IPv${family}, bridge-nf-call-iptables=${mode}`, { concurrency: true }, () => {
      before(() => enter(mode));
      for (const protocol of ["tcp", "udp"] as const) {
        for (const [name, of] of Object.entries(protocol === "tcp" ? { ...cells, ...more } : cells)) {
          test(`${protocol}: ${name}`, async () => {
            const wrong = await Promise.all(of(family).map((cell) => wrongIn(protocol, cell)));
            assert.deepEqual(wrong.flat(), []);
          });
        }
      }
    });
  }
}
