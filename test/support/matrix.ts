/** Who reaches whom: the cells of the matrix, for whoever has such parties. */
import { ask, type Place } from "./probe.ts";

type Family = 4 | 6;

/** A container on one network. */
export interface Party extends Place {
  readonly address4: string;
  readonly address6: string;
  readonly gateway4: string;
  readonly gateway6: string;
}

/**
 * Containers a of one network, b of another, s of one with icc=false and a link from s1 to s2, i of an internal one, j of
 * an internal one with icc=false and a link from j1 to j2. All listen at 80 and 81. a2 is published by TCP and UDP as
 * 8080, by TCP at the host's own address as 8081 and at 127.0.0.1 as 8082; s2 as 8083. The host listens at 99, the
 * outside at 80; it is the host's way to everything, and routes all containers' addresses at the host.
 */
export interface Parties extends Readonly<Record<Name, Party>> {
  readonly host: Place;
  readonly outside: Place;
  /** What answers the host at [::1]:8080: who holds the port. */
  readonly held6: string;
}

export const NAMES = ["a1", "a2", "b1", "s1", "s2", "s3", "i1", "i2", "j1", "j2", "j3"] as const;
type Name = (typeof NAMES)[number];

/** By what a row says. */
export type Cells = Readonly<Record<string, (family: Family) => readonly Cell[]>>;

const own = (party: Party, family: Family): string => (family === 4 ? party.address4 : party.address6);
const gateway = (party: Party, family: Family): string => (family === 4 ? party.gateway4 : party.gateway6);
const uplink = (family: Family): string => (family === 4 ? "203.0.113.2" : "2001:db8::2");
const beyond = (family: Family): string => (family === 4 ? "203.0.113.1" : "2001:db8::1");

/** From, to which address and port, and what is answered: `a2 from 10.1.0.2`; undefined for silence. */
export type Cell = readonly [from: Place, address: string, port: number, answer: string | undefined];

const from = (member: Place, address: string): string => `${member.name} from ${address}`;

/** The way to it is open, and it sees the asker's own address. */
const open = (asker: Party, to: Party, family: Family, port = 80): Cell => [
  asker,
  own(to, family),
  port,
  from(to, own(asker, family)),
];
const shut = (asker: Place, to: Party, family: Family, port = 80): Cell => [
  asker,
  own(to, family),
  port,
  undefined,
];

/** Of either protocol. */
export const cells = ({ outside, host, a1, a2, b1, s1, s2, s3, i1, i2, j1 }: Parties): Cells => ({
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
      [host, own(to, f), 80, from(to, gateway(to, f))],
      [host, own(to, f), 81, from(to, gateway(to, f))],
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
});

/** Of TCP alone. */
export const tcpCells = ({ outside, host, a1, a2, b1, s2, s3, i1, j1, j2, j3, held6 }: Parties): Cells => ({
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
    [host, uplink(f), 8081, from(a2, uplink(f))],
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
    [host, uplink(f), 8080, from(a2, uplink(f))],
    [host, gateway(a2, f), 8080, from(a2, gateway(a2, f))],
    [host, gateway(b1, f), 8080, from(a2, gateway(a2, f))],
    f === 4
      ? [host, "127.0.0.1", 8080, from(a2, gateway(a2, f))]
      : // Left to who holds the port: the kernel can't translate it.
        [host, "::1", 8080, held6],
  ],
  "a port published on the host's loopback: the host alone": (f) =>
    f === 6
      ? []
      : [
          [host, "127.0.0.1", 8082, from(a2, gateway(a2, f))],
          [host, uplink(f), 8082, undefined],
          [outside, uplink(f), 8082, undefined],
          [a1, gateway(a1, f), 8082, undefined],
          [a2, "127.0.0.1", 8082, undefined],
        ],
  "a container: the host's own services": (f) => [
    [a1, gateway(a1, f), 99, from(host, own(a1, f))],
    [a1, uplink(f), 99, from(host, own(a1, f))],
    [i1, gateway(i1, f), 99, from(host, own(i1, f))],
    [a1, gateway(b1, f), 99, from(host, own(a1, f))],
  ],
});

/** @returns what is not as the cell says */
export async function wrongIn(
  protocol: "tcp" | "udp",
  [asker, address, port, answer]: Cell,
): Promise<string[]> {
  const got = await ask(asker, { protocol, address, port }, answer === undefined ? 300 : 5000);
  return got === answer ? [] : [`${asker.name} to ${address} port ${port}: ${got}, not ${answer}`];
}
