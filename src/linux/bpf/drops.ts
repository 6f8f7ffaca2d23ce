/**
 * Sees where the kernel throws packets away, and why: a program at the tracepoint `skb:kfree_skb`
 * (include/trace/events/skb.h), which looks for bytes in the packet, and tells of those alone.
 * ```c
 * TP_PROTO(struct sk_buff *skb, void *location, enum skb_drop_reason reason, struct sock *rx_sk)
 * ```
 * The reason is there since Linux 5.17. The kernel takes the program off with our descriptors, however we end.
 */
import { closeSync } from "node:fs";
import { LITTLE_ENDIAN, viewOf } from "../bytes.ts";
import { Assembler, HELPERS, type Register } from "./assemble.ts";
import { type Btf, readKernelBtf } from "./btf.ts";
import type { Pattern } from "./pattern.ts";
import { attachRawTracepoint, loadProgram, Queue } from "./syscall.ts";

export interface Drop {
  /** Nanoseconds, CLOCK_MONOTONIC. */
  readonly at: bigint;
  /** SKB_DROP_REASON_* without that; `NOT_SPECIFIED` where the kernel gives none. */
  readonly reason: string;
  /** Address of the instruction that freed it: `functionAt` knows whose. */
  readonly location: bigint;
  /** The link that it was at, and the namespace's inode, where it was at one. */
  readonly ifindex?: number;
  readonly namespace?: number;
  /** Which of the patterns it was. */
  readonly pattern: number;
}

/** The record in the queue: `{ u64 at, location; u32 reason, ifindex, namespace, pattern; }`. */
const RECORD = 32;
const QUEUE = 256;

/** The stack, from its end. A record; the head of the packet; pointers and small things. */
const [AT, LOCATION, REASON, IFINDEX, NAMESPACE, PATTERN] = [-32, -24, -16, -12, -8, -4] as const;
const POINTER = -40;
const SMALL = -48;
const PACKET = -112;
/** Bytes of the transport header and beyond that are looked at: an ICMPv6 error quotes up to there. */
const LOOKED_AT = 64;

const [R0, R1, R2, R3, R6, R7, R8, R9, FP] = [0, 1, 2, 3, 6, 7, 8, 9, 10] as const;
const NAMES = ["sk_buff", "net_device", "net", "sock", "skb_drop_reason", "btf_trace_kfree_skb"];
const PREFIX = "SKB_DROP_REASON_";
const TRACEPOINT = "kfree_skb";
const WITH_REASON = 3;

/** `*(to) = size bytes at from + offset`; to `label` where they can't be read. */
function read(code: Assembler, to: number, size: number, from: Register, offset: number): Assembler {
  return code
    .move(R1, FP)
    .addValue(R1, to)
    .moveValue(R2, size)
    .move(R3, from)
    .addValue(R3, offset)
    .call(HELPERS.probeReadKernel);
}

/** Where this kernel keeps what, in bytes from the beginnings of its structs. */
interface Layout {
  readonly head: number;
  readonly networkHeader: number;
  readonly device: number;
  readonly socket: number;
  readonly deviceIndex: number;
  readonly deviceNet: number;
  readonly socketNet: number;
  readonly netInode: number;
  readonly reasons: ReadonlyMap<number, string>;
  readonly tellsReason: boolean;
}

function layoutOf(btf: Btf): Layout {
  return {
    head: btf.offsetOf("sk_buff", "head"),
    networkHeader: btf.offsetOf("sk_buff", "network_header"),
    device: btf.offsetOf("sk_buff", "dev"),
    socket: btf.offsetOf("sk_buff", "sk"),
    deviceIndex: btf.offsetOf("net_device", "ifindex"),
    deviceNet: btf.offsetOf("net_device", "nd_net.net"),
    socketNet: btf.offsetOf("sock", "__sk_common.skc_net.net"),
    netInode: btf.offsetOf("net", "ns.inum"),
    reasons: btf.enumerators("skb_drop_reason"),
    tellsReason: (btf.tracepointArguments(TRACEPOINT) ?? 0) >= WITH_REASON,
  };
}

/** The same as long as the kernel runs, and 10 ms to find out. */
let known: Layout | undefined;

function program(at: Layout, patterns: readonly Pattern[], queue: number): Uint8Array {
  const code = new Assembler();
  code.move(R6, R1).load(8, R7, R6, 0);
  // r8: the network header.
  read(code, POINTER, 8, R7, at.head).load(8, R8, FP, POINTER);
  read(code, SMALL, 2, R7, at.networkHeader).load(2, R1, FP, SMALL).add(R8, R1);
  // r9: the protocol; r8: the transport header.
  read(code, SMALL, 1, R8, 0).load(1, R9, FP, SMALL);
  code.move(R1, R9).shiftRight(R1, 4).jumpIf(R1, "==", 4, "ipv4").jumpIf(R1, "!=", 6, "end");
  read(code, SMALL, 1, R8, 6).load(1, R9, FP, SMALL).addValue(R8, 40).jump("transport");
  code.label("ipv4");
  read(code, SMALL, 1, R8, 9).and(R9, 15).shiftLeft(R9, 2).add(R8, R9).load(1, R9, FP, SMALL);
  code.label("transport");
  read(code, PACKET, LOOKED_AT, R8, 0);
  patterns.forEach(({ protocol, fields }, i) => {
    code.jumpIf(R9, "!=", protocol, `not ${i}`);
    for (const { offset, bytes } of fields) {
      const width = bytes.length === 1 || bytes.length === 2 ? bytes.length : 4;
      code.load(width, R1, FP, PACKET + offset).jumpIf(R1, "!=", native(bytes), `not ${i}`);
    }
    code.storeValue(4, FP, PATTERN, i).jump("found").label(`not ${i}`);
  });
  code.jump("end").label("found");
  code.load(8, R1, R6, 8).store(8, FP, LOCATION, R1);
  if (at.tellsReason) code.load(8, R1, R6, 16).store(4, FP, REASON, R1);
  else code.storeValue(4, FP, REASON, 0);
  code.storeValue(4, FP, IFINDEX, 0).storeValue(4, FP, NAMESPACE, 0);
  // r8: the namespace, by the link or, before it has one, by the socket that sent it.
  read(code, POINTER, 8, R7, at.device).load(8, R9, FP, POINTER).jumpIfZero(R9, "no link");
  read(code, IFINDEX, 4, R9, at.deviceIndex);
  read(code, POINTER, 8, R9, at.deviceNet).jump("namespace");
  code.label("no link");
  read(code, POINTER, 8, R7, at.socket).load(8, R9, FP, POINTER).jumpIfZero(R9, "tell");
  read(code, POINTER, 8, R9, at.socketNet);
  code.label("namespace").load(8, R8, FP, POINTER).jumpIfZero(R8, "tell");
  read(code, NAMESPACE, 4, R8, at.netInode);
  code.label("tell").call(HELPERS.ktimeGetNs).store(8, FP, AT, R0);
  code.map(R1, queue).move(R2, FP).addValue(R2, -RECORD).moveValue(R3, 0).call(HELPERS.mapPush);
  return code.label("end").moveValue(R0, 0).exit().assemble();
}

/** As a load of the machine's own order reads them. */
function native(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  if (bytes.length === 1) return view.getUint8(0);
  return bytes.length === 2 ? view.getUint16(0, LITTLE_ENDIAN) : view.getInt32(0, LITTLE_ENDIAN);
}

export class DropWatch {
  readonly #queue: Queue;
  readonly #descriptors: number[] = [];
  readonly #reasons: ReadonlyMap<number, string>;

  /**
   * Of all namespaces, until it is closed.
   * @throws KernelError EPERM without CAP_BPF and CAP_PERFMON, ENOENT without BTF; RangeError where this kernel keeps
   * things elsewhere than any that is known
   */
  constructor(patterns: readonly Pattern[]) {
    known ??= layoutOf(readKernelBtf(NAMES));
    this.#reasons = known.reasons;
    this.#queue = new Queue("drawbridge", RECORD, QUEUE);
    try {
      const loaded = loadProgram(
        "rawTracepoint",
        "drawbridge_drop",
        program(known, patterns, this.#queue.fd),
      );
      this.#descriptors.push(loaded);
      this.#descriptors.push(attachRawTracepoint(TRACEPOINT, loaded));
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  /** What was dropped since it was last asked, in the order of time. */
  read(): Drop[] {
    const drops: Drop[] = [];
    for (let record = this.#queue.take(); record; record = this.#queue.take())
      drops.push(this.#decode(record));
    return drops;
  }

  /** The last descriptor of the program takes it off. */
  close(): void {
    for (const fd of this.#descriptors.splice(0).reverse()) closeSync(fd);
    this.#queue.close();
  }

  #decode(record: Uint8Array): Drop {
    const view = viewOf(record);
    const u32 = (at: number) => view.getUint32(RECORD + at, LITTLE_ENDIAN);
    const name = this.#reasons.get(u32(REASON));
    return {
      at: view.getBigUint64(RECORD + AT, LITTLE_ENDIAN),
      location: view.getBigUint64(RECORD + LOCATION, LITTLE_ENDIAN),
      reason: name?.startsWith(PREFIX) ? name.slice(PREFIX.length) : "NOT_SPECIFIED",
      ...(u32(IFINDEX) !== 0 && { ifindex: u32(IFINDEX) }),
      ...(u32(NAMESPACE) !== 0 && { namespace: u32(NAMESPACE) }),
      pattern: u32(PATTERN),
    };
  }
}
