/** Addresses, routes, rules, neighbours and bridges' entries are those that ip(8) and bridge(8) show. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { formatAddress, formatPrefix } from "../../src/lib/ip.ts";
import { readNamespace } from "../../src/observe/read.ts";
import type { NextHop, ObservedRoute } from "../../src/observe/types.ts";
import { isolated } from "../support/isolated.ts";
import { furnish, told } from "./observe-fixture.ts";

isolated(import.meta);

furnish();
const host = readNamespace("/proc/self/ns/net");

const linkName = (ifindex: number | undefined) => host.links.find((link) => link.ifindex === ifindex)?.name;

test("addresses", () => {
  const scopes: Record<number, string> = { 0: "global", 253: "link", 254: "host" };
  const ours = host.addresses.map((one) => ({
    dev: linkName(one.ifindex),
    local: formatAddress(one.address.address),
    prefixlen: one.address.length,
    scope: scopes[one.scope],
    address: one.peer && formatAddress(one.peer),
    broadcast: one.broadcast && formatAddress(one.broadcast),
    secondary: one.secondary,
    unusable: one.tentative || one.duplicate || one.deprecated,
  }));
  const theirs = told("ip -j addr").flatMap((link) =>
    // biome-ignore lint/suspicious/noExplicitAny: as the tool has it
    link.addr_info.map((one: any) => ({
      dev: link.ifname,
      local: one.local,
      prefixlen: one.prefixlen,
      scope: one.scope,
      address: one.address,
      broadcast: one.broadcast,
      secondary: one.secondary === true,
      unusable: one.tentative === true || one.dadfailed === true || one.deprecated === true,
    })),
  );
  const key = ({ dev, local }: { dev?: string | undefined; local: string }) => `${dev} ${local}`;
  const sorted = <T extends { dev?: string | undefined; local: string }>(list: T[]) =>
    list.toSorted((a, b) => key(a).localeCompare(key(b)));
  assert.deepEqual(sorted(ours), sorted(theirs));
});

const TYPES = [
  "",
  "unicast",
  "local",
  "broadcast",
  "",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
];
const PROTOCOLS: Record<number, string> = { 2: "kernel", 4: "static" };
const TABLES: Record<number, string> = { 254: "main", 255: "local" };

test("routes, by several hops and by nexthop objects as well", () => {
  const hop = ({ via, ifindex, flags, weight }: NextHop) => ({
    via: via && formatAddress(via),
    dev: linkName(ifindex),
    onlink: (flags & 4) !== 0,
    weight,
  });
  const route = (one: ObservedRoute) => ({
    type: TYPES[one.type],
    to: formatPrefix(one.to),
    tos: one.tos,
    table: TABLES[one.table] ?? String(one.table),
    protocol: PROTOCOLS[one.protocol] ?? "boot",
    metric: one.metric,
    source: one.preferredSource && formatAddress(one.preferredSource),
    mtu: one.mtu,
    hops: one.hops.map(hop),
  });
  // biome-ignore lint/suspicious/noExplicitAny: as the tool has it
  const theirHop = (one: any) => ({
    via: one.gateway ?? one.via?.host,
    dev: one.dev,
    onlink: one.flags.includes("onlink"),
    weight: one.weight ?? 1,
  });
  const width = (to: string) => (to.includes(":") ? 128 : 32);
  for (const [family, flag] of [
    [4, "-4"],
    [6, "-6"],
  ] as const) {
    const theirs = told(`ip -j ${flag} route show table all`).map((one) => {
      const to = one.dst === "default" ? (family === 4 ? "0.0.0.0/0" : "::/0") : one.dst;
      const nowhere = ["blackhole", "unreachable", "prohibit"].includes(one.type);
      return {
        type: one.type ?? "unicast",
        to: to.includes("/") ? to : `${to}/${width(to)}`,
        tos: Number(one.tos ?? 0),
        table: one.table ?? "main",
        protocol: one.protocol ?? "boot",
        metric: one.metric ?? 0,
        source: one.prefsrc,
        mtu: one.metrics?.[0].mtu,
        hops: nowhere ? [] : (one.nexthops ?? [one]).map(theirHop),
      };
    });
    assert.deepEqual(host.routes.filter((one) => one.family === family).map(route), theirs);
  }
});

test("routes by nexthop objects alone", () => {
  writeFileSync("/proc/sys/net/ipv4/nexthop_compat_mode", "0");
  const { routes } = readNamespace("/proc/self/ns/net");
  const by = (to: string) => routes.find((one) => formatPrefix(one.to) === to);
  writeFileSync("/proc/sys/net/ipv4/nexthop_compat_mode", "1");
  for (const to of ["10.14.0.0/16", "10.16.0.0/16", "10.15.0.0/16"])
    assert.deepEqual(
      by(to),
      host.routes.find((one) => formatPrefix(one.to) === to),
      to,
    );
});

test("rules of the routing policy", () => {
  const table = (one: number) => ({ 253: "default", 0: undefined, ...TABLES })[one] ?? String(one);
  const range = (ports: readonly [number, number] | undefined, name: string) => {
    if (!ports) return {};
    const [first, last] = ports;
    return first === last ? { [name]: first } : { [`${name}_start`]: first, [`${name}_end`]: last };
  };
  const ours = host.rules.map((rule) => ({
    priority: rule.priority,
    ...(rule.not && { not: null }),
    src: rule.from ? formatAddress(rule.from.address) : "all",
    ...(rule.from && { srclen: rule.from.length }),
    ...(rule.to && { dst: formatAddress(rule.to.address), dstlen: rule.to.length }),
    ...(rule.tos && { tos: `0x${rule.tos.toString(16)}` }),
    ...(rule.mark && {
      fwmark: `0x${rule.mark.value.toString(16)}`,
      fwmask: `0x${rule.mark.mask.toString(16)}`,
    }),
    ...(rule.in && { iif: rule.in }),
    ...(rule.out && { oif: rule.out }),
    ...(rule.protocol && { ipproto: { 6: "tcp" }[rule.protocol] }),
    ...range(rule.sourcePorts, "sport"),
    ...range(rule.destinationPorts, "dport"),
    ...range(rule.uids, "uid"),
    ...(rule.vrf && { l3mdev: null }),
    ...(rule.suppressPrefixLength !== undefined && { suppress_prefixlen: rule.suppressPrefixLength }),
    ...(rule.action.do === "table" && !rule.vrf && { table: table(rule.action.table) }),
    ...(rule.action.do === "goto" && { goto: rule.action.priority }),
    ...(!["table", "goto"].includes(rule.action.do) && { action: rule.action.do }),
  }));
  assert.deepEqual(ours, [...told("ip -j -4 rule"), ...told("ip -j -6 rule")]);
});

test("neighbours, and those that are answered for", () => {
  const states: Record<number, string> = { 2: "REACHABLE", 4: "STALE", 128: "PERMANENT" };
  const theirs = [...told("ip -j neigh"), ...told("ip -j neigh show proxy")].map((one) => ({
    dev: one.dev,
    dst: one.dst,
    lladdr: one.lladdr,
    state: one.state?.[0],
    proxy: one.proxy === null,
  }));
  const ours = host.neighbours
    .filter(({ state }) => state !== 0x40)
    .map((one) => ({
      dev: linkName(one.ifindex),
      dst: formatAddress(one.address),
      lladdr: one.mac,
      state: one.proxy ? undefined : states[one.state],
      proxy: one.proxy,
    }));
  assert.deepEqual(ours, theirs);
  assert.equal(ours.filter(({ proxy }) => proxy).length, 1);
});

const KEPT = new Set(["permanent", "static"]);

test("a bridge's entries", () => {
  const theirs = told("bridge -j fdb")
    .filter(({ master }) => master !== undefined)
    .map((one) => [one.mac, one.ifname, one.master, KEPT.has(one.state) ? one.state : "learned"]);
  const ours = host.forwarding.map((one) => [
    one.mac,
    linkName(one.ifindex),
    linkName(one.bridge),
    one.local ? "permanent" : one.permanent ? "static" : "learned",
  ]);
  assert.deepEqual(ours, theirs);
  assert.ok(ours.length >= 3);
});
