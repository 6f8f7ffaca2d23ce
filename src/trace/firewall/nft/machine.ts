/**
 * The state that a program of expressions works on, `struct nft_regs` of net/netfilter/nf_tables.h: sixteen registers of four
 * bytes, and beside them what the packet becomes. Where a value can't be known, the registers that it would be in say why.
 */
import { LITTLE_ENDIAN, viewOf } from "../../../linux/bytes.ts";
import type { NftTable, NftVerdict } from "../../../linux/nftables/program.ts";
import { be32Or0 } from "../../../linux/nftables/read-numbers.ts";
import type { Packet } from "../../packet/types.ts";
import type { ConnectionView, HookVerdict, Met, Surroundings, Translation } from "../types.ts";
import type { Extensions } from "./extensions.ts";

type WithoutRule<T> = T extends unknown ? Omit<T, "rule"> : never;
type WithoutBy<T> = T extends unknown ? Omit<T, "by"> : never;

/** What a translating expression asks for; the rule is added where it ends. */
export type Wish = WithoutRule<Translation>;
export type Final = WithoutBy<HookVerdict>;

/** What one expression comes to. `break` ends its rule: it does not match. */
export type Result =
  | "continue"
  | "break"
  | { readonly verdict: NftVerdict }
  /** The packet's way in this base chain ends. */
  | { readonly final: Final }
  /** What can't be decided: each way that it may go, the likelier first. */
  | { readonly ways: readonly Way[] };

export interface Way {
  /** What is taken for granted, the beginning of a sentence: `the limit is not used up`. */
  readonly assuming: string;
  readonly go: Operation;
}

/** An expression, compiled. It changes the machine, and says how to go on. */
export type Operation = (machine: Machine) => Result;

/** Bytes of all registers. */
export const REGISTERS = 64;
const REGISTER = 4;

/** Where a register lies in all of them; -1 for that of the verdict, and for those that there are not. */
export function registerAt(attribute: Uint8Array | undefined): number {
  const number = be32Or0(attribute);
  // NFT_REG_1 to NFT_REG_4 are 16 bytes each, NFT_REG32_00 and its followers the same memory in words.
  if (number >= 1 && number <= 4) return (number - 1) * 16;
  return number >= FIRST_WORD && number <= LAST ? (number - FIRST_WORD) * REGISTER : -1;
}

/** NFT_REG32_00, NFT_REG32_15. */
const FIRST_WORD = 8;
const LAST = 23;

export class Machine {
  readonly table: NftTable;
  readonly around: Surroundings;
  readonly extensions: Extensions;
  readonly registers: Uint8Array;
  packet: Packet;
  connectionMark: number | undefined;
  notrack = false;
  translation: Translation | undefined;
  /** The last thing that the rule at hand asked for, until it is known whether the rule matches. */
  wish: Wish | undefined;
  met: readonly Met[] = [];
  assumptions: readonly string[] = [];
  /** What the rule at hand did so far, in words. */
  doing: readonly string[] = [];
  /** By register: why nobody can know what is in it. */
  #unknown: ReadonlyMap<number, string> = new Map();

  constructor(table: NftTable, around: Surroundings, extensions: Extensions, packet: Packet) {
    this.table = table;
    this.around = around;
    this.extensions = extensions;
    this.packet = packet;
    this.registers = new Uint8Array(REGISTERS);
  }

  /** Another one in the same state, to go another way. */
  fork(): Machine {
    const other = new Machine(this.table, this.around, this.extensions, this.packet);
    other.registers.set(this.registers);
    other.connectionMark = this.connectionMark;
    other.notrack = this.notrack;
    other.translation = this.translation;
    other.wish = this.wish;
    other.met = this.met;
    other.assumptions = this.assumptions;
    other.doing = this.doing;
    other.#unknown = this.#unknown;
    return other;
  }

  /** As connection tracking sees it after what rules here did: none, where it does not look. */
  get connection(): ConnectionView | undefined {
    const { connection } = this.around;
    return connection && this.connectionMark !== undefined
      ? { ...connection, mark: this.connectionMark }
      : connection;
  }

  do(what: string): void {
    this.doing = [...this.doing, what];
  }

  /** A view. */
  load(at: number, length: number): Uint8Array {
    return this.registers.subarray(at, at + length);
  }

  /** The last register is filled up with zeros, as the kernel does. */
  store(at: number, bytes: Uint8Array): void {
    if (at < 0) return;
    const end = at + Math.ceil(bytes.length / REGISTER) * REGISTER;
    this.registers.fill(0, at + bytes.length, end);
    this.registers.set(bytes.subarray(0, Math.max(0, REGISTERS - at)), at);
    this.#know(at, end);
  }

  /** In the machine's own order, as the kernel keeps marks, indices and users. */
  store32(at: number, value: number): void {
    this.store(at, host32(value));
  }

  store16(at: number, value: number): void {
    this.store(at, host16(value));
  }

  store8(at: number, value: number): void {
    this.store(at, Uint8Array.of(value));
  }

  /** A name, filled up with zeros. */
  storeName(at: number, name: string, length: number): void {
    const bytes = new Uint8Array(length);
    new TextEncoder().encodeInto(name, bytes);
    this.store(at, bytes);
  }

  storeUnknown(at: number, length: number, why: string): void {
    if (at < 0) return;
    const unknown = new Map(this.#unknown);
    for (let word = at; word < at + length; word += REGISTER) unknown.set(word, why);
    this.#unknown = unknown;
  }

  /** Why a value can't be known; undefined where it is known. */
  doubt(at: number, length: number): string | undefined {
    if (this.#unknown.size === 0) return undefined;
    for (let word = at - (at % REGISTER); word < at + length; word += REGISTER) {
      const why = this.#unknown.get(word);
      if (why !== undefined) return why;
    }
    return undefined;
  }

  #know(at: number, end: number): void {
    if (this.doubt(at, end - at) === undefined) return;
    const unknown = new Map(this.#unknown);
    for (let word = at; word < end; word += REGISTER) unknown.delete(word);
    this.#unknown = unknown;
  }
}

function host32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value >>> 0, LITTLE_ENDIAN);
  return bytes;
}

function host16(value: number): Uint8Array {
  const bytes = new Uint8Array(2);
  viewOf(bytes).setUint16(0, value, LITTLE_ENDIAN);
  return bytes;
}

export const readHost32 = (bytes: Uint8Array): number =>
  bytes.length < 4 ? 0 : viewOf(bytes).getUint32(0, LITTLE_ENDIAN);

export const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

const go: Operation = () => "continue";
const stop: Operation = () => "break";

/** It may match, and it may not. */
export const either = (matching: string, not: string, matched: Operation = go): Result => ({
  ways: [
    { assuming: matching, go: matched },
    { assuming: not, go: stop },
  ],
});
