import assert from "node:assert/strict";
import { test } from "node:test";
import { Pcapng } from "../../src/capture/pcapng/form.ts";
import { parseAddress, parseMac, parsePrefix } from "../../src/lib/ip.ts";
import { Writer } from "../../src/linux/bytes.ts";
import { readPcapng } from "../support/pcapng.ts";
import { capturedAs, tappedAs } from "../support/tapped.ts";

const web = tappedAs({
  mac: parseMac("02:42:ac:11:00:02"),
  addresses: [parsePrefix("172.17.0.2/16"), parsePrefix("fd00::2/64")],
  comment: "web: eth0, 172.17.0.2/16, peer of veth1a2b in host",
});
const tunnel = tappedAs({ name: "tun0", place: "host", hardware: 65534, comment: "host: tun0" });

const names = [
  [parseAddress("172.17.0.2"), "web"],
  [parseAddress("fd00::2"), "web"],
  [parseAddress("172.17.0.3"), "naïve"],
] as const;

function written(work: (form: Pcapng, out: Writer) => void, filter?: string): Buffer {
  const out = new Writer();
  const form = new Pcapng({ snapLength: 4096, names, ...(filter !== undefined && { filter }) });
  form.head(out, [web, tunnel]);
  work(form, out);
  return Buffer.from(out.written());
}

const texts = (found: readonly Buffer[] | undefined) => found?.map(String);

test("links are described with names, addresses and where they lead", () => {
  const { interfaces, sectionOptions } = readPcapng(written(() => {}, "tcp port 80"));
  assert.match(String(texts(sectionOptions.get(4))), /^Drawbridge \d/);
  const [first, second] = interfaces;
  assert.deepEqual(
    [
      first?.linkType,
      first?.snapLength,
      first?.name,
      texts(first?.options.get(1)),
      texts(first?.options.get(3)),
    ],
    [1, 4096, "web:eth0", ["web"], ["web: eth0, 172.17.0.2/16, peer of veth1a2b in host"]],
  );
  assert.deepEqual(first?.options.get(4), [Buffer.of(172, 17, 0, 2, 255, 255, 0, 0)]);
  assert.deepEqual(first?.options.get(5), [Buffer.of(0xfd, ...Array(14).fill(0), 2, 64)]);
  assert.deepEqual(first?.options.get(6), [Buffer.of(2, 0x42, 0xac, 0x11, 0, 2)]);
  assert.deepEqual(first?.options.get(11), [Buffer.from("\0tcp port 80")]);
  assert.deepEqual([second?.linkType, second?.name, second?.options.has(6)], [101, "host:tun0", false]);
});

test("addresses are written with what they are called", () => {
  assert.deepEqual(
    [...readPcapng(written(() => {})).names],
    [
      ["ac110002", "web"],
      [`fd${"0".repeat(29)}2`, "web"],
      ["ac110003", "naïve"],
    ],
  );
});

test("packets of every length come back as they were, with their way, time and flags", () => {
  const lengths = [0, 1, 2, 3, 4, 59, 60, 1514];
  const packets = lengths.map((length) => capturedAs(web, new Uint8Array(length).fill(0xa5)));
  const others = [
    capturedAs(tunnel, Uint8Array.of(0x45), { way: "out", type: "outgoing", length: 9000 }),
    capturedAs(web, Uint8Array.of(1), { type: "broadcast", checksumPending: true, at: 0xffff_ffff_ffffn }),
    capturedAs(web, Uint8Array.of(1), { type: "otherhost" }),
  ];
  const file = written((form, out) => {
    for (const packet of [...packets, ...others]) form.packet(out, packet);
  });
  const read = readPcapng(file).packets;
  assert.deepEqual(
    read.map(({ interface: { name }, at, bytes, length, way }) => [name, at, bytes.length, length, way]),
    [...packets, ...others].map(({ tapped, at, bytes, length, way }) => [
      `${tapped.place}:${tapped.name}`,
      at,
      bytes.length,
      length,
      way,
    ]),
  );
  assert.ok(read.slice(0, lengths.length).every(({ bytes }) => bytes.every((byte) => byte === 0xa5)));
  // Direction in bits 0 and 1, reception in 2 to 4, "checksum not ready" in 9.
  assert.deepEqual(
    read.slice(-4).map(({ flags }) => flags),
    [0b00101, 0b00010, 0b01101 | 512, 0b10001],
  );
});

test("what each link gave stands at the end, in as many bytes as were kept free", () => {
  const period = { began: 1_700_000_000_000_000_000n, ended: 1_700_000_001_000_000_000n };
  const counts = [
    { tapped: web, packets: 7, dropped: 2 },
    { tapped: tunnel, packets: 2 ** 40, dropped: 0 },
  ];
  const head = written(() => {}).length;
  const file = written((form, out) => form.tail(out, counts, period));
  assert.deepEqual(
    readPcapng(file).statistics.map(({ interface: { name }, ...told }) => ({ name, ...told })),
    [
      { name: "web:eth0", ...period, received: 7n, dropped: 2n },
      { name: "host:tun0", ...period, received: 2n ** 40n, dropped: 0n },
    ],
  );
  assert.equal(file.length - head, new Pcapng({ snapLength: 1, names }).tailSize(2));
});
