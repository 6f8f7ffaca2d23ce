/** A reader of pcapng by draft-ietf-opsawg-pcapng, stricter than the format: it refuses what any reader might stumble over. */
import assert from "node:assert/strict";

export interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly options: ReadonlyMap<number, readonly Buffer[]>;
  readonly name: string;
}

export interface Packet {
  readonly interface: Interface;
  /** Nanoseconds since the epoch. */
  readonly at: bigint;
  readonly bytes: Buffer;
  readonly length: number;
  readonly way: "in" | "out";
  readonly flags: number;
}

export interface Statistics {
  readonly interface: Interface;
  readonly began: bigint;
  readonly ended: bigint;
  readonly received: bigint;
  readonly dropped: bigint;
}

export interface Pcapng {
  readonly sectionOptions: ReadonlyMap<number, readonly Buffer[]>;
  readonly interfaces: readonly Interface[];
  readonly packets: readonly Packet[];
  /** Names by address in hexadecimal digits. */
  readonly names: ReadonlyMap<string, string>;
  readonly statistics: readonly Statistics[];
}

export function readPcapng(file: Buffer): Pcapng {
  assert.equal(file.readUInt32LE(0), 0x0a0d0d0a, "a section header comes first");
  const little = file.readUInt32LE(8) === 0x1a2b3c4d;
  if (!little) assert.equal(file.readUInt32BE(8), 0x1a2b3c4d, "the byte-order magic");
  const u16 = (at: number) => (little ? file.readUInt16LE(at) : file.readUInt16BE(at));
  const u32 = (at: number) => (little ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const u64 = (bytes: Buffer) => (little ? bytes.readBigUInt64LE() : bytes.readBigUInt64BE());
  const time = (at: number) => (BigInt(u32(at)) << 32n) | BigInt(u32(at + 4));

  const padded = (size: number) => Math.ceil(size / 4) * 4;
  const checkPadding = (from: number, to: number) =>
    assert.ok(
      file.subarray(from, to).every((byte) => byte === 0),
      "padding is zeros",
    );

  const interfaces: Interface[] = [];
  const packets: Packet[] = [];
  const statistics: Statistics[] = [];
  const names = new Map<string, string>();
  let sectionOptions: ReadonlyMap<number, readonly Buffer[]> | undefined;

  const interfaceAt = (at: number): Interface => {
    const found = interfaces[u32(at)];
    assert.ok(found, `interface ${u32(at)} was described before it is named`);
    return found;
  };

  function options(from: number, end: number): ReadonlyMap<number, readonly Buffer[]> {
    const found = new Map<number, Buffer[]>();
    let at = from;
    while (at < end) {
      const [code, size] = [u16(at), u16(at + 2)];
      at += 4;
      if (code === 0) {
        assert.deepEqual([size, at], [0, end], "the end of options is empty, and the block's end");
        return found;
      }
      assert.ok(at + padded(size) <= end, "an option ends within its block");
      checkPadding(at + size, at + padded(size));
      found.set(code, [...(found.get(code) ?? []), file.subarray(at, at + size)]);
      at += padded(size);
    }
    assert.equal(from, end, "options end with the end of options");
    return found;
  }

  function records(from: number, end: number): void {
    let at = from;
    for (;;) {
      const [type, size] = [u16(at), u16(at + 2)];
      at += 4;
      if (type === 0) {
        assert.equal(at, end);
        return;
      }
      const addressSize = { 1: 4, 2: 16 }[type];
      assert.ok(addressSize, `a record of type ${type}`);
      const value = file.subarray(at, at + size);
      const texts = value.subarray(addressSize).toString().split("\0");
      assert.equal(texts.pop(), "", "names end with a NUL");
      assert.equal(texts.length, 1);
      names.set(value.subarray(0, addressSize).toString("hex"), texts[0] ?? "");
      checkPadding(at + size, at + padded(size));
      at += padded(size);
    }
  }

  let at = 0;
  while (at < file.length) {
    const [type, size] = [u32(at), u32(at + 4)];
    assert.ok(size >= 12 && size % 4 === 0 && at + size <= file.length, `a block of ${size} bytes at ${at}`);
    const end = at + size - 4;
    assert.equal(u32(end), size, "the length stands at both ends");
    const body = at + 8;
    if (type === 0x0a0d0d0a) {
      assert.equal(at, 0, "one section");
      assert.deepEqual([u16(body + 4), u16(body + 6)], [1, 0], "version");
      assert.deepEqual([u32(body + 8), u32(body + 12)], [0xffffffff, 0xffffffff], "length unknown");
      sectionOptions = options(body + 16, end);
    } else if (type === 1) {
      assert.equal(u16(body + 2), 0, "reserved");
      const found = options(body + 8, end);
      assert.deepEqual(found.get(9), [Buffer.of(9)], "times in nanoseconds");
      const name = found.get(2)?.[0]?.toString() ?? "";
      interfaces.push({ linkType: u16(body), snapLength: u32(body + 4), options: found, name });
    } else if (type === 6) {
      const kept = u32(body + 12);
      const data = body + 20;
      checkPadding(data + kept, data + padded(kept));
      const told = options(data + padded(kept), end);
      const [word] = told.get(2) ?? [];
      assert.equal(word?.length, 4);
      const flags = (little ? word?.readUInt32LE() : word?.readUInt32BE()) ?? 0;
      const way = ({ 1: "in", 2: "out" } as const)[flags & 3];
      assert.ok(way, "a direction");
      packets.push({
        interface: interfaceAt(body),
        at: time(body + 4),
        bytes: file.subarray(data, data + kept),
        length: u32(body + 16),
        way,
        flags,
      });
    } else if (type === 4) {
      records(body, end);
    } else if (type === 5) {
      const told = options(body + 12, end);
      const [began, ended, received, dropped] = [2, 3, 4, 5].map((code) => told.get(code)?.[0]);
      assert.ok(began && ended && received && dropped);
      const at64 = (bytes: Buffer) => time(bytes.byteOffset - file.byteOffset);
      assert.equal(at64(ended), time(body + 4));
      statistics.push({
        interface: interfaceAt(body),
        began: at64(began),
        ended: at64(ended),
        received: u64(received),
        dropped: u64(dropped),
      });
    } else assert.fail(`a block of type ${type}`);
    at += size;
  }
  assert.ok(sectionOptions);
  return { sectionOptions, interfaces, packets, names, statistics };
}
