/** Links, of all kinds of which something is read. */
import type { Writer } from "../../../src/linux/bytes.ts";
import { put, putBytes, putNested, putString, putU32 } from "../../../src/linux/netlink/attribute.ts";
import { readObservedLink } from "../../../src/linux/rtnetlink/dump/link.ts";
import {
  AF_INET,
  AF_INET6,
  MAC,
  putBe16,
  putNumbers,
  putU8,
  putU16,
  type Sample,
  written,
} from "./writing.ts";

/** struct ifinfomsg */
const linkHeader = (to: Writer, ifindex: number, flags: number) =>
  to.u8(0).u8(0).u16(1).i32(ifindex).u32(flags).u32(0);

const port = written((to) => {
  linkHeader(to, 7, 0x1 | 0x10000 | 0x100);
  putString(to, 3, "veth1");
  putU32(to, 4, 1450);
  putBytes(to, 1, MAC);
  putU32(to, 5, 2);
  put(to, 37, () => to.i32(4));
  putU32(to, 10, 3);
  putU8(to, 16, 6);
  putString(to, 20, "web on net");
  put(to, 23, () => {
    for (let i = 1n; i <= 24n; i += 1n) to.be64(0n).setU32(to.length - 8, Number(i));
  });
  putNested(to, 18, () => {
    putString(to, 1, "veth");
    putString(to, 4, "bridge");
    putNested(to, 5, () => {
      putU8(to, 1, 3);
      putU8(to, 4, 1);
      putU8(to, 8, 1);
      putU8(to, 9, 0);
      putU8(to, 32, 1);
      putU8(to, 33, 1);
    });
  });
  putNested(to, 26, () => {
    putNested(to, AF_INET, () =>
      put(to, 1, () =>
        putNumbers(to, [1, 0, 1, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 1, 1, 0, 1]),
      ),
    );
    putNested(to, AF_INET6, () =>
      put(to, 2, () =>
        putNumbers(
          to,
          Array.from({ length: 30 }, (_, i) => (i === 26 || i === 22 ? 1 : i === 3 ? 2 : 0)),
        ),
      ),
    );
  });
  putNested(to, 43, () => putU8(to, 2, 1));
});

const bridge = written((to) => {
  linkHeader(to, 3, 0x1000 | 0x80);
  putString(to, 3, "br0");
  putU32(to, 4, 1500);
  putNested(to, 18, () => {
    putString(to, 1, "bridge");
    putNested(to, 2, () => {
      putU32(to, 4, 30000);
      putU32(to, 5, 1);
      putU8(to, 7, 1);
      putU8(to, 23, 1);
      putU8(to, 36, 1);
      putU8(to, 37, 0);
    });
  });
});

const zero = {
  rxPackets: 0n,
  txPackets: 0n,
  rxBytes: 0n,
  txBytes: 0n,
  rxErrors: 0n,
  txErrors: 0n,
  rxDropped: 0n,
  txDropped: 0n,
};
const plainLink = {
  hardware: 1,
  mtu: 1500,
  operState: 0,
  loopback: false,
  promiscuous: false,
  xdp: false,
  counters: zero,
};

const kindOf = (name: string, data: (to: Writer) => void) =>
  written((to) => {
    linkHeader(to, 9, 0);
    putString(to, 3, "x0");
    putU32(to, 4, 1500);
    putNested(to, 18, () => {
      putString(to, 1, name);
      putNested(to, 2, () => data(to));
    });
  });

const kinds = [
  ["macvlan", (to: Writer) => putU32(to, 1, 8), { macvlanMode: "passthru" }],
  ["vlan", (to: Writer) => putU16(to, 1, 42), { vlanId: 42 }],
  ["vrf", (to: Writer) => putU32(to, 1, 1000), { vrfTable: 1000 }],
  ["vxlan", (to: Writer) => void putBe16(putU32(to, 1, 77), 15, 4789), { vxlan: { id: 77, port: 4789 } }],
] as const;

export const LINKS: readonly Sample[] = [
  {
    name: "a bridge's port",
    bytes: port,
    read: readObservedLink,
    expected: {
      ifindex: 7,
      name: "veth1",
      kind: "veth",
      port: {
        state: 3,
        hairpin: true,
        isolated: true,
        learning: true,
        unicastFlood: false,
        neighSuppress: true,
      },
      hardware: 1,
      mac: "02:42:ac:11:00:0a",
      mtu: 1450,
      up: true,
      carrier: true,
      operState: 6,
      loopback: false,
      promiscuous: true,
      noArp: false,
      master: 3,
      alias: "web on net",
      peer: { ifindex: 2, nsid: 4 },
      settings: {
        forwarding4: true,
        reversePathFilter: 2,
        routeLocalnet: true,
        proxyArp: true,
        arpIgnore: 1,
        arpAnnounce: 2,
        acceptLocal: true,
        sourceValidMark: true,
        sendRedirects: true,
        forwarding6: false,
        disableIpv6: true,
        acceptRa: 2,
        proxyNdp: true,
      },
      counters: {
        rxPackets: 1n,
        txPackets: 2n,
        rxBytes: 3n,
        txBytes: 4n,
        rxErrors: 5n,
        txErrors: 6n,
        rxDropped: 7n,
        txDropped: 8n,
      },
      xdp: true,
    },
  },
  {
    name: "a bridge",
    bytes: bridge,
    read: readObservedLink,
    expected: {
      ...plainLink,
      ifindex: 3,
      name: "br0",
      kind: "bridge",
      up: false,
      carrier: false,
      noArp: true,
      bridge: {
        callIptables: true,
        callIp6tables: false,
        vlanFiltering: true,
        stp: true,
        ageing: 30000,
        multicastSnooping: true,
      },
    },
  },
  ...kinds.map(([kind, data, more]) => ({
    name: `a ${kind}`,
    bytes: kindOf(kind, data),
    read: readObservedLink,
    expected: {
      ...plainLink,
      ifindex: 9,
      name: "x0",
      up: false,
      carrier: false,
      noArp: false,
      kind,
      ...more,
    },
  })),
];
