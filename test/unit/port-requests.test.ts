import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAddress, parseAddress } from "../../src/lib/ip.ts";
import { parsePorts, Rotation } from "../../src/network/port/ephemeral.ts";
import { describePlace, type Place, placesOf } from "../../src/network/port/hold.ts";
import { Places } from "../../src/network/port/places.ts";
import { Slots } from "../../src/network/port/relay.ts";
import { checkPublishRequest, isNamedBy } from "../../src/network/port/requests.ts";
import type { PortBinding, PublishRequest } from "../../src/network/port/types.ts";

const place = (port: number, ...at: string[]): Place => ({
  protocol: "tcp",
  addresses: at.map(parseAddress),
  port,
});

test("a request is checked whole", () => {
  const good: PublishRequest = { protocol: "tcp", port: 80, hostPorts: { first: 1, last: 65_535 } };
  checkPublishRequest(good);
  checkPublishRequest({ protocol: "sctp", port: 65_535 });
  const refused: [Partial<PublishRequest>, string][] = [
    [{ port: 0 }, "invalid container port 0/tcp"],
    [{ port: 65_536 }, "invalid container port 65536/tcp"],
    [{ port: 1.5 }, "invalid container port 1.5/tcp"],
    [{ hostPorts: { first: 0, last: 10 } }, "invalid host port range 0-10 for 80/tcp"],
    [{ hostPorts: { first: 10, last: 9 } }, "invalid host port range 10-9 for 80/tcp"],
    [{ hostPorts: { first: 10, last: 65_536 } }, "invalid host port range 10-65536 for 80/tcp"],
  ];
  for (const [part, message] of refused) {
    assert.throws(() => checkPublishRequest({ ...good, ...part }), { kind: "invalid", message });
  }
});

test("a request names bindings by what it says, and all of the container's port where it says no more", () => {
  const binding = (port: number, at: string, hostPort: number): PortBinding => ({
    protocol: "tcp",
    port,
    hostAddress: parseAddress(at),
    hostPort,
  });
  const all = [
    binding(80, "0.0.0.0", 8080),
    binding(80, "::", 8080),
    binding(80, "127.0.0.1", 8081),
    binding(81, "0.0.0.0", 8082),
    { ...binding(80, "0.0.0.0", 8080), protocol: "udp" as const },
  ];
  const named = (request: Omit<PublishRequest, "protocol">): number[] =>
    all.flatMap((each, at) => (isNamedBy(each, { protocol: "tcp", ...request }) ? [at] : []));
  assert.deepEqual(named({ port: 80 }), [0, 1, 2]);
  assert.deepEqual(named({ port: 80, hostPorts: { first: 8080, last: 8080 } }), [0, 1]);
  assert.deepEqual(named({ port: 80, hostAddress: parseAddress("::") }), [1]);
  assert.deepEqual(named({ port: 80, hostPorts: { first: 8081, last: 9000 } }), [2]);
  assert.deepEqual(named({ port: 82 }), []);
});

test("all addresses of both families are one place, and every other address is its own", () => {
  const addresses = ["0.0.0.0", "127.0.0.1", "::", "::1"].map(parseAddress);
  const places = placesOf("udp", addresses, 53);
  assert.deepEqual(
    places.map((each) => each.addresses.map(formatAddress)),
    [["0.0.0.0", "::"], ["127.0.0.1"], ["::1"]],
  );
  assert.deepEqual(places.map(describePlace), ["0.0.0.0:53/udp", "127.0.0.1:53/udp", "[::1]:53/udp"]);
  assert.deepEqual(placesOf("tcp", [], 1), []);
});

test("places meet as sockets do", () => {
  const places = new Places();
  const any = place(80, "0.0.0.0", "::");
  places.add(any);
  for (const at of ["0.0.0.0", "::", "127.0.0.1", "::1"]) assert.equal(places.meet(place(80, at)), true, at);
  assert.equal(places.meet(place(81, "0.0.0.0")), false);
  assert.equal(places.meet({ ...any, protocol: "udp" }), false);
  places.delete(any);
  assert.equal(places.meet(any), false);
  const [own, six] = [place(80, "127.0.0.1"), place(80, "::")];
  for (const each of [own, six]) places.add(each);
  assert.equal(places.meet(place(80, "10.0.0.1")), false);
  assert.equal(places.meet(place(80, "127.0.0.1")), true);
  assert.equal(places.meet(place(80, "0.0.0.0")), true);
  places.delete(own);
  assert.equal(places.meet(place(80, "0.0.0.0")), false);
  assert.equal(places.meet(place(80, "::1")), true);
});

test("the kernel's lists of ports", () => {
  assert.deepEqual(parsePorts("\n"), []);
  assert.deepEqual(parsePorts("8080,9148-9150\n"), [
    { first: 8080, last: 8080 },
    { first: 9148, last: 9150 },
  ]);
});

test("ports go around their range, each protocol's for itself, and past what is reserved", () => {
  const rotation = new Rotation();
  const local = { first: 10, last: 15, reserved: [{ first: 12, last: 13 }] };
  const all = (protocol: "tcp" | "udp", of = local) => [...rotation.candidates(protocol, of)];
  assert.deepEqual(all("tcp"), [10, 11, 14, 15]);
  rotation.given("tcp", 11);
  assert.deepEqual(all("tcp"), [14, 15, 10, 11]);
  assert.deepEqual(all("udp"), [10, 11, 14, 15]);
  rotation.given("tcp", 15);
  assert.deepEqual(all("tcp"), [10, 11, 14, 15]);
  // The administrator has moved the range.
  rotation.given("tcp", 14);
  assert.deepEqual(all("tcp", { first: 20, last: 21, reserved: [] }), [20, 21]);
  assert.deepEqual(all("tcp", { first: 14, last: 15, reserved: [] }), [15, 14]);
});

test("slots are given and taken back", () => {
  const slots = new Slots(2);
  assert.deepEqual([slots.take(), slots.take(), slots.take()], [true, true, false]);
  slots.give();
  assert.deepEqual([slots.take(), slots.take()], [true, false]);
});
