import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { checksum, transportChecksum } from "../../src/lib/checksum.ts";
import { type Address, addressBytes, type Mac, parseAddress } from "../../src/lib/ip.ts";
import {
  type Carried,
  makeArp,
  makePacket,
  multicastMac,
  type PacketSpec,
  solicitedNode,
} from "../../src/trace/packet/make.ts";
import {
  addressOf,
  icmpOf,
  lengthOf,
  withAddress,
  withEthernet,
  withMark,
  withoutEthernet,
  withPort,
  withTtl,
} from "../../src/trace/packet/packet.ts";
import { extensionOf6, parseBare, parseFrame } from "../../src/trace/packet/parse.ts";
import { sightOf } from "../../src/trace/packet/sight.ts";

const A = "02:42:ac:11:00:02" as Mac;
const B = "02:42:ac:11:00:03" as Mac;

const address = (family: 4 | 6): fc.Arbitrary<Address> =>
  fc
    .bigInt({ min: 0n, max: family === 4 ? 2n ** 32n - 1n : 2n ** 128n - 1n })
    .map((bits) => ({ family, bits }));
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":") as Mac);
const port = fc.integer({ min: 0, max: 65535 });
const data = fc.uint8Array({ maxLength: 40 });
const carried: fc.Arbitrary<Carried> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("echo-request" as const, "echo-reply" as const),
    identifier: port,
    sequence: port,
    data,
  }),
  fc.record({
    kind: fc.constant("tcp" as const),
    sourcePort: port,
    destinationPort: port,
    flags: fc.constantFrom("syn" as const, "syn-ack" as const, "rst" as const),
    sequence: fc.nat(),
  }),
  fc.record({ kind: fc.constant("udp" as const), sourcePort: port, destinationPort: port, data }),
);
const specs: fc.Arbitrary<PacketSpec> = fc.constantFrom(4 as const, 6 as const).chain((family) =>
  fc.record(
    {
      source: address(family),
      destination: address(family),
      carries: carried,
      ethernet: fc.record({ source: mac, destination: mac }),
      ttl: fc.integer({ min: 1, max: 255 }),
      mark: fc.nat(),
    },
    { requiredKeys: ["source", "destination", "carries"] },
  ),
);

describe("packets that are made", () => {
  test("are read as what they were made of", () => {
    fc.assert(
      fc.property(specs, (spec) => {
        const sight = sightOf(makePacket(spec));
        const { carries } = spec;
        const ports =
          "sourcePort" in carries
            ? { sourcePort: carries.sourcePort, destinationPort: carries.destinationPort }
            : "identifier" in carries && { sourcePort: carries.identifier };
        const protocols = { tcp: 6, udp: 17 } as Readonly<Record<string, number>>;
        assert.deepEqual(sight, {
          family: spec.source.family,
          protocol: protocols[carries.kind] ?? (spec.source.family === 4 ? 1 : 58),
          source: spec.source,
          destination: spec.destination,
          ...ports,
          ...(spec.ethernet && {
            sourceMac: spec.ethernet.source,
            destinationMac: spec.ethernet.destination,
          }),
          ttl: spec.ttl ?? 64,
          mark: spec.mark ?? 0,
        });
      }),
    );
  });

  test("have checksums that a receiver finds right, and the length that the header says", () => {
    fc.assert(
      fc.property(specs, (spec) => {
        const { bytes, network, transport = 0, protocol = 0 } = makePacket(spec);
        const header = bytes.subarray(network, transport);
        const segment = bytes.subarray(transport);
        const four = spec.source.family === 4;
        if (four) assert.equal(checksum(header), 0);
        const [source, destination] = [addressBytes(spec.source), addressBytes(spec.destination)];
        const sum =
          protocol === 1 ? checksum(segment) : transportChecksum(source, destination, protocol, segment);
        assert.equal(sum, 0);
        const said = (header[four ? 2 : 4] ?? 0) * 256 + (header[four ? 3 : 5] ?? 0);
        assert.equal(said, bytes.length - network - (four ? 0 : 40));
      }),
    );
  });

  test("change in one thing, and are themselves what they were", () => {
    fc.assert(
      fc.property(specs, port, fc.integer({ min: 0, max: 255 }), (spec, number, ttl) => {
        const packet = makePacket(spec);
        const before = packet.bytes.slice();
        const sight = sightOf(packet);
        const changes = [
          [withTtl(packet, ttl), { ttl }],
          [withMark(packet, number), { mark: number }],
          [withAddress(packet, "source", spec.destination), { source: spec.destination }],
          [withAddress(packet, "destination", spec.source), { destination: spec.source }],
          [withEthernet(packet, A, B), { sourceMac: A, destinationMac: B }],
          ...(sight.destinationPort === undefined
            ? []
            : [[withPort(packet, "destination", number), { destinationPort: number }] as const]),
        ] as const;
        for (const [changed, difference] of changes)
          assert.deepEqual(sightOf(changed), { ...sight, ...difference });
        assert.deepEqual(packet.bytes, before);
        assert.deepEqual(withoutEthernet(withEthernet(packet, A, B)), withoutEthernet(packet));
      }),
    );
  });
});

test("an ICMP error quotes the packet that it is about", () => {
  const about = makePacket({
    source: parseAddress("10.0.0.1"),
    destination: parseAddress("10.0.0.2"),
    ethernet: { source: A, destination: B },
    carries: { kind: "udp", sourcePort: 4000, destinationPort: 53, data: new Uint8Array(900) },
  });
  const error = makePacket({
    source: parseAddress("10.0.0.2"),
    destination: parseAddress("10.0.0.1"),
    carries: { kind: "icmp-error", type: 3, code: 4, rest: 1400, about },
  });
  assert.deepEqual(icmpOf(error), { type: 3, code: 4 });
  assert.equal(lengthOf(error), 576);
  assert.deepEqual(error.bytes.subarray(28), about.bytes.subarray(14, 14 + 548));
});

test("ARP and neighbour discovery", () => {
  const [ours, theirs] = [parseAddress("172.17.0.2"), parseAddress("172.17.0.3")];
  const request = makeArp({
    operation: "request",
    sender: { mac: A, address: ours },
    target: { address: theirs },
  });
  assert.equal(request.etherType, 0x0806);
  assert.equal(sightOf(request).destinationMac, "ff:ff:ff:ff:ff:ff");
  assert.deepEqual(addressOf(request, "destination"), theirs);
  const target = parseAddress("fd00::12:3456");
  const group = solicitedNode(target);
  assert.deepEqual(group, parseAddress("ff02::1:ff12:3456"));
  assert.equal(multicastMac(group), "33:33:ff:12:34:56");
  assert.equal(multicastMac(parseAddress("224.128.1.2")), "01:00:5e:00:01:02");
  const solicitation = makePacket({
    source: parseAddress("fd00::1"),
    destination: group,
    carries: { kind: "neighbour-solicitation", target, mac: A },
  });
  assert.equal(sightOf(solicitation).ttl, 255);
  assert.deepEqual(icmpOf(solicitation), { type: 135, code: 0 });
});

test("a VLAN tag, IPv6 extension headers and fragments are walked over", () => {
  const inner = makePacket({
    source: parseAddress("fd00::1"),
    destination: parseAddress("fd00::2"),
    carries: { kind: "udp", sourcePort: 1, destinationPort: 2 },
  });
  const udp = inner.bytes.subarray(40);
  const header = inner.bytes.slice(0, 40);
  header[6] = 60; // destination options, then a fragment header
  const options = Uint8Array.of(44, 0, 1, 4, 0, 0, 0, 0);
  const fragment = (offset: number) => Uint8Array.of(17, 0, offset >> 5, (offset << 3) & 0xff, 0, 0, 0, 1);
  const first = parseBare(Uint8Array.of(...header, ...options, ...fragment(0), ...udp));
  assert.equal(first && sightOf(first).destinationPort, 2);
  assert.equal(first && extensionOf6(first, 44), 48);
  assert.equal(first && extensionOf6(first, 43), undefined);
  const later = parseBare(Uint8Array.of(...header, ...options, ...fragment(185), ...udp));
  assert.deepEqual([later?.protocol, later?.transport], [17, undefined]);
  const tagged = parseFrame(Uint8Array.of(...new Uint8Array(12), 0x81, 0, 0, 5, 0x86, 0xdd, ...inner.bytes));
  assert.deepEqual([tagged?.network, tagged?.transport, tagged?.etherType], [18, 58, 0x86dd]);
});

test("what is too short for its headers is no packet, and nothing throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      for (const packet of [parseFrame(bytes), parseBare(bytes)]) if (packet) sightOf(packet);
    }),
  );
});
