import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { Datum, SetElement, Step } from "../../src/linux/plan.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });

const kernel = await startKernel();
after(() => kernel.close());

await kernel.nft(`table inet t {
  set subnets4 { type ipv4_addr; flags interval; }
  set subnets6 { type ipv6_addr; flags interval; }
  set local4 { type ifname . ipv4_addr; flags interval; }
  set local6 { type ifname . ipv6_addr; flags interval; }
  set open { type nf_proto . ifname; }
  set unrouted { type nf_proto; }
  map snat4 { type ipv4_addr : ipv4_addr; flags interval; }
  map snat6 { type ipv6_addr : ipv6_addr; flags interval; }
  map published { type inet_proto . inet_service : ipv4_addr . inet_service; }
  set admitted { type ifname . ipv4_addr . inet_proto . inet_service; }
  set ports { type inet_service; }
}`);

const element = (set: string, key: readonly Datum[], value?: readonly Datum[]): SetElement => ({
  family: "inet",
  table: "t",
  set,
  key,
  ...(value && { value }),
});

const add = (elements: readonly SetElement[]): Step => ({ do: "add-elements", about: "add", elements });
const remove = (elements: readonly SetElement[]): Step => ({
  do: "delete-elements",
  about: "remove",
  elements,
});

/** The elements of a set as nft prints them. */
function listed(set: string): string[] {
  const kind = set === "published" || set.startsWith("snat") ? "map" : "set";
  const text = sh(`nft list ${kind} inet t ${set}`).match(/elements = \{([^}]*)\}/)?.[1] ?? "";
  return text.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()]));
}

const subnet = (text: string): Datum => ({ subnet: parsePrefix(text) });
const address = (text: string): Datum => ({ address: parseAddress(text) });
const br = (index: number): Datum => ({ ifname: `br${index}` });

const INTERVALS: readonly { set: string; elements: readonly SetElement[]; printed: readonly string[] }[] = [
  ...["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "172.17.0.0/16", "10.1.2.3", "255.255.255.255"].map(
    (text) => ({
      set: "subnets4",
      elements: [element("subnets4", [subnet(text.includes("/") ? text : `${text}/32`)])],
      printed: [text],
    }),
  ),
  ...["::/0", "fd00::/8", "ff00::/8", "2001:db8::/64", "2001:db8::1"].map((text) => ({
    set: "subnets6",
    elements: [element("subnets6", [subnet(text.includes("/") ? text : `${text}/128`)])],
    printed: [text],
  })),
  {
    set: "subnets4",
    elements: ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.9/24"].map((text) =>
      element("subnets4", [subnet(text)]),
    ),
    printed: ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"],
  },
  {
    set: "local4",
    elements: [
      element("local4", [br(0), subnet("172.17.0.0/16")]),
      element("local4", [br(1), subnet("0.0.0.0/0")]),
      element("local4", [br(2), subnet("10.9.9.9/32")]),
    ],
    printed: ['"br0" . 172.17.0.0/16', '"br1" . 0.0.0.0/0', '"br2" . 10.9.9.9'],
  },
  {
    set: "local6",
    elements: [
      element("local6", [br(0), subnet("fd00:1::/64")]),
      element("local6", [br(1), subnet("fd00:1::/64")]),
    ],
    printed: ['"br0" . fd00:1::/64', '"br1" . fd00:1::/64'],
  },
  {
    set: "snat4",
    elements: [
      element("snat4", [subnet("172.18.0.0/16")], [address("1.2.3.4")]),
      element("snat4", [subnet("172.19.0.0/16")], [address("1.2.3.5")]),
    ],
    printed: ["172.18.0.0/16 : 1.2.3.4", "172.19.0.0/16 : 1.2.3.5"],
  },
  {
    set: "snat6",
    elements: [element("snat6", [subnet("fd00:1::/64")], [address("2001:db8::9")])],
    printed: ["fd00:1::/64 : 2001:db8::9"],
  },
  {
    set: "open",
    elements: [element("open", [{ nfproto: "ipv4" }, br(0)]), element("open", [{ nfproto: "ipv6" }, br(0)])],
    printed: ['ipv4 . "br0"', 'ipv6 . "br0"'],
  },
  {
    set: "unrouted",
    elements: [element("unrouted", [{ nfproto: "ipv4" }]), element("unrouted", [{ nfproto: "ipv6" }])],
    printed: ["ipv4", "ipv6"],
  },
];

for (const { set, elements, printed } of INTERVALS) {
  test(`${set}: ${printed.join(", ")}`, async () => {
    await kernel.apply([add(elements)]);
    assert.deepEqual(listed(set).toSorted(), printed.toSorted());
    await assert.rejects(kernel.apply([add(elements)]), { code: "EEXIST", what: "add" });
    // What nft takes away is what it prints: the two agree about what an element is.
    await kernel.nft(`delete element inet t ${set} { ${printed.join(", ")} }`);
    assert.deepEqual(listed(set), []);
    await kernel.nft(`add element inet t ${set} { ${printed.join(", ")} }`);
    await kernel.apply([remove(elements)]);
    assert.deepEqual(listed(set), []);
    await assert.rejects(kernel.apply([remove(elements)]), { code: "ENOENT", what: "remove" });
    await kernel.dismantle([remove(elements)]);
  });
}

const published = (from: number, count: number): SetElement[] =>
  Array.from({ length: count }, (_, index) => ({ port: from + index })).flatMap((port) => [
    element("published", [{ protocol: 6 }, port], [address("172.17.0.2"), { port: 80 }]),
    element("admitted", [br(0), address("172.17.0.2"), { protocol: 6 }, port]),
  ]);

test("ten thousand ports are one transaction: all, or none of them", async () => {
  const many = published(10_000, 10_000);
  await kernel.apply([add(many)]);
  assert.equal(listed("published").length, 10_000);
  assert.ok(listed("published").includes("tcp . 19999 : 172.17.0.2 . 80"));
  // The last of them is taken, in a later message than the first.
  const taken = [...published(30_000, 5_000), ...published(19_999, 1)];
  await assert.rejects(kernel.apply([add(taken)]), { code: "EEXIST", what: "add" });
  assert.equal(listed("admitted").length, 10_000);
  // Undone by the failure of a later step.
  const broken: Step = { do: "delete-link", name: "nosuch0" };
  await assert.rejects(kernel.apply([add(published(30_000, 5_000)), broken]), { code: "ENODEV" });
  assert.equal(listed("published").length, 10_000);
  await assert.rejects(kernel.apply([remove(many), broken]), { code: "ENODEV" });
  assert.equal(listed("published").length, 10_000);
  await kernel.apply([remove(many)]);
  assert.deepEqual([...listed("published"), ...listed("admitted")], []);
});

test("of what is to be taken away, what is gone is no failure, and the rest goes", async () => {
  const many = published(1, 2000);
  const subnets = [subnet("10.0.0.0/8"), subnet("172.16.0.0/12"), subnet("255.0.0.0/8")];
  const intervals = [
    ...subnets.map((one) => element("subnets4", [one])),
    ...subnets.map((one) => element("local4", [br(0), one])),
    ...subnets.map((one) => element("snat4", [one], [address("1.2.3.4")])),
  ];
  await kernel.apply([add([...many, ...intervals])]);
  await kernel.apply([remove(published(7, 1)), remove(published(1999, 2))]);
  await kernel.nft("delete element inet t subnets4 { 172.16.0.0/12 }");
  await kernel.nft("delete element inet t local4 { br0 . 10.0.0.0/8 }");
  await kernel.nft("flush map inet t snat4");
  // Others that are not meant stay, and so does one that a subnet lies within.
  await kernel.apply([add(published(3000, 1)), add([element("local4", [br(1), subnet("10.0.0.0/8")])])]);
  const never = [
    element("subnets4", [subnet("10.1.0.0/16")]),
    element("local4", [br(1), subnet("10.1.0.0/16")]),
    element("nosuch", [{ port: 1 }]),
  ];
  await kernel.dismantle([remove([...many, ...intervals, ...never])]);
  assert.deepEqual(listed("published"), ["tcp . 3000 : 172.17.0.2 . 80"]);
  assert.deepEqual(listed("admitted"), ['"br0" . 172.17.0.2 . tcp . 3000']);
  assert.deepEqual([listed("subnets4"), listed("local4"), listed("snat4")], [[], ['"br1" . 10.0.0.0/8'], []]);
  await kernel.nft("flush map inet t published; flush set inet t admitted; flush set inet t local4");
});

test("an element that nft wrote as one address is the same as a subnet of one", async () => {
  await kernel.nft("add element inet t local4 { br7 . 10.9.9.9, br8 . 10.8.0.0/16 }");
  const elements = [
    element("local4", [{ ifname: "br7" }, subnet("10.9.9.9/32")]),
    element("local4", [{ ifname: "br8" }, subnet("10.8.0.0/16")]),
    element("local4", [{ ifname: "br9" }, subnet("10.9.0.0/16")]),
  ];
  await kernel.dismantle([remove(elements)]);
  assert.deepEqual(listed("local4"), []);
});

test("subnets that overlap are refused, and nothing is left of them", async () => {
  await kernel.apply([add([element("subnets4", [subnet("10.0.0.0/8")])])]);
  const elements = [
    element("subnets4", [subnet("11.0.0.0/8")]),
    element("subnets4", [subnet("10.1.0.0/16")]),
  ];
  await assert.rejects(kernel.apply([add(elements)]), { name: "KernelError", what: "add" });
  assert.deepEqual(listed("subnets4"), ["10.0.0.0/8"]);
  await kernel.nft("flush set inet t subnets4");
});

test("more sets than acknowledgements fit into a buffer", async () => {
  const names = Array.from({ length: 400 }, (_, index) => `s${index}`);
  await kernel.nft(`table inet u { ${names.map((name) => `set ${name} { type ifname; }`).join("; ")}; }`);
  const elements = names.map((set) => ({ family: "inet", table: "u", set, key: [br(0)] }) as const);
  await kernel.apply([add(elements)]);
  await assert.rejects(kernel.apply([add(elements)]), { code: "EEXIST", what: "add" });
  await kernel.apply([remove(elements)]);
  await assert.rejects(kernel.apply([remove(elements)]), { code: "ENOENT" });
  await kernel.apply([add(elements)]); // no answer of the refused ones is taken for this one's
  await kernel.nft("delete table inet u");
});
