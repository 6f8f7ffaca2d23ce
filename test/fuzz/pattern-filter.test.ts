/** A filter of classic BPF takes the packets that its patterns match, and no others, however short they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { patternFilter } from "../../src/linux/bpf/classic.ts";
import { matches, type Pattern } from "../../src/linux/bpf/pattern.ts";
import { LITTLE_ENDIAN, viewOf } from "../../src/linux/bytes.ts";

const KEEP = 77;
const NETWORK = -0x100000;
const IPV6 = 0x86dd;
const HEADER = 40;

/** The instructions that the filter is made of, carried out as the kernel does: a load of what is not there returns 0. */
function run(program: Uint8Array, protocol: number, network: Uint8Array): number {
  const code = viewOf(program);
  const packet = viewOf(network);
  let [a, x] = [0, 0];
  for (let at = 0; ; at += 1) {
    const k = code.getInt32(at * 8 + 4, LITTLE_ENDIAN);
    const opcode = code.getUint16(at * 8, LITTLE_ENDIAN);
    const size = { 0: 4, 8: 2, 16: 1 }[opcode & 0x18] ?? 0;
    if (opcode === 0x06) return k;
    if (opcode === 0x15) {
      at += code.getUint8(at * 8 + (a === k >>> 0 ? 2 : 3));
    } else if (opcode === 0x01) x = k;
    else if (k === -0x1000) a = protocol;
    else {
      const from = k - NETWORK + ((opcode & 0xe0) === 0x40 ? x : 0);
      if (from + size > network.length) return 0;
      a = size === 4 ? packet.getUint32(from) : size === 2 ? packet.getUint16(from) : packet.getUint8(from);
    }
  }
}

const bit = fc.integer({ min: 0, max: 1 });
const bytesOf = (length: number) =>
  fc.array(bit, { minLength: length, maxLength: length }).map((b) => Uint8Array.from(b));
const field = fc
  .record({ offset: fc.integer({ min: 0, max: 12 }), length: fc.constantFrom(1, 2, 4) })
  .chain(({ offset, length }) => bytesOf(length).map((bytes) => ({ offset, bytes })));
const protocol = fc.constantFrom(6, 17);
const pattern: fc.Arbitrary<Pattern> = fc.record({ protocol, fields: fc.array(field, { maxLength: 3 }) });

test("patterns", () => {
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 4 }),
      protocol,
      fc.array(bit, { maxLength: 16 }),
      (patterns, of, transport) => {
        const packet = Uint8Array.from([
          0x60,
          0,
          0,
          0,
          0,
          0,
          of,
          ...new Uint8Array(HEADER - 7),
          ...transport,
        ]);
        const expected = patterns.some((one) => matches(one, of, packet.subarray(HEADER)));
        assert.equal(run(patternFilter(6, patterns, KEEP), IPV6, packet), expected ? KEEP : 0);
      },
    ),
    { numRuns: 500 },
  );
});

test("of IPv4 who has an address as well, and nothing else", () => {
  assert.equal(run(patternFilter(4, [], KEEP), 0x0806, new Uint8Array(28)), KEEP);
  assert.equal(run(patternFilter(6, [], KEEP), 0x0806, new Uint8Array(28)), 0);
  assert.equal(run(patternFilter(4, [{ protocol: 0, fields: [] }], KEEP), IPV6, new Uint8Array(60)), 0);
});
