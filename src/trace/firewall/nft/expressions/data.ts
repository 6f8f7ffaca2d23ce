/** Expressions that work on registers alone: immediate, cmp, bitwise, byteorder, range. */
import { LITTLE_ENDIAN } from "../../../../linux/bytes.ts";
import { be32Or0 } from "../../../../linux/nftables/read-numbers.ts";
import { readData } from "../../../../linux/nftables/read-verdict.ts";
import { either, type Machine, type Operation, type Result, readHost32, registerAt } from "../machine.ts";

type Attributes = ReadonlyMap<number, Uint8Array>;

const NOTHING = new Uint8Array();
const dataOf = (attribute: Uint8Array | undefined): Uint8Array => readData(attribute).value ?? NOTHING;

/** enum nft_immediate_attributes { …, NFTA_IMMEDIATE_DREG, NFTA_IMMEDIATE_DATA } */
export function immediate(attributes: Attributes): Operation {
  const to = registerAt(attributes.get(1));
  const { value = NOTHING, verdict } = readData(attributes.get(2));
  if (verdict) {
    if (verdict.code === "continue") return () => "continue";
    return () => ({ verdict });
  }
  return (machine) => {
    machine.store(to, value);
    return "continue";
  };
}

/** enum nft_cmp_ops */
const COMPARISONS: readonly ((order: number) => boolean)[] = [
  (order) => order === 0,
  (order) => order !== 0,
  (order) => order < 0,
  (order) => order <= 0,
  (order) => order > 0,
  (order) => order >= 0,
];

/** enum nft_cmp_attributes { …, NFTA_CMP_SREG, NFTA_CMP_OP, NFTA_CMP_DATA } */
export function cmp(attributes: Attributes): Operation {
  const from = registerAt(attributes.get(1));
  const holds = COMPARISONS[be32Or0(attributes.get(2))];
  const data = dataOf(attributes.get(3));
  return (machine) =>
    decide(machine, from, data.length, (value) => holds?.(Buffer.compare(value, data)) ?? false);
}

/** enum nft_range_attributes { …, NFTA_RANGE_SREG, NFTA_RANGE_OP, NFTA_RANGE_FROM_DATA, NFTA_RANGE_TO_DATA } */
export function range(attributes: Attributes): Operation {
  const from = registerAt(attributes.get(1));
  const inverted = be32Or0(attributes.get(2)) === 1;
  const [low, high] = [dataOf(attributes.get(3)), dataOf(attributes.get(4))];
  return (machine) =>
    decide(
      machine,
      from,
      low.length,
      (value) => (Buffer.compare(value, low) >= 0 && Buffer.compare(value, high) <= 0) !== inverted,
    );
}

function decide(
  machine: Machine,
  from: number,
  length: number,
  holds: (value: Uint8Array) => boolean,
): Result {
  const doubt = machine.doubt(from, length);
  if (doubt !== undefined) return either(`${doubt} matches`, `${doubt} does not match`);
  return holds(machine.load(from, length)) ? "continue" : "break";
}

type Words = (source: Uint32Array, operand: Uint32Array) => Uint32Array;

const wordwise =
  (operate: (a: number, b: number) => number): Words =>
  (source, operand) =>
    source.map((word, index) => operate(word, operand[index] ?? 0));

/** enum nft_bitwise_ops from NFT_BITWISE_LSHIFT on. Shifts carry from the last word to the first: it is the lowest. */
const BITWISE: readonly (Words | undefined)[] = [
  undefined,
  (source, [shift = 0]) =>
    source.map((word, index) => (word << shift) | carried(shift, (source[index + 1] ?? 0) >>> (32 - shift))),
  (source, [shift = 0]) =>
    source.map((word, index) => (word >>> shift) | carried(shift, (source[index - 1] ?? 0) << (32 - shift))),
  wordwise((a, b) => a & b),
  wordwise((a, b) => a | b),
  wordwise((a, b) => a ^ b),
];
const carried = (shift: number, bits: number): number => (shift === 0 ? 0 : bits);

/**
 * enum nft_bitwise_attributes { …, NFTA_BITWISE_SREG, NFTA_BITWISE_DREG, NFTA_BITWISE_LEN, NFTA_BITWISE_MASK,
 * NFTA_BITWISE_XOR, NFTA_BITWISE_OP, NFTA_BITWISE_DATA, NFTA_BITWISE_SREG2 }
 */
export function bitwise(attributes: Attributes): Operation {
  const [from, to] = [registerAt(attributes.get(1)), registerAt(attributes.get(2))];
  const length = be32Or0(attributes.get(3));
  const [mask, xor, data] = [dataOf(attributes.get(4)), dataOf(attributes.get(5)), dataOf(attributes.get(7))];
  const words = BITWISE[be32Or0(attributes.get(6))];
  const second = attributes.get(8);
  const other = second && registerAt(second);
  const compute = (machine: Machine): Uint8Array => {
    const value = machine.load(from, length);
    if (!words) return value.map((byte, index) => (byte & (mask[index] ?? 0)) ^ (xor[index] ?? 0));
    const operand = other === undefined ? data : machine.load(other, length);
    return bytesOf(words(wordsOf(value), wordsOf(operand))).subarray(0, length);
  };
  return (machine) => {
    const doubt =
      machine.doubt(from, length) ?? (other === undefined ? undefined : machine.doubt(other, length));
    if (doubt === undefined) machine.store(to, compute(machine));
    else machine.storeUnknown(to, length, doubt);
    return "continue";
  };
}

/** In the machine's own order; a last word of fewer bytes is filled up with zeros. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  whole.set(bytes);
  return Uint32Array.from({ length: whole.length / 4 }, (_, index) => readHost32(whole.subarray(index * 4)));
}

const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer);

/**
 * enum nft_byteorder_attributes { …, NFTA_BYTEORDER_SREG, NFTA_BYTEORDER_DREG, NFTA_BYTEORDER_OP, NFTA_BYTEORDER_LEN,
 * NFTA_BYTEORDER_SIZE }. Both ways do the same.
 */
export function byteorder(attributes: Attributes): Operation {
  const [from, to] = [registerAt(attributes.get(1)), registerAt(attributes.get(2))];
  const [length, size] = [be32Or0(attributes.get(4)), be32Or0(attributes.get(5)) || 1];
  return (machine) => {
    const doubt = machine.doubt(from, length);
    if (doubt !== undefined) machine.storeUnknown(to, length, doubt);
    else machine.store(to, swapped(machine.load(from, length), LITTLE_ENDIAN ? size : 1));
    return "continue";
  };
}

/** Each group of `size` bytes the other way round. */
const swapped = (bytes: Uint8Array, size: number): Uint8Array =>
  bytes.map((_, index) => bytes[index - (index % size) + (size - 1 - (index % size))] ?? 0);
