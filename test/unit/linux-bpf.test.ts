/** What is put together and taken apart for BPF: instructions, types, symbols. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Assembler } from "../../src/linux/bpf/assemble.ts";
import { Btf } from "../../src/linux/bpf/btf.ts";
import { patternFilter } from "../../src/linux/bpf/classic.ts";
import { findFunctions } from "../../src/linux/bpf/kallsyms.ts";
import { LITTLE_ENDIAN } from "../../src/linux/bytes.ts";

const hex = (bytes: Uint8Array): string[] =>
  (Buffer.from(bytes).toString("hex").match(/.{16}/g) ?? []).map(String);

describe("the assembler", {
  skip: !LITTLE_ENDIAN && "expected bytes are of machines that store the low byte first",
}, () => {
  test("writes RFC 9669's encoding", () => {
    const code = new Assembler()
      .load(8, 7, 6, 16)
      .storeValue(4, 10, -8, -1)
      .store(2, 10, -10, 1)
      .moveValue(0, 2)
      .map(1, 9)
      .call(5)
      .exit();
    assert.deepEqual(hex(code.assemble()), [
      "7967100000000000",
      "620af8ffffffffff",
      "6b1af6ff00000000",
      "b700000002000000",
      "1811000009000000",
      "0000000000000000",
      "8500000005000000",
      "9500000000000000",
    ]);
  });

  test("counts jumps from the instruction after them", () => {
    const code = new Assembler().jumpIf(1, "!=", 6, "end").moveValue(0, 1).jump("end").label("end").exit();
    assert.deepEqual(hex(code.assemble()), [
      "5601020006000000",
      "b700000001000000",
      "0500000000000000",
      "9500000000000000",
    ]);
    assert.throws(() => new Assembler().jump("nowhere").assemble(), /no label nowhere/);
  });
});

/** struct sk_buff { union { struct { … u16 network; }; }; }, `unsigned int len : 8` behind it, and a function's prototype. */
function smallBtf(): Buffer {
  const strings = "\0outer\0head\0network\0REASON_A\0reasons\0btf_trace_drop\0";
  const at = (name: string) => strings.indexOf(`\0${name}\0`) + 1;
  const KIND = { int: 1, ptr: 2, struct: 4, union: 5, enum: 6, typedef: 8, proto: 13 };
  const info = (kind: number, vlen: number, flag = 0) => ((flag << 31) | (kind << 24) | vlen) >>> 0;
  const words = [
    [at("outer"), info(KIND.int, 0), 4, 32], // 1: an int
    [0, info(KIND.struct, 2), 8, at("head"), 1, 0, at("network"), 1, 32], // 2
    [0, info(KIND.union, 1), 8, 0, 2, 0], // 3
    [at("outer"), info(KIND.struct, 2, 1), 24, at("head"), 1, (8 << 24) | 8, 0, 3, 64], // 4
    [at("reasons"), info(KIND.enum, 1), 4, at("REASON_A"), 5], // 5
    [0, info(KIND.proto, 3), 0, 0, 0, 0, 1, 0, 1], // 6
    [0, info(KIND.ptr, 0), 6], // 7
    [at("btf_trace_drop"), info(KIND.typedef, 0), 7], // 8
  ].flat();
  const types = Buffer.from(Uint32Array.from(words).buffer);
  const text = Buffer.from(strings, "latin1");
  const header = Buffer.alloc(24);
  new Uint16Array(header.buffer, header.byteOffset, 1)[0] = 0xeb9f;
  new Uint32Array(header.buffer, header.byteOffset + 4, 5).set([
    24,
    0,
    types.length,
    types.length,
    text.length,
  ]);
  const whole = Buffer.alloc(header.length + types.length + text.length);
  whole.set([...header, ...types, ...text]);
  return whole;
}

describe("types of the kernel", () => {
  const btf = new Btf(smallBtf(), ["outer", "reasons", "btf_trace_drop", "absent"]);

  test("members, within those without a name too", () => {
    assert.equal(btf.offsetOf("outer", "head"), 1);
    assert.equal(btf.offsetOf("outer", "network"), 12);
    assert.throws(() => btf.offsetOf("outer", "tail"), /struct outer has no tail/);
    assert.throws(() => btf.offsetOf("absent", "head"), /tells of no absent/);
  });

  test("enumerators, and a tracepoint's arguments", () => {
    assert.deepEqual([...btf.enumerators("reasons")], [[5, "REASON_A"]]);
    assert.equal(btf.enumerators("absent").size, 0);
    assert.equal(btf.tracepointArguments("drop"), 2);
    assert.equal(btf.tracepointArguments("absent"), undefined);
  });

  test("what is cut short is refused", () => {
    const whole = smallBtf();
    for (let length = 0; length < whole.length - 60; length += 1) {
      assert.throws(
        () => new Btf(whole.subarray(0, length), ["outer"]).offsetOf("outer", "head"),
        RangeError,
      );
    }
  });
});

test("symbols: the last function that begins before an address", () => {
  const file = [
    "ffffffff81000000 T first",
    "ffffffff81000100 D data",
    "ffffffff81000200 t second",
    "ffffffffc0000000 t in_module\t[module]",
    "ffffffff81000180 T out_of_order",
    "",
  ].join("\n");
  const found = findFunctions(Buffer.from(file), [
    0xffffffff81000150n,
    0xffffffff81000200n,
    0xffffffffc0000040n,
    1n,
  ]);
  assert.deepEqual([...found.values()], ["first", "second", "in_module"]);
  const hidden = Buffer.from("0000000000000000 T first\n0000000000000000 T second\n");
  assert.equal(findFunctions(hidden, [0xffffffff81000150n]).size, 0);
});

test("a filter of classic BPF takes fields that a load can take", () => {
  const pattern = (length: number) => [
    { protocol: 6, fields: [{ offset: 4, bytes: new Uint8Array(length) }] },
  ];
  assert.equal(patternFilter(4, pattern(4), 64).length % 8, 0);
  assert.throws(() => patternFilter(4, pattern(3), 64), /a field of 3 bytes/);
});
