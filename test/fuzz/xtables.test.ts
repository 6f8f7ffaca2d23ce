/** Tables and extensions out of wild bytes, and text out of wild words: nothing throws what it should not, nothing hangs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EngineError } from "../../src/lib/errors.ts";
import type { Family } from "../../src/lib/ip.ts";
import { layoutOf } from "../../src/linux/xtables/layout.ts";
import { array, be16, octets, struct, text, u8, u16, u32, u64 } from "../../src/linux/xtables/struct.ts";
import { type Info, readTable } from "../../src/linux/xtables/table.ts";
import type { Surroundings } from "../../src/trace/firewall/types.ts";
import { saveTable } from "../../src/trace/firewall/xt/describe.ts";
import {
  applyTarget,
  MATCH_KINDS,
  matchExtension,
  matchText,
  TARGET_KINDS,
  targetText,
} from "../../src/trace/firewall/xt/extension.ts";
import { fromIptablesSave } from "../../src/trace/firewall/xt/save.ts";
import { makePacket } from "../../src/trace/packet/make.ts";
import { ALL_WORDS } from "../support/iptables-words.ts";
import { HOST, link, namespace } from "../unit/trace-world.ts";

const family: fc.Arbitrary<Family> = fc.constantFrom(4, 6);
const offset = fc.integer({ min: 0, max: 2048 });

/** Blocks that are nearly right: entries whose lengths mostly add up, in which anything may stand. */
const block = (of: Family) => {
  const { size, targetOffset, nextOffset } = layoutOf(of);
  const entry = fc
    .tuple(fc.constantFrom("", "ERROR", "tcp", "DNAT"), fc.integer({ min: -6, max: 1200 }), fc.boolean())
    .map(([name, verdict, off]) => {
      const bytes = new Uint8Array(size + 40);
      const view = new DataView(bytes.buffer);
      view.setUint16(targetOffset, size, true);
      view.setUint16(nextOffset, bytes.length + (off ? 8 : 0), true);
      view.setUint16(size, 40, true);
      new TextEncoder().encodeInto(name, bytes.subarray(size + 2));
      view.setInt32(size + 32, verdict, true);
      return bytes;
    });
  return fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.array(entry, { maxLength: 8 }).map((entries) => Uint8Array.from(entries.flatMap((each) => [...each]))),
  );
};

const hooks = fc.array(
  fc.record({ hook: fc.integer({ min: 0, max: 4 }), entry: offset, underflow: offset }),
  { maxLength: 5 },
);

test("a block of entries is a table or none", () => {
  fc.assert(
    fc.property(
      family.chain((of) => fc.tuple(fc.constant(of), block(of))),
      hooks,
      ([of, bytes], entries) => {
        const info: Info = { hooks: entries, size: bytes.length };
        const table = readTable(of, "filter", info, bytes);
        if (table) saveTable(table);
      },
    ),
    { numRuns: 400 },
  );
});

const packets = ([4, 6] as const).map((of) => {
  const address = { family: of, bits: 1n };
  return makePacket({
    source: address,
    destination: address,
    carries: { kind: "tcp", sourcePort: 1, destinationPort: 2, flags: "syn" },
  });
});
const around: Surroundings = {
  namespace: namespace(HOST, "host", { links: [link(1, "lo")] }),
  layer: "ip",
  hook: "prerouting",
  in: 1,
  packetType: 0,
  routes: { addressType: () => 1, outputLink: () => undefined, macOf: () => undefined },
};
const names = [...MATCH_KINDS.keys(), ...TARGET_KINDS.keys(), "stranger"];

test("extensions of any bytes are asked, applied and written", () => {
  const extension = fc.record({
    name: fc.constantFrom(...names),
    revision: fc.integer({ min: 0, max: 5 }),
    info: fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 160, maxLength: 200 })),
  });
  fc.assert(
    fc.property(extension, fc.constantFrom(...packets), fc.nat({ max: 60 }), (wild, whole, cut) => {
      const packet = { ...whole, bytes: whole.bytes.subarray(0, Math.max(20, whole.bytes.length - cut)) };
      assert.ok([true, false, "unknown"].includes(matchExtension(wild, packet, around)));
      assert.equal(typeof applyTarget(wild, packet, around).does, "string");
      const of = packet.etherType === 0x86dd ? 6 : 4;
      assert.ok(matchText(wild, of).startsWith("-m ") && targetText(wild, of).startsWith("-j "));
    }),
    { numRuns: 2000 },
  );
});

test("text is tables, or is refused", () => {
  const lines = ALL_WORDS[4].split("\n");
  const words = [...new Set(ALL_WORDS[4].split(/\s/)), '"', "!", "-A", "*filter", "COMMIT", "-m", "-j", "\\"];
  const line = fc.oneof(
    fc.constantFrom(...lines),
    fc
      .array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 6 })), { maxLength: 12 })
      .map((all) => `-A INPUT ${all.join(" ")}`),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), family, (all, of) => {
      try {
        fromIptablesSave(`*filter\n${all.join("\n")}\nCOMMIT\n`, of).map(saveTable);
      } catch (thrown) {
        assert.ok(thrown instanceof EngineError && thrown.kind === "invalid", String(thrown));
      }
    }),
    { numRuns: 400 },
  );
});

test("a structure written is the same when it is read", () => {
  const layout = struct({
    a: u8,
    b: u32,
    c: be16,
    d: u64,
    e: text(8),
    f: array(u16, 3),
    g: octets(5),
  });
  const value = fc.record(
    {
      a: fc.nat({ max: 255 }),
      b: fc.nat({ max: 0xffffffff }),
      c: fc.nat({ max: 0xffff }),
      d: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      e: fc.stringMatching(/^[a-z]{0,7}$/),
      f: fc.array(fc.nat({ max: 0xffff }), { minLength: 3, maxLength: 3 }),
      g: fc.uint8Array({ minLength: 5, maxLength: 5 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(value, (written) => {
      const bytes = layout.encode(written);
      assert.equal(bytes.length % 8, 0);
      assert.deepEqual(layout.decode(bytes), written);
      assert.equal(layout.decode(bytes.subarray(0, layout.size - 1)), undefined);
    }),
  );
  // As a C compiler places them: 1, 4 at 4, 2 at 8, 8 at 16, 8 at 24, 2 × 3 at 32, 5 at 38.
  assert.equal(layout.size, 43);
});
