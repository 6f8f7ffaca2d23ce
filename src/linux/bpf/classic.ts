/**
 * Filters of sockets in classic BPF, Documentation/networking/filter.rst, that know packets by patterns. All loads are from
 * the network header on (SKF_NET_OFF): it is found on links of every kind, those without a header of their own too.
 * ```c
 * struct sock_filter { __u16 code; __u8 jt; __u8 jf; __u32 k; };   // linux/filter.h
 * ```
 */
import type { Family } from "../../lib/ip.ts";
import { ETHERTYPE } from "../../lib/protocols.ts";
import { Writer } from "../bytes.ts";
import { networkNumber, type Pattern } from "./pattern.ts";

const SKF_NET_OFF = -0x100000;
const SKF_AD_PROTOCOL = -0x1000;
const LOAD = { 1: 0x30, 2: 0x28, 4: 0x20 } as const; // BPF_LD | BPF_ABS
const LOAD_BEYOND_X = { 1: 0x50, 2: 0x48, 4: 0x40 } as const; // BPF_LD | BPF_IND
const X_IS_HEADER_LENGTH = 0xb1; // BPF_LDX | BPF_MSH | BPF_B: 4 * (byte & 15)
const X_IS = 0x01; // BPF_LDX | BPF_IMM
const IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06;

const CARRIES = { 4: ETHERTYPE.ip, 6: ETHERTYPE.ip6 } as const;
const PROTOCOL_AT = { 4: 9, 6: 6 } as const;
const IPV6_HEADER = 40;

interface Instruction {
  readonly code: number;
  readonly k: number;
  /** Instructions to skip where the comparison holds, and where it does not. */
  readonly yes?: number;
  readonly no?: number;
}

/**
 * Keeps so many bytes of each packet that matches one of the patterns; of family 4 those of ARP too, since who has an
 * address is asked there (of family 6 it is asked in ICMPv6, which patterns can name).
 */
export function patternFilter(family: Family, patterns: readonly Pattern[], keep: number): Uint8Array {
  const one = (pattern: Pattern) => ofPattern(family, pattern, keep);
  const program: Instruction[] = [
    { code: LOAD[2], k: SKF_AD_PROTOCOL },
    { code: IF_EQUAL, k: ETHERTYPE.arp, no: 1 },
    { code: RETURN, k: family === 4 ? keep : 0 },
    { code: IF_EQUAL, k: CARRIES[family], yes: 1 },
    { code: RETURN, k: 0 },
    family === 4 ? { code: X_IS_HEADER_LENGTH, k: SKF_NET_OFF } : { code: X_IS, k: IPV6_HEADER },
    // A load beyond the packet's end ends the program: no pattern that reaches less far may come after it.
    ...patterns.toSorted((a, b) => reachOf(a) - reachOf(b)).flatMap(one),
    { code: RETURN, k: 0 },
  ];
  const to = new Writer(program.length * 8);
  for (const { code, k, yes = 0, no = 0 } of program) {
    to.u16(code)
      .u8(yes)
      .u8(no)
      .u32(k >>> 0);
  }
  return to.written();
}

const reachOf = ({ fields }: Pattern): number =>
  Math.max(0, ...fields.map(({ offset, bytes }) => offset + bytes.length));

/** Returns where it matches; falls through where it does not. */
function ofPattern(family: Family, { protocol, fields }: Pattern, keep: number): Instruction[] {
  const tests = [
    { load: { code: LOAD[1], k: SKF_NET_OFF + PROTOCOL_AT[family] }, value: protocol },
    ...fields.map(({ offset, bytes }) => ({
      load: { code: LOAD_BEYOND_X[widthOf(bytes)], k: SKF_NET_OFF + offset },
      value: networkNumber(bytes),
    })),
  ];
  const length = tests.length * 2 + 1;
  return [
    ...tests.flatMap(({ load, value }, i) => [load, { code: IF_EQUAL, k: value, no: length - (i * 2 + 2) }]),
    { code: RETURN, k: keep },
  ];
}

/** @throws RangeError for what no load has */
function widthOf({ length }: Uint8Array): 1 | 2 | 4 {
  if (length !== 1 && length !== 2 && length !== 4) throw new RangeError(`a field of ${length} bytes`);
  return length;
}
