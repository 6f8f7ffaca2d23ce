import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeEthernet, describeRaw } from "../../src/capture/lines/frame.ts";
import { numeric } from "../../src/capture/names.ts";
import { arp, ethernet, icmp, ip4, ip6, tcp, udp, vlan } from "../support/frames.ts";

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const byte = fc.nat(255);

const dns = bytes(80).map((rest) => Buffer.concat([Buffer.from("000181800001000200000000", "hex"), rest]));
const payload = fc.oneof(
  bytes(80),
  fc.tuple(fc.constantFrom(53, 5353, 9), dns).map(([port, body]) => udp(4000, port, body)),
  fc
    .tuple(byte, fc.integer({ min: 0, max: 10 }), bytes(40))
    .map(([flags, words, body]) =>
      tcp({ ports: [1, 2], sequence: 1, flags, options: Buffer.concat([body], words * 4), payload: body }),
    ),
  fc.tuple(byte, byte, bytes(80)).map(([type, code, body]) => icmp(type, code, 0, body)),
);
const protocol = fc.constantFrom(0, 1, 6, 17, 43, 44, 58, 60, 99);
const packet = fc.oneof(
  fc
    .tuple(protocol, payload, fc.constantFrom(0, 0x2000, 185))
    .map(([number, body, fragment]) => ethernet(0x0800, ip4(number, "10.0.0.1", "10.0.0.2", body, fragment))),
  fc
    .tuple(protocol, payload)
    .map(([number, body]) => ethernet(0x86dd, ip6(number, "fd00::1", "fd00::2", body))),
  bytes(40).map((body) => ethernet(0x8100, vlan(5, 0x0800, body))),
  byte.map((operation) =>
    ethernet(0x0806, arp(operation, ["02:42:ac:11:00:02", "10.0.0.1"], ["00:00:00:00:00:00", "10.0.0.2"])),
  ),
  bytes(120),
);
/** A packet with some bytes changed, and its end cut off. */
const damaged = fc
  .tuple(packet, fc.array(fc.tuple(fc.nat(200), byte), { maxLength: 4 }), fc.nat(200))
  .map(([frame, changes, length]) => {
    const copy = Uint8Array.from(frame);
    for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
    return copy.subarray(0, length);
  });

test("no bytes make a decoder throw, or print what a terminal would act upon", () => {
  const harmless = /^[\x20-\x7e]+$/;
  fc.assert(
    fc.property(damaged, (frame) => {
      assert.match(describeEthernet(frame, numeric), harmless);
      assert.match(describeRaw(frame.subarray(14), numeric), harmless);
    }),
    { numRuns: 3000 },
  );
});

test("a name whose pointers lead in a circle ends", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(0xc0, 0xc1, 3, 63), byte), { maxLength: 150 }), (pairs) => {
      const body = Buffer.concat([Buffer.from("000181800001ffff00000000", "hex"), Buffer.from(pairs.flat())]);
      const frame = ethernet(0x0800, ip4(17, "10.0.0.1", "10.0.0.2", udp(53, 4000, body)));
      assert.ok(describeEthernet(frame, numeric).length < 20_000);
    }),
  );
});
