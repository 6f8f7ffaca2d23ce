import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerID, EndpointID, NetworkID } from "../../src/lib/ids.ts";
import { addressFromBytes, formatAddress, parseAddress } from "../../src/lib/ip.ts";
import { dnsNames } from "../../src/network/dns/names.ts";
import { NameTable, viewOf } from "../../src/network/dns/table.ts";

const table = new NameTable();

function announce(id: string, network: string, names: readonly string[], addresses: readonly string[]): void {
  table.announce({
    id: id as EndpointID,
    network: network as NetworkID,
    networkName: network,
    names,
    addresses: addresses.map(parseAddress),
  });
}

const view = (networks: readonly string[], links: Readonly<Record<string, string>> = {}) =>
  viewOf({
    networks: networks as readonly NetworkID[],
    links: Object.entries(links).map(([alias, endpoint]) => ({ alias, endpoint: endpoint as EndpointID })),
  });

function find(name: string, networks: readonly string[], links?: Readonly<Record<string, string>>) {
  const found = table.find(view(networks, links), name);
  const text = (records: readonly { data: Uint8Array }[]) =>
    records.map(({ data }) => formatAddress(addressFromBytes(data)));
  return found && { four: text(found.four), six: text(found.six) };
}

announce("e1", "front", ["web", "a.b"], ["10.1.0.2"]);
announce("e2", "back", ["web", "store"], ["10.2.0.2", "fd00:2::2"]);
announce("e3", "back", ["store"], ["10.2.0.3"]);
announce("e4", "b", ["a"], ["10.3.0.2"]);
announce("e5", "dotted.net", ["web"], ["10.4.0.2"]);

test("of several networks the first that has an address of the family answers", () => {
  assert.deepEqual(find("web", ["front", "back"]), { four: ["10.1.0.2"], six: ["fd00:2::2"] });
  assert.deepEqual(find("web", ["back", "front"]), { four: ["10.2.0.2"], six: ["fd00:2::2"] });
  assert.deepEqual(find("store", ["front", "back"]), { four: ["10.2.0.2", "10.2.0.3"], six: ["fd00:2::2"] });
  assert.equal(find("store", ["front"]), undefined);
  assert.equal(find("", ["front"]), undefined);
});

test("a whole name comes before one with its network, and networks may have dots", () => {
  assert.deepEqual(find("a.b", ["front", "b"])?.four, ["10.1.0.2"]);
  assert.deepEqual(find("a.b", ["b"])?.four, ["10.3.0.2"]);
  assert.deepEqual(find("web.dotted.net", ["front", "dotted.net"])?.four, ["10.4.0.2"]);
  assert.equal(find("web.dotted", ["front", "dotted.net"]), undefined);
  assert.equal(find("web.front", ["back"]), undefined);
});

test("a link comes before names of the network, where its end is there", () => {
  assert.deepEqual(find("web", ["back"], { WEB: "e3" })?.four, ["10.2.0.3"]);
  assert.deepEqual(find("web.back", ["back"], { web: "e3" })?.four, ["10.2.0.3"]);
  assert.deepEqual(find("web", ["back"], { web: "gone" })?.four, ["10.2.0.2"]);
});

test("an endpoint that changes or goes leaves nothing of what it was", () => {
  announce("e6", "front", ["old"], ["10.1.0.9"]);
  assert.ok(find("old", ["front"]));
  assert.ok(table.reverse(view(["front"]), "9.0.1.10.in-addr.arpa"));
  announce("e6", "front", ["new"], ["10.1.0.10"]);
  assert.equal(find("old", ["front"]), undefined);
  assert.equal(table.reverse(view(["front"]), "9.0.1.10.in-addr.arpa"), undefined);
  assert.deepEqual(find("new", ["front"])?.four, ["10.1.0.10"]);
  table.withdraw("e6" as EndpointID);
  table.withdraw("e6" as EndpointID);
  assert.equal(find("new", ["front"]), undefined);
  assert.deepEqual(find("web", ["front"])?.four, ["10.1.0.2"]);
});

test("an address that two have had leads to the one that has it", () => {
  announce("e7", "front", ["first"], ["10.1.0.20"]);
  announce("e8", "front", ["second"], ["10.1.0.20"]);
  const name = () => table.reverse(view(["front"]), "20.0.1.10.in-addr.arpa")?.data;
  assert.match(Buffer.from(name() ?? []).toString(), /second/);
  table.withdraw("e7" as EndpointID);
  assert.match(Buffer.from(name() ?? []).toString(), /second/);
  table.withdraw("e8" as EndpointID);
  assert.equal(name(), undefined);
});

test("the names of an endpoint, in Docker's order", () => {
  const id = `0123456789ab${"c".repeat(52)}` as ContainerID;
  const container = { id, name: "web", hostname: "0123456789ab" };
  assert.deepEqual(dnsNames(container, ["www", "web", "db"]), ["web", "www", "db", "0123456789ab"]);
  assert.deepEqual(dnsNames({ ...container, hostname: "host" }, []), ["web", "0123456789ab", "host"]);
});
