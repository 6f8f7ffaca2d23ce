/** Addresses, routes, nexthop objects and rules of the routing policy. */
import { addressBytes, parseAddress as ip, parsePrefix } from "../../../src/lib/ip.ts";
import type { Writer } from "../../../src/linux/bytes.ts";
import { put, putBytes, putNested, putString, putU32 } from "../../../src/linux/netlink/attribute.ts";
import { readObservedAddress } from "../../../src/linux/rtnetlink/dump/address.ts";
import { readNexthop } from "../../../src/linux/rtnetlink/dump/nexthop.ts";
import { readObservedRoute } from "../../../src/linux/rtnetlink/dump/route.ts";
import { readPolicyRule } from "../../../src/linux/rtnetlink/dump/rule.ts";
import { AF_INET, AF_INET6, putIp, putU8, type Sample, written } from "./writing.ts";

const SIXTEEN = "fd00::5";

const route = (write: (to: Writer) => void, bytes: readonly number[]) =>
  written((to) => {
    for (const byte of bytes) to.u8(byte);
    to.u32(4); // RTNH_F_ONLINK
    write(to);
  });

const hop = (to: Writer, flags: number, weight: number, ifindex: number, via: string) => {
  const start = to.length;
  to.u16(0)
    .u8(flags)
    .u8(weight - 1)
    .i32(ifindex);
  putIp(to, 5, via);
  to.setU16(start, to.length - start);
};

export const ROUTING: readonly Sample[] = [
  {
    name: "an address between two",
    bytes: written((to) => {
      to.u8(AF_INET).u8(32).u8(0).u8(253).u32(4);
      putIp(to, 2, "10.2.0.1");
      putIp(to, 1, "10.2.0.2");
      putU32(to, 8, 0x1 | 0x8 | 0x20 | 0x40);
    }),
    read: readObservedAddress,
    expected: {
      ifindex: 4,
      address: parsePrefix("10.2.0.1/32"),
      peer: ip("10.2.0.2"),
      scope: 253,
      tentative: true,
      duplicate: true,
      deprecated: true,
      secondary: true,
    },
  },
  {
    name: "a temporary address of IPv6",
    bytes: written((to) => {
      to.u8(AF_INET6).u8(64).u8(1).u8(0).u32(4);
      putIp(to, 1, SIXTEEN);
    }),
    read: readObservedAddress,
    expected: {
      ifindex: 4,
      address: parsePrefix(`${SIXTEEN}/64`),
      scope: 0,
      tentative: false,
      duplicate: false,
      deprecated: false,
      secondary: false,
    },
  },
  {
    name: "a route",
    bytes: route(
      (to) => {
        putIp(to, 1, "10.9.0.0");
        putU32(to, 15, 1000);
        putU32(to, 6, 50);
        putIp(to, 7, "10.1.0.9");
        putU32(to, 4, 3);
        putBytes(
          to,
          18,
          Uint8Array.of(...new Uint8Array(Uint16Array.of(AF_INET6).buffer), ...addressBytes(ip(SIXTEEN))),
        );
        putNested(to, 8, () => putU32(to, 2, 1400));
        putU32(to, 30, 12);
      },
      [AF_INET, 16, 0, 0x10, 0, 4, 0, 1],
    ),
    read: readObservedRoute,
    expected: {
      nexthop: 12,
      route: {
        family: 4,
        to: parsePrefix("10.9.0.0/16"),
        tos: 16,
        table: 1000,
        type: 1,
        scope: 0,
        protocol: 4,
        metric: 50,
        preferredSource: ip("10.1.0.9"),
        mtu: 1400,
        hops: [{ via: ip(SIXTEEN), ifindex: 3, flags: 4, weight: 1 }],
      },
    },
  },
  {
    name: "a route by several hops, from a subnet",
    bytes: route(
      (to) => {
        putIp(to, 2, "fd00:7::");
        put(to, 9, () => {
          hop(to, 16, 3, 5, "fd00::1");
          hop(to, 0, 1, 6, "fd00::2");
        });
      },
      [AF_INET6, 0, 32, 0, 254, 3, 0, 1],
    ),
    read: readObservedRoute,
    expected: {
      route: {
        family: 6,
        to: parsePrefix("::/0"),
        from: parsePrefix("fd00:7::/32"),
        tos: 0,
        table: 254,
        type: 1,
        scope: 0,
        protocol: 3,
        metric: 0,
        hops: [
          { via: ip("fd00::1"), ifindex: 5, flags: 16, weight: 3 },
          { via: ip("fd00::2"), ifindex: 6, flags: 0, weight: 1 },
        ],
      },
    },
  },
  {
    name: "a group of nexthops",
    bytes: written((to) => {
      to.u8(0).u8(0).u8(3).u8(0).u32(0);
      putU32(to, 1, 9);
      put(to, 2, () => to.u32(7).u8(1).u8(0).u16(0).u32(8).u8(0).u8(1).u16(0));
    }),
    read: readNexthop,
    expected: {
      id: 9,
      blackhole: false,
      group: [
        { id: 7, weight: 2 },
        { id: 8, weight: 257 },
      ],
    },
  },
  {
    name: "a nexthop",
    bytes: written((to) => {
      to.u8(AF_INET).u8(0).u8(3).u8(0).u32(4);
      putU32(to, 1, 7);
      putU32(to, 5, 3);
      putIp(to, 6, "10.1.0.7");
    }),
    read: readNexthop,
    expected: {
      id: 7,
      hop: { via: ip("10.1.0.7"), ifindex: 3, flags: 4, weight: 1 },
      blackhole: false,
      group: [],
    },
  },
  {
    name: "a rule of the policy",
    bytes: written((to) => {
      to.u8(AF_INET).u8(16).u8(24).u8(0x10).u8(0).u8(0).u8(0).u8(1).u32(2);
      putU32(to, 6, 100);
      putIp(to, 1, "10.9.0.0");
      putIp(to, 2, "10.1.0.0");
      putString(to, 3, "br0");
      putString(to, 17, "p0");
      putU32(to, 10, 0x10);
      putU32(to, 16, 0xf0);
      putU32(to, 15, 1077);
      putU32(to, 14, 0xffffffff);
      putU8(to, 19, 1);
      put(to, 20, () => to.u32(5).u32(9));
      putU8(to, 22, 6);
      put(to, 23, () => to.u16(1).u16(5));
      put(to, 24, () => to.u16(80).u16(80));
    }),
    read: readPolicyRule,
    expected: {
      family: 4,
      priority: 100,
      from: parsePrefix("10.1.0.0/24"),
      to: parsePrefix("10.9.0.0/16"),
      tos: 16,
      mark: { value: 0x10, mask: 0xf0 },
      in: "br0",
      out: "p0",
      protocol: 6,
      sourcePorts: [1, 5],
      destinationPorts: [80, 80],
      uids: [5, 9],
      not: true,
      vrf: true,
      action: { do: "table", table: 1077 },
    },
  },
  ...(
    [
      [2, { do: "goto", priority: 200 }],
      [3, { do: "nop" }],
      [6, { do: "blackhole" }],
      [7, { do: "unreachable" }],
      [8, { do: "prohibit" }],
    ] as const
  ).map(([action, expected]) => ({
    name: `a rule that does ${expected.do}`,
    bytes: written((to) => {
      to.u8(AF_INET6).u8(0).u8(0).u8(0).u8(0).u8(0).u8(0).u8(action).u32(0);
      putU32(to, 4, 200);
      putU32(to, 14, 0);
    }),
    read: readPolicyRule,
    expected: { family: 6, priority: 0, not: false, vrf: false, suppressPrefixLength: 0, action: expected },
  })),
];
