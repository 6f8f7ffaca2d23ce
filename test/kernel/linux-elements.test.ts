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
