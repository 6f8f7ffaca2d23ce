/** Classic BPF by hand: what is put before a compiled filter, and what stands in place of none. linux/filter.h. */
import { LITTLE_ENDIAN, viewOf } from "../../linux/bytes.ts";
import type { FilterProgram } from "../types.ts";

/** `struct sock_filter { __u16 code; __u8 jt; __u8 jf; __u32 k; }`. */
type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

const [LD_W_ABS, JEQ_K, RET_K] = [0x20, 0x15, 0x06];
/** SKF_AD_OFF + SKF_AD_PKTTYPE: the kernel's word on a packet in place of its bytes. */
const PACKET_TYPE = 0xfffff000 + 4;
const PACKET_OUTGOING = 4;

function assemble(instructions: readonly Instruction[]): FilterProgram {
  const program = new Uint8Array(instructions.length * 8);
  const view = viewOf(program);
  for (const [i, [code, ifTrue, ifFalse, k]] of instructions.entries()) {
    view.setUint16(i * 8, code, LITTLE_ENDIAN);
    view.setUint8(i * 8 + 2, ifTrue);
    view.setUint8(i * 8 + 3, ifFalse);
    view.setUint32(i * 8 + 4, k, LITTLE_ENDIAN);
  }
  return program;
}

/** Takes every packet, and so many bytes of it. */
export const takeAll = (snapLength: number): FilterProgram => assemble([[RET_K, 0, 0, snapLength]]);

/** The same filter for packets of one way alone. Jumps go forward from where they stand, so they stay right. */
export function ofWay(way: "in" | "out", program: FilterProgram): FilterProgram {
  const [ifOutgoing, ifNot] = way === "out" ? [1, 0] : [0, 1];
  const test = assemble([
    [LD_W_ABS, 0, 0, PACKET_TYPE],
    [JEQ_K, ifOutgoing, ifNot, PACKET_OUTGOING],
    [RET_K, 0, 0, 0],
  ]);
  return Uint8Array.from([...test, ...program]);
}
