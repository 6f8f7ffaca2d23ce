import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Address, formatAddress, formatPrefix, parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { allocate, assign, hasRoomFor, reservedOf } from "../../src/network/ipam/allocate.ts";
import { BUILT_IN_POOLS, freeSubnet, nextSubnet, subnetsOf } from "../../src/network/ipam/subnets.ts";
import type { Pool } from "../../src/network/types.ts";

const pool = (subnet: string, gateway: string, range?: string): Pool => ({
  subnet: parsePrefix(subnet),
  gateway: parseAddress(gateway),
  ...(range !== undefined && { range: parsePrefix(range) }),
  auxiliary: {},
});

const next = (from: Pool, ...taken: string[]): string | undefined => {
  const address: Address | undefined = allocate(from, taken.map(parseAddress));
  return address && formatAddress(address);
};

describe("addresses", () => {
  const docker0 = pool("172.17.0.0/16", "172.17.0.1");

  test("the first container gets .2, the second .3", () => {
    assert.equal(next(docker0), "172.17.0.2");
    assert.equal(next(docker0, "172.17.0.2"), "172.17.0.3");
  });

  test("a freed address is the next one given", () => {
    assert.equal(next(docker0, "172.17.0.2", "172.17.0.4"), "172.17.0.3");
  });

  test("the gateway may stand anywhere", () => {
    assert.equal(next(pool("10.0.0.0/24", "10.0.0.254")), "10.0.0.1");
  });

  test("a range bounds what is given, and a gateway in it is left out", () => {
    const ranged = pool("172.17.0.0/16", "172.17.5.0", "172.17.5.0/30");
    assert.equal(next(ranged), "172.17.5.1");
    assert.equal(next(ranged, "172.17.5.1", "172.17.5.2", "172.17.5.3"), undefined);
  });

  test("a full subnet gives nothing: neither its own address nor the broadcast's", () => {
    assert.equal(next(pool("10.1.1.0/30", "10.1.1.1")), "10.1.1.2");
    assert.equal(next(pool("10.1.1.0/30", "10.1.1.1"), "10.1.1.2"), undefined);
  });

  test("auxiliary addresses are kept", () => {
    const kept = { ...docker0, auxiliary: { router: parseAddress("172.17.0.2") } };
    assert.equal(next(kept), "172.17.0.3");
  });

  test("a point-to-point subnet has two addresses to give, less the gateway", () => {
    assert.deepEqual(reservedOf(pool("10.0.0.0/31", "10.0.0.0")).map(formatAddress), ["10.0.0.0"]);
    assert.equal(next(pool("10.0.0.0/31", "10.0.0.0")), "10.0.0.1");
  });

  test("of IPv6, the subnet-router anycast address is kept, and there is no broadcast", () => {
    assert.equal(next(pool("2001:db8::/126", "2001:db8::1"), "2001:db8::2"), "2001:db8::3");
  });

  test("several pools are given out in order", () => {
    const pools = [pool("10.0.0.0/30", "10.0.0.1"), pool("10.0.1.0/30", "10.0.1.1")];
    const given: Address[] = [];
    for (let i = 0; i < 3; i += 1) {
      const assigned = assign(pools, given);
      if (assigned) given.push(assigned.address);
    }
    assert.deepEqual(given.map(formatAddress), ["10.0.0.2", "10.0.1.2"]);
  });

  test("an address that is wanted is given outside the range, and not where it is kept or taken", () => {
    const pools = [
      { ...pool("10.0.0.0/24", "10.0.0.1", "10.0.0.128/25"), auxiliary: { r: parseAddress("10.0.0.9") } },
    ];
    const want = (text: string, ...taken: string[]) =>
      assign(pools, taken.map(parseAddress), parseAddress(text))?.address;
    const given = want("10.0.0.5");
    assert.equal(given && formatAddress(given), "10.0.0.5");
    for (const [text, ...taken] of [
      ["10.0.0.1"],
      ["10.0.0.9"],
      ["10.0.0.255"],
      ["10.0.0.5", "10.0.0.5"],
    ] as const) {
      assert.throws(() => want(text, ...taken), { kind: "forbidden", message: "Address already in use" });
    }
    assert.throws(() => want("10.0.1.5"), { kind: "invalid", message: /no configured subnet contains/ });
  });

  test("a subnet's room is without what no host may have", () => {
    const room = (subnet: string, hosts: number) => hasRoomFor(parsePrefix(subnet), hosts);
    assert.deepEqual(
      [room("10.0.0.0/32", 1), room("10.0.0.0/31", 2), room("10.0.0.0/30", 2), room("10.0.0.0/30", 3)],
      [true, true, true, false],
    );
    assert.deepEqual(
      [room("2001:db8::/128", 1), room("2001:db8::/127", 1), room("2001:db8::/127", 2)],
      [false, true, false],
    );
  });

  test("the very last address of the family ends the search", () => {
    assert.equal(next(pool("255.255.255.252/30", "255.255.255.253"), "255.255.255.254"), undefined);
  });
});

describe("subnets", () => {
  test("the built-in pools begin as Docker's do", () => {
    const all = [...subnetsOf(BUILT_IN_POOLS)].map(formatPrefix);
    assert.deepEqual(all.slice(0, 3), ["172.17.0.0/16", "172.18.0.0/16", "172.19.0.0/16"]);
    assert.deepEqual(all.slice(14, 17), ["172.31.0.0/16", "192.168.0.0/20", "192.168.16.0/20"]);
    assert.deepEqual(all.slice(30, 32), ["192.168.240.0/20", "10.0.0.0/24"]);
    assert.equal(all.length, 15 + 16 + 65536);
  });

  test("what is in use is passed over, in whole or in part", () => {
    const used = ["172.17.4.0/24", "172.18.0.0/15"].map(parsePrefix);
    const free = freeSubnet(BUILT_IN_POOLS, used);
    assert.equal(free && formatPrefix(free), "172.20.0.0/16");
  });

  test("there may be none left", () => {
    const one = [{ base: parsePrefix("10.0.0.0/24"), size: 24 }];
    assert.equal(freeSubnet(one, [parsePrefix("10.0.0.0/8")]), undefined);
  });

  test("one that was given back comes last, the oldest first", () => {
    const four = [{ base: parsePrefix("10.0.0.0/22"), size: 24 }];
    const next = (used: string[], spent: string[]) => {
      const subnet = nextSubnet(four, used.map(parsePrefix), spent.map(parsePrefix));
      return subnet && formatPrefix(subnet);
    };
    assert.equal(next([], ["10.0.0.0/24"]), "10.0.1.0/24");
    const rest = ["10.0.1.0/24", "10.0.3.0/24"];
    assert.equal(next(rest, ["10.0.2.0/24", "10.0.0.0/24"]), "10.0.2.0/24");
    assert.equal(next([...rest, "10.0.2.0/24"], ["10.0.2.0/24", "10.0.0.0/24"]), "10.0.0.0/24");
    // What a user had named blocks its place in the pools as long as there is another.
    assert.equal(next(rest, ["10.0.0.16/28", "10.0.2.0/24"]), "10.0.2.0/24");
    assert.equal(next([...rest, "10.0.2.0/24"], ["10.0.0.16/28"]), "10.0.0.0/24");
    assert.equal(next(["10.0.0.0/8"], ["10.0.2.0/24"]), undefined);
  });

  test("a size that does not fit its base is refused", () => {
    for (const size of [15, 33]) {
      assert.throws(() => [...subnetsOf([{ base: parsePrefix("172.17.0.0/16"), size }])], {
        kind: "invalid",
      });
    }
  });
});
