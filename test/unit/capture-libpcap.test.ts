/** libpcap reads what is written: another's reader of pcapng. pcap_open_offline(3PCAP), pcap_next_ex(3PCAP). */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import koffi from "koffi";
import { ofWay } from "../../src/capture/filter/program.ts";
import { Pcapng } from "../../src/capture/pcapng/form.ts";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { Writer } from "../../src/linux/bytes.ts";
import { compileFilter } from "../../src/linux/pcap-library.ts";
import { capturedAs, tappedAs } from "../support/tapped.ts";

const NANOSECONDS = 1;

/** Each packet's time in nanoseconds, bytes, and length; and the link type. */
function readByLibpcap(path: string) {
  const pcap = koffi.load("libpcap.so.0.8");
  const open = pcap.func(
    "void *pcap_open_offline_with_tstamp_precision(const char *path, unsigned int precision, void *error)",
  );
  const next = pcap.func("int pcap_next_ex(void *p, _Out_ void **header, _Out_ void **data)");
  const linkType = pcap.func("int pcap_datalink(void *p)");
  const close = pcap.func("void pcap_close(void *p)");
  const error = Buffer.alloc(256);
  const handle = open(path, NANOSECONDS, error);
  assert.ok(handle, error.toString());
  const packets: { at: bigint; bytes: Buffer; length: number }[] = [];
  const [header, data] = [[null], [null]];
  while (next(handle, header, data) === 1) {
    // struct pcap_pkthdr { struct timeval ts; bpf_u_int32 caplen; bpf_u_int32 len; };
    const told = Buffer.from(koffi.view(header[0], 24));
    const kept = told.readUInt32LE(16);
    packets.push({
      at: told.readBigInt64LE(0) * 1_000_000_000n + told.readBigInt64LE(8),
      bytes: Buffer.from(new Uint8Array(koffi.view(data[0], kept))),
      length: told.readUInt32LE(20),
    });
  }
  const type: number = linkType(handle);
  close(handle);
  return { type, packets };
}

test("a capture is read by libpcap as it was written", () => {
  const directory = mkdtempSync(join(tmpdir(), "capture-libpcap-"));
  try {
    const tapped = tappedAs({ addresses: [parsePrefix("172.17.0.2/16"), parsePrefix("fd00::2/64")] });
    const names = [[parseAddress("172.17.0.2"), "web"]] as const;
    const form = new Pcapng({ snapLength: 262_144, names, filter: "tcp" });
    const out = new Writer();
    form.head(out, [tapped]);
    const packets = [60, 61, 62, 63, 1514].map((length, i) =>
      capturedAs(tapped, new Uint8Array(length).fill(i), {
        at: 1_700_000_000_000_000_000n + BigInt(i),
        length: length + i,
      }),
    );
    for (const packet of packets) form.packet(out, packet);
    form.tail(out, [{ tapped, packets: 5, dropped: 0 }], { began: 1n, ended: 2n });
    const path = join(directory, "file.pcapng");
    writeFileSync(path, out.written());
    assert.deepEqual(readByLibpcap(path), {
      type: 1,
      packets: packets.map(({ at, bytes, length }) => ({ at, bytes: Buffer.from(bytes), length })),
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("words become instructions for the frames of each kind of link, and for one way alone", () => {
  const [ethernet, raw] = [compileFilter("ip", 1, 100), compileFilter("ip", 12, 100)];
  // ldh [12]; jeq #0x800 …: the type in an Ethernet header; ldb [0]: the version in an IP header.
  assert.deepEqual([ethernet[0], ethernet[4], raw[0], raw[4]], [0x28, 12, 0x30, 0]);
  // ret #100: as many bytes as are to be kept.
  assert.ok(Buffer.from(ethernet).includes(Buffer.of(6, 0, 0, 0, 100, 0, 0, 0)));
  const incoming = ofWay("in", ethernet);
  assert.equal(incoming.length, ethernet.length + 3 * 8);
  assert.deepEqual(incoming.subarray(24), ethernet);
  assert.throws(() => compileFilter("tcp prot 80", 1, 100), { kind: "invalid" });
});
