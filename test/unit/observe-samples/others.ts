/** Neighbours, bridges' entries, numbers of namespaces, disciplines, settings, sockets and connections. */
import { parseAddress as ip } from "../../../src/lib/ip.ts";
import type { Writer } from "../../../src/linux/bytes.ts";
import { readObservedConnection } from "../../../src/linux/conntrack/dump.ts";
import {
  put,
  putBe32,
  putBytes,
  putNested,
  putString,
  putU32,
} from "../../../src/linux/netlink/attribute.ts";
import { readForwardingEntry, readObservedNeighbour } from "../../../src/linux/rtnetlink/dump/neighbour.ts";
import { readNetconf } from "../../../src/linux/rtnetlink/dump/netconf.ts";
import { readNamespaceId } from "../../../src/linux/rtnetlink/dump/nsid.ts";
import { readActiveQdisc } from "../../../src/linux/rtnetlink/dump/qdisc.ts";
import { readListening } from "../../../src/linux/sock-diag/listening.ts";
import {
  AF_BRIDGE,
  AF_INET,
  AF_INET6,
  MAC,
  putBe16,
  putIp,
  putU8,
  putU16,
  type Sample,
  written,
} from "./writing.ts";

const tuple = (to: Writer, type: number, from: string, destination: string, ports: (to: Writer) => void) =>
  putNested(to, type, () => {
    const [source, target] = from.includes(":") ? [3, 4] : [1, 2];
    putNested(to, 1, () => {
      putIp(to, source, from);
      putIp(to, target, destination);
    });
    putNested(to, 2, () => ports(to));
  });

function putPorts(to: Writer, source: number, destination: number): void {
  putU8(to, 1, 6);
  putBe16(to, 2, source);
  putBe16(to, 3, destination);
}

export const OTHERS: readonly Sample[] = [
  {
    name: "a neighbour that is answered for",
    bytes: written((to) => {
      to.u8(AF_INET).zeros(3).i32(3).u16(0).u8(8).u8(0);
      putIp(to, 1, "10.1.0.77");
    }),
    read: readObservedNeighbour,
    expected: { ifindex: 3, address: ip("10.1.0.77"), state: 0, proxy: true },
  },
  {
    name: "a bridge's entry",
    bytes: written((to) => {
      to.u8(AF_BRIDGE).zeros(3).i32(7).u16(0x40).u8(4).u8(0);
      putBytes(to, 2, MAC);
      putU16(to, 5, 12);
      putU32(to, 9, 3);
    }),
    read: readForwardingEntry,
    expected: { mac: "02:42:ac:11:00:0a", ifindex: 7, bridge: 3, local: false, permanent: true, vlan: 12 },
  },
  {
    name: "an address that a link listens to",
    bytes: written((to) => {
      to.u8(AF_BRIDGE).zeros(3).i32(7).u16(0x80).u8(2).u8(0);
      putBytes(to, 2, MAC);
    }),
    read: readForwardingEntry,
    expected: undefined,
  },
  {
    name: "a namespace's number",
    bytes: written((to) => {
      to.zeros(4);
      put(to, 1, () => to.i32(0));
    }),
    read: readNamespaceId,
    expected: 0,
  },
  {
    name: "a namespace without one",
    bytes: written((to) => {
      to.zeros(4);
      put(to, 1, () => to.i32(-1));
    }),
    read: readNamespaceId,
    expected: undefined,
  },
  ...(
    [
      ["netem", { ifindex: 4, kind: "netem" }],
      ["noqueue", undefined],
    ] as const
  ).map(([kind, expected]) => ({
    name: `a discipline, ${kind}`,
    bytes: written((to) => {
      to.u8(0).u8(0).u16(0).i32(4).u32(0).u32(0xffffffff).u32(0);
      putString(to, 1, kind);
    }),
    read: readActiveQdisc,
    expected,
  })),
  {
    name: "settings of all links",
    bytes: written((to) => {
      to.u8(AF_INET).zeros(3);
      put(to, 1, () => to.i32(-1));
      putU32(to, 2, 1);
      putU32(to, 3, 2);
      putU32(to, 5, 1);
    }),
    read: readNetconf,
    expected: { forwarding: 1, reversePathFilter: 2, proxyNeighbours: 1 },
  },
  {
    name: "a socket that listens to both families",
    bytes: written((to) => {
      to.u8(AF_INET6).u8(10).u8(0).u8(0).be16(8080).be16(0).zeros(32).u32(3).zeros(8);
      to.u32(0).u32(2).u32(128).u32(1000).u32(4711);
      putU8(to, 11, 0);
    }),
    read: (payload) => readListening(payload, "tcp"),
    expected: {
      protocol: "tcp",
      family: 6,
      port: 8080,
      dual: true,
      ifindex: 3,
      uid: 1000,
      inode: 4711,
      queue: { waiting: 2, room: 128 },
    },
  },
  {
    name: "a socket of UDP",
    bytes: written((to) => {
      to.u8(AF_INET).u8(7).u8(0).u8(0).be16(53).be16(0).u8(127).u8(0).u8(0).u8(11).zeros(28).u32(0).zeros(8);
      to.u32(0).u32(0).u32(0).u32(0).u32(1);
    }),
    read: (payload) => readListening(payload, "udp"),
    expected: {
      protocol: "udp",
      family: 4,
      address: ip("127.0.0.11"),
      port: 53,
      dual: false,
      uid: 0,
      inode: 1,
    },
  },
  {
    name: "a connection of TCP, translated",
    bytes: written((to) => {
      to.u8(AF_INET).u8(0).be16(0);
      tuple(to, 1, "10.0.0.9", "192.0.2.1", (w) => putPorts(w, 40000, 8080));
      tuple(to, 2, "172.17.0.2", "10.0.0.9", (w) => putPorts(w, 80, 40000));
      putBe32(to, 3, 0x2e);
      putBe32(to, 7, 431999);
      putBe32(to, 8, 5);
      putBe16(to, 18, 7);
      putNested(to, 4, () => putNested(to, 1, () => putU8(to, 1, 3)));
    }),
    read: readObservedConnection,
    expected: {
      family: 4,
      protocol: 6,
      original: {
        source: ip("10.0.0.9"),
        destination: ip("192.0.2.1"),
        sourcePort: 40000,
        destinationPort: 8080,
      },
      reply: {
        source: ip("172.17.0.2"),
        destination: ip("10.0.0.9"),
        sourcePort: 80,
        destinationPort: 40000,
      },
      status: 0x2e,
      mark: 5,
      zone: 7,
      timeout: 431999,
      tcpState: 3,
    },
  },
  {
    name: "a ping of IPv6",
    bytes: written((to) => {
      to.u8(AF_INET6).u8(0).be16(0);
      const ping = (type: number) => (w: Writer) => {
        putU8(w, 1, 58);
        putBe16(w, 7, 99);
        putU8(w, 8, type);
        putU8(w, 9, 0);
      };
      tuple(to, 1, "fd00::1", "fd00::2", ping(128));
      tuple(to, 2, "fd00::2", "fd00::1", ping(129));
    }),
    read: readObservedConnection,
    expected: {
      family: 6,
      protocol: 58,
      original: {
        source: ip("fd00::1"),
        destination: ip("fd00::2"),
        sourcePort: 99,
        destinationPort: 128 * 256,
      },
      reply: {
        source: ip("fd00::2"),
        destination: ip("fd00::1"),
        sourcePort: 99,
        destinationPort: 129 * 256,
      },
      status: 0,
      mark: 0,
      zone: 0,
      timeout: 0,
    },
  },
];
