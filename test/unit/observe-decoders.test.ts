import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { resolveNexthop } from "../../src/linux/rtnetlink/dump/nexthop.ts";
import { namespaceOf, pinned } from "../../src/observe/find-namespaces.ts";
import { same } from "../../src/observe/same.ts";
import { WATCHED } from "../../src/observe/sysctls.ts";
import { SAMPLES } from "./observe-samples/all.ts";

for (const { name, bytes, read, expected } of SAMPLES) {
  test(`what the kernel tells of ${name} is read whole`, () => {
    assert.deepEqual(read(bytes), expected);
  });
}

test("a route by an object leads where the object does", () => {
  const route = {
    family: 4,
    to: parsePrefix("10.0.0.0/8"),
    tos: 0,
    table: 254,
    type: 1,
    scope: 0,
    protocol: 3,
    metric: 0,
    hops: [],
  } as const;
  const hop = (last: number) => ({ via: parseAddress(`10.1.0.${last}`), ifindex: 3, flags: 0, weight: 1 });
  const objects = new Map(
    [
      { id: 7, hop: hop(7), blackhole: false, group: [] },
      { id: 8, hop: hop(8), blackhole: false, group: [] },
      {
        id: 9,
        blackhole: false,
        group: [
          { id: 7, weight: 2 },
          { id: 8, weight: 1 },
          { id: 99, weight: 1 },
        ],
      },
      { id: 10, blackhole: true, group: [] },
    ].map((one) => [one.id, one]),
  );
  assert.deepEqual(resolveNexthop({ route, nexthop: 7 }, objects).hops, [hop(7)]);
  assert.deepEqual(resolveNexthop({ route, nexthop: 9 }, objects).hops, [{ ...hop(7), weight: 2 }, hop(8)]);
  assert.equal(resolveNexthop({ route, nexthop: 10 }, objects).type, 6);
  assert.equal(resolveNexthop({ route, nexthop: 11 }, objects), route);
  const told = { ...route, hops: [hop(1)] };
  assert.equal(resolveNexthop({ route: told, nexthop: 9 }, objects), told);
});

test("pinned namespaces are found among the mounts", () => {
  const mounts = [
    "22 1 0:20 / /proc rw,relatime - proc proc rw",
    "60 22 0:4 net:[4026532288] /run/netns/blue rw shared:2 - nsfs nsfs rw",
    "61 22 0:4 net:[4026532289] /run/my\\040net/a\\134b rw - nsfs nsfs rw",
    "62 22 0:4 mnt:[4026532290] /run/mnt rw - nsfs nsfs rw",
    "",
  ];
  assert.deepEqual(pinned(mounts.join("\n")), [
    { id: 4026532288, path: "/run/netns/blue" },
    { id: 4026532289, path: "/run/my net/a\\b" },
  ]);
  assert.equal(namespaceOf("net:[4026531840]"), 4026531840);
  assert.equal(namespaceOf("mnt:[4026531840]"), undefined);
});

test("what traffic alone changes makes no difference", () => {
  const link = (rxBytes: bigint, mtu: number) => ({
    links: [{ mtu, counters: { rxBytes } }],
    connectionCount: Number(rxBytes),
  });
  assert.ok(same(link(1n, 1500), link(2n, 1500)));
  assert.ok(!same(link(1n, 1500), link(1n, 1400)));
  assert.ok(same(new Map([["a", Uint8Array.of(1)]]), new Map([["a", Uint8Array.of(1)]])));
  assert.ok(!same(new Map([["a", Uint8Array.of(1)]]), new Map([["a", Uint8Array.of(2)]])));
  assert.ok(!same({ a: 1 }, { a: 1, b: undefined }));
  assert.ok(!same([1], [1, 2]));
  assert.ok(!same({}, null));
});

test("each setting is asked for once, and says why", () => {
  assert.equal(new Set(WATCHED.map(({ key }) => key)).size, WATCHED.length);
  for (const { key, why } of WATCHED) assert.ok(why.length > 0 && /^net\.[a-z0-9_.-]+$/.test(key), key);
});
