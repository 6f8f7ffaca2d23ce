/**
 * An assembler for BPF, RFC 9669: the few instructions that a small program takes.
 * ```c
 * struct bpf_insn {
 *   __u8 code;              // class, size or operation, mode or source
 *   __u8 dst_reg:4, src_reg:4;
 *   __s16 off;
 *   __s32 imm;
 * };
 * ```
 */
import { endianness } from "node:os";
import { Writer } from "../bytes.ts";

/** r0 has results, r1 to r5 arguments, r6 to r9 stay over calls, r10 is the end of the stack of 512 bytes. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;
/** Bytes of a load or a store. */
export type Width = 1 | 2 | 4 | 8;
/** Of the lower 32 bits. */
export type Condition = "==" | "!=";

/** enum bpf_func_id, linux/bpf.h. */
export const HELPERS = { ktimeGetNs: 5, mapPush: 87, probeReadKernel: 113 } as const;

const INSTRUCTION = 8;
const SIZE = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 } as const;
const LDX_MEM = 0x61; // BPF_LDX | BPF_MEM
const STX_MEM = 0x63; // BPF_STX | BPF_MEM
const ST_MEM = 0x62; // BPF_ST | BPF_MEM
const LD_IMM64 = 0x18; // BPF_LD | BPF_IMM | BPF_DW
const BPF_PSEUDO_MAP_FD = 1;
const ALU64 = 0x07;
const [ADD, AND, LSH, RSH, MOV] = [0x00, 0x50, 0x60, 0x70, 0xb0] as const;
const FROM_REGISTER = 0x08;
const JMP = 0x05;
const JMP32 = 0x06;
const CONDITIONS = { "==": 0x10, "!=": 0x50 } as const;
const CALL = 0x85;
const EXIT = 0x95;

interface Instruction {
  readonly code: number;
  readonly to?: Register;
  readonly from?: number;
  readonly offset?: number;
  readonly value?: number;
  /** Of a jump: where it goes. */
  readonly label?: string;
}

/** Instructions in the order of the calls. */
export class Assembler {
  readonly #instructions: Instruction[] = [];
  readonly #labels = new Map<string, number>();

  load(width: Width, to: Register, from: Register, offset = 0): this {
    return this.#add({ code: LDX_MEM + SIZE[width], to, from, offset });
  }

  store(width: Width, to: Register, offset: number, from: Register): this {
    return this.#add({ code: STX_MEM + SIZE[width], to, from, offset });
  }

  storeValue(width: Width, to: Register, offset: number, value: number): this {
    return this.#add({ code: ST_MEM + SIZE[width], to, offset, value });
  }

  move(to: Register, from: Register): this {
    return this.#add({ code: ALU64 | MOV | FROM_REGISTER, to, from });
  }

  moveValue(to: Register, value: number): this {
    return this.#add({ code: ALU64 | MOV, to, value });
  }

  add(to: Register, from: Register): this {
    return this.#add({ code: ALU64 | ADD | FROM_REGISTER, to, from });
  }

  addValue(to: Register, value: number): this {
    return this.#add({ code: ALU64 | ADD, to, value });
  }

  and(to: Register, value: number): this {
    return this.#add({ code: ALU64 | AND, to, value });
  }

  shiftLeft(to: Register, bits: number): this {
    return this.#add({ code: ALU64 | LSH, to, value: bits });
  }

  shiftRight(to: Register, bits: number): this {
    return this.#add({ code: ALU64 | RSH, to, value: bits });
  }

  /** The address of the map that a descriptor of this process has open: the kernel puts it in. Two instructions' room. */
  map(to: Register, fd: number): this {
    this.#add({ code: LD_IMM64, to, from: BPF_PSEUDO_MAP_FD, value: fd });
    return this.#add({ code: 0 });
  }

  /** Arguments in r1 to r5, which are lost; the result in r0. */
  call(helper: number): this {
    return this.#add({ code: CALL, value: helper });
  }

  jump(label: string): this {
    return this.#add({ code: JMP, label });
  }

  jumpIf(register: Register, condition: Condition, value: number, label: string): this {
    return this.#add({ code: JMP32 | CONDITIONS[condition], to: register, value, label });
  }

  /** As `jumpIf`, of all 64 bits. */
  jumpIfZero(register: Register, label: string): this {
    return this.#add({ code: JMP | CONDITIONS["=="], to: register, value: 0, label });
  }

  label(name: string): this {
    this.#labels.set(name, this.#instructions.length);
    return this;
  }

  exit(): this {
    return this.#add({ code: EXIT });
  }

  /** @throws RangeError for a jump to a label that stands nowhere */
  assemble(): Uint8Array {
    const to = new Writer(this.#instructions.length * INSTRUCTION);
    this.#instructions.forEach((instruction, at) => {
      const { code, to: target = 0, from = 0, value = 0 } = instruction;
      const registers = endianness() === "LE" ? target | (from << 4) : (target << 4) | from;
      to.u8(code)
        .u8(registers)
        .u16(this.#offset(instruction, at) & 0xffff)
        .i32(value | 0);
    });
    return to.written();
  }

  #offset({ label, offset = 0 }: Instruction, at: number): number {
    if (label === undefined) return offset;
    const target = this.#labels.get(label);
    if (target === undefined) throw new RangeError(`no label ${label}`);
    return target - at - 1;
  }

  #add(instruction: Instruction): this {
    this.#instructions.push(instruction);
    return this;
  }
}
