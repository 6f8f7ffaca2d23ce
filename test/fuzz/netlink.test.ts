import assert from "node:assert/strict";
import { endianness } from "node:os";
import { test } from "node:test";
import fc from "fast-check";
import { type Address, formatAddress, type Mac, macFromBytes, parseMac } from "../../src/lib/ip.ts";
import { Writer } from "../../src/linux/bytes.ts";
import { askConnections, readConnection } from "../../src/linux/conntrack/connection.ts";
import type { LinkAddress, Neighbour, Route } from "../../src/linux/kernel.ts";
import {
  attributeOf,
  attributesOf,
  put,
  putNested,
  readAttributes,
} from "../../src/linux/netlink/attribute.ts";
import {
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_ERROR,
  putAcknowledgement,
  putMessage,
  readAcknowledgement,
  readMessages,
} from "../../src/linux/netlink/message.ts";
import { addElements, identify, readElements } from "../../src/linux/nftables/element.ts";
import type { Datum } from "../../src/linux/plan.ts";
import { putLinkAddress, readLinkAddress } from "../../src/linux/rtnetlink/address.ts";
import { putLink, readLink } from "../../src/linux/rtnetlink/link.ts";
import { putNeighbour, readNeighbour } from "../../src/linux/rtnetlink/neighbour.ts";
import { putRoute, readRoute } from "../../src/linux/rtnetlink/route.ts";

const plain = { noNullPrototype: true } as const;
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const ifindex = fc.integer({ min: 1, max: 0x7fffffff });
const octets = fc.uint8Array({ maxLength: 40 });
const address: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ family: fc.constant(4 as const), bits: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }) }, plain),
  fc.record({ family: fc.constant(6 as const), bits: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }) }, plain),
);
const mac: fc.Arbitrary<Mac> = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,14}$/);
const prefix = address.chain((one) =>
  fc.integer({ min: 0, max: one.family === 4 ? 32 : 128 }).map((length) => ({ address: one, length })),
);

const written = (write: (to: Writer) => void): Uint8Array => {
  const to = new Writer(1);
  write(to);
  return to.written().slice();
};

interface Tree {
  readonly type: number;
  readonly value: Uint8Array | readonly Tree[];
}
const type = fc.integer({ min: 1, max: 0x3fff });
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record(
    { type, value: fc.oneof({ maxDepth: 4 }, octets, fc.array(tie("tree"), { maxLength: 4 })) },
    plain,
  ),
}));

function putTree(to: Writer, { type, value }: Tree): void {
  if (value instanceof Uint8Array) put(to, type, (w) => w.bytes(value));
  else putNested(to, type, (w) => value.forEach((one) => void putTree(w, one)));
}

/** Read `bytes` in the shape of `like`: attributes don't say what is in them. */
function readTrees(bytes: Uint8Array, like: readonly Tree[]): Tree[] {
  return readAttributes(bytes).map(({ type, value }, index) => {
    const shape = like[index]?.value ?? [];
    return { type, value: shape instanceof Uint8Array ? value.slice() : readTrees(value, shape) };
  });
}

test("attributes, nested and not, are read as they were written", () => {
  fc.assert(
    fc.property(fc.array(tree, { maxLength: 6 }), (trees) => {
      const bytes = written((to) => trees.forEach((one) => void putTree(to, one)));
      assert.equal(bytes.length % 4, 0);
      assert.deepEqual(readTrees(bytes, trees), trees);
    }),
  );
});

test("of several attributes of one type, a look-up gives the last", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), octets), { minLength: 1 }), (pairs) => {
      const bytes = written((to) =>
        pairs.forEach(([type, value]) => void put(to, type, (w) => w.bytes(value))),
      );
      const expected = new Map(pairs);
      assert.deepEqual(new Map(attributesOf(bytes)), expected);
      for (const [type, value] of expected) assert.deepEqual(attributeOf(bytes, type), value);
    }),
  );
});

test("an attribute too long for its length field is refused", () => {
  const to = new Writer();
  assert.throws(() => put(to, 1, (w) => w.zeros(0xffff - 3)), RangeError);
});

const u16 = fc.integer({ min: 0, max: 0xffff });
const header = fc.record({ type: u16, flags: u16, sequence: u32, port: u32 }, plain);

test("messages are read as they were written", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(header, octets), { maxLength: 8 }), (messages) => {
      const bytes = written((to) =>
        messages.forEach(([one, payload]) => void putMessage(to, one, (w) => w.bytes(payload))),
      );
      assert.deepEqual(
        readMessages(bytes).map(({ payload, ...one }) => [one, payload.slice()]),
        messages,
      );
    }),
  );
});

test("an acknowledgement is read as it was written, the kernel's words included", () => {
  const words = fc.string({ unit: fc.constantFrom(..."abc XYZ:.") });
  const ack = fc.record(
    { errno: fc.integer({ min: 0, max: 4095 }), text: words, offset: u32 },
    { noNullPrototype: true, requiredKeys: ["errno"] },
  );
  fc.assert(
    fc.property(ack, header, (one, request) => {
      const payload = written((to) => putAcknowledgement(to, one, request));
      const flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
      assert.deepEqual(readAcknowledgement({ type: NLMSG_ERROR, flags, sequence: 1, port: 0, payload }), one);
    }),
  );
});

test("a link is read as it was asked for", () => {
  const link = fc.record(
    {
      ifindex,
      name,
      mtu: u32,
      up: fc.boolean(),
      kind: fc.constantFrom("bridge" as const, "veth" as const, "macvlan" as const, "vlan" as const),
      mac,
      master: ifindex,
      alias: fc.stringMatching(/^[ -~]{1,60}$/),
    },
    { noNullPrototype: true, requiredKeys: ["ifindex", "name", "mtu", "up"] },
  );
  fc.assert(
    fc.property(link, (one) => {
      assert.deepEqual(readLink(written((to) => putLink(to, one))), { ...one, loopback: false });
    }),
  );
});

test("a stacked link's parent and kind are where the kernel looks for them", () => {
  const data = (one: Parameters<typeof putLink>[1]) => {
    const bytes = written((to) => putLink(to, one));
    const info = attributesOf(attributeOf(bytes.subarray(16), 18)); // IFLA_LINKINFO
    return Buffer.from(attributesOf(info.get(2)).get(1) ?? []).toString("hex"); // IFLA_INFO_DATA
  };
  const le = endianness() === "LE";
  fc.assert(
    fc.property(name, ifindex, fc.integer({ min: 1, max: 4094 }), (one, parent, vlanId) => {
      const vlan = { kind: "vlan", name: one, parent, vlanId } as const;
      const number = Buffer.alloc(2);
      if (le) number.writeUInt16LE(vlanId);
      else number.writeUInt16BE(vlanId);
      assert.equal(data(vlan), number.toString("hex"));
      assert.equal(readLink(written((to) => putLink(to, { ...vlan, mtu: 1500 })))?.peer, parent);
    }),
  );
  const modes = ["private", "vepa", "bridge", "passthru"] as const;
  const told = modes.map((macvlanMode) => data({ kind: "macvlan", name: "eth0", macvlanMode }));
  assert.deepEqual(
    told,
    le ? ["01000000", "02000000", "04000000", "08000000"] : ["00000001", "00000002", "00000004", "00000008"],
  );
});

test("a connection is read as it was asked for, but what the kernel can't look at", () => {
  const port = fc.integer({ min: 0, max: 0xffff });
  const filter = fc.record(
    {
      family: fc.constantFrom(4 as const, 6 as const),
      protocol: fc.integer({ min: 1, max: 255 }),
      originalDestination: address,
      originalPort: port,
      replySource: address,
      replyPort: port,
    },
    { noNullPrototype: true, requiredKeys: ["family", "protocol"] },
  );
  fc.assert(
    fc.property(filter, ({ originalDestination, replySource, ...rest }) => {
      const seen = (one: Address | undefined) => (rest.family === 4 && one?.family === 4 ? one : undefined);
      const [first, answer] = [seen(originalDestination), seen(replySource)];
      const asked = {
        ...rest,
        ...(first && { originalDestination: first }),
        ...(answer && { replySource: answer }),
      };
      const { identity: _, ...told } = readConnection(written(askConnections("x", asked).body)) ?? {};
      assert.deepEqual(told, asked);
    }),
  );
});

const datum: fc.Arbitrary<Datum> = fc.oneof(
  fc.record({ address }, plain),
  fc.record({ ifname: name }, plain),
  fc.record({ mac }, plain),
  fc.record({ port: fc.integer({ min: 0, max: 0xffff }) }, plain),
  fc.record({ protocol: fc.integer({ min: 0, max: 255 }) }, plain),
  fc.record({ nfproto: fc.constantFrom("ipv4" as const, "ipv6" as const) }, plain),
  prefix.map((subnet) => ({ subnet })),
);

test("elements packed into messages are the same elements, and no list outgrows its attribute", () => {
  const keys = fc.array(fc.array(datum, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(keys, fc.constantFrom(1, 100, 700), (some, times) => {
      const elements = Array.from({ length: times }, () => some)
        .flat()
        .map((key) => ({ family: "inet", table: "t", set: "s", key }) as const);
      const lists = addElements("x", elements).map(({ body }) => written(body));
      assert.deepEqual(lists.flatMap(readElements), elements.flatMap(identify));
      for (const list of lists) assert.ok(list.length < 65536 + 32);
    }),
    { numRuns: 50 },
  );
});

test("an address is read as it was asked for", () => {
  const link = prefix.chain((one) =>
    fc.record(
      {
        ifindex,
        address: fc.constant(one),
        scope: fc.integer({ min: 0, max: 255 }),
        broadcast: address.filter(({ family }) => family === one.address.family),
      },
      { noNullPrototype: true, requiredKeys: ["ifindex", "address", "scope"] },
    ),
  );
  fc.assert(
    fc.property(link, (one: LinkAddress) => {
      assert.deepEqual(readLinkAddress(written((to) => putLinkAddress(to, one))), one);
    }),
  );
});

test("a route is read as it was asked for, a gateway of the other family included", () => {
  const route = fc.record(
    { via: address, ifindex, table: u32, type: fc.integer({ min: 0, max: 255 }) },
    { noNullPrototype: true, requiredKeys: ["table", "type"] },
  );
  fc.assert(
    fc.property(prefix, fc.boolean(), route, (to, everywhere, rest) => {
      const { family } = to.address;
      const one: Route = { family, to: everywhere ? "default" : to, ...rest };
      assert.deepEqual(readRoute(written((w) => putRoute(w, one))), one);
    }),
  );
});

test("a neighbour is read as it was asked for", () => {
  const neighbour = fc.record(
    { ifindex, address, mac, state: fc.integer({ min: 0, max: 0xffff }) },
    { noNullPrototype: true, requiredKeys: ["ifindex", "address", "state"] },
  );
  fc.assert(
    fc.property(neighbour, (one: Neighbour) => {
      assert.deepEqual(readNeighbour(written((to) => putNeighbour(to, one))), one);
    }),
  );
});

test("whatever bytes come, reading ends, and throws nothing", () => {
  const real = written((to) => {
    const link = { name: "veth1", mtu: 1500, mac: parseMac("02:42:ac:11:00:02"), alias: "web" };
    putMessage(to, { type: 16, flags: 0, sequence: 1, port: 1 }, (w) =>
      putLink(w, { ...link, kind: "veth" }),
    );
  });
  const broken = fc
    .tuple(fc.integer({ min: 0, max: real.length }), fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255))))
    .map(([length, changes]) => {
      const bytes = real.slice();
      for (const [at, value] of changes) bytes[at] = value;
      return bytes.subarray(0, length);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), broken), (bytes) => {
      for (const message of readMessages(bytes)) {
        assert.ok(message.payload.length <= bytes.length);
        readAcknowledgement(message);
        readLink(message.payload);
      }
      assert.ok(readAttributes(bytes).length <= bytes.length / 4);
      readAcknowledgement({ type: NLMSG_ERROR, flags: NLM_F_ACK_TLVS, sequence: 0, port: 0, payload: bytes });
      readLink(bytes);
      readElements(bytes);
      const connection = readConnection(bytes);
      const told = [
        readLinkAddress(bytes)?.address.address,
        readNeighbour(bytes)?.address,
        readRoute(bytes)?.via,
        connection?.originalDestination,
        connection?.replySource,
      ];
      for (const one of told) if (one) formatAddress(one);
    }),
    { numRuns: 2000 },
  );
});
