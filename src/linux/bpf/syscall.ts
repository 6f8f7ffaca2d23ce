/**
 * bpf(2): programs and maps, which are gone with their descriptors. `union bpf_attr` is quoted where it is filled in;
 * what is not filled in is zero.
 */
import { closeSync } from "node:fs";
import { arch, constants } from "node:os";
import { LITTLE_ENDIAN, viewOf } from "../bytes.ts";
import { declare, KernelError, lastErrno } from "../ffi.ts";
import { NativeMemory } from "../native-memory.ts";

const bpf = declare("int64 syscall(int64 number, int command, const void *attr, unsigned int size)");
/** asm/unistd_64.h, asm-generic/unistd.h. */
const NR_BPF = arch() === "x64" ? 321 : 280;

const BPF_MAP_CREATE = 0;
const BPF_PROG_LOAD = 5;
const BPF_PROG_TEST_RUN = 10;
const BPF_RAW_TRACEPOINT_OPEN = 17;
const BPF_MAP_LOOKUP_AND_DELETE_ELEM = 21;

const BPF_MAP_TYPE_QUEUE = 22;
const PROGRAM_TYPES = { xdp: 6, rawTracepoint: 17 } as const;

const ATTR = 128;
const LOG = 65_536;
const INSTRUCTION = 8;
const NAME = 15;
const { ENOENT } = constants.errno;

/**
 * The kernel lends the reading of its memory to programs under terms that agree with its own. That is said of the few
 * instructions that are loaded, and of nothing else here.
 */
const LICENSE = "Dual BSD/GPL";

/** Fill in a `union bpf_attr` and call; `pointed` lies in memory with an address, which `fill` is told, one each. */
function call(
  command: number,
  pointed: readonly Uint8Array[],
  fill: (attr: DataView, addresses: readonly bigint[]) => void,
  after?: (memory: readonly Uint8Array[], attr: DataView) => void,
): number {
  const room = pointed.map(({ length }) => (length + 7) & ~7);
  const memory = new NativeMemory(room.reduce((sum, size) => sum + size, 8));
  try {
    const addresses: bigint[] = [];
    const copies: Uint8Array[] = [];
    let at = 0;
    pointed.forEach((bytes, i) => {
      memory.bytes.set(bytes, at);
      addresses.push(memory.address + BigInt(at));
      copies.push(memory.bytes.subarray(at, at + bytes.length));
      at += room[i] ?? 0;
    });
    const attr = new Uint8Array(ATTR);
    fill(viewOf(attr), addresses);
    const result = Number(bpf(NR_BPF, command, attr, ATTR));
    // Before anything else can call: errno is the thread's last call's.
    const errno = result < 0 ? lastErrno() : 0;
    after?.(copies, viewOf(attr));
    return result < 0 ? -errno : result;
  } finally {
    memory.free();
  }
}

function checked(what: string, result: number, detail?: string): number {
  if (result < 0) throw new KernelError(what, -result, detail);
  return result;
}

const u32 = (attr: DataView, at: number, value: number): void => attr.setUint32(at, value, LITTLE_ENDIAN);
const u64 = (attr: DataView, at: number, value: bigint | undefined): void =>
  attr.setBigUint64(at, value ?? 0n, LITTLE_ENDIAN);
function name(attr: DataView, at: number, text: string): void {
  for (let i = 0; i < Math.min(text.length, NAME); i += 1) attr.setUint8(at + i, text.charCodeAt(i));
}

/**
 * A map that a program puts into and this process takes out of, first in, first out; what comes when it is full is lost.
 * `{ __u32 map_type, key_size, value_size, max_entries, map_flags, inner_map_fd, numa_node; char map_name[16]; }`
 */
export class Queue {
  readonly fd: number;
  readonly #key = new Uint8Array(0);
  readonly #size: number;

  /** @param size of an entry, in bytes. @throws KernelError EPERM without CAP_BPF or CAP_SYS_ADMIN */
  constructor(label: string, size: number, entries: number) {
    this.#size = size;
    const made = call(BPF_MAP_CREATE, [], (attr) => {
      u32(attr, 0, BPF_MAP_TYPE_QUEUE);
      u32(attr, 8, size);
      u32(attr, 12, entries);
      name(attr, 28, label);
    });
    this.fd = checked("make a BPF map", made);
  }

  /** `{ __u32 map_fd; __aligned_u64 key, value, flags; }`. @returns undefined where it is empty. @throws KernelError */
  take(): Uint8Array | undefined {
    let taken: Uint8Array | undefined;
    const result = call(
      BPF_MAP_LOOKUP_AND_DELETE_ELEM,
      [this.#key, new Uint8Array(this.#size)],
      (attr, [, value]) => {
        u32(attr, 0, this.fd);
        u64(attr, 16, value);
      },
      ([, value]) => {
        taken = value && Uint8Array.from(value);
      },
    );
    if (result === -ENOENT) return undefined;
    checked("read a BPF map", result);
    return taken;
  }

  close(): void {
    closeSync(this.fd);
  }
}

/**
 * `{ __u32 prog_type, insn_cnt; __aligned_u64 insns, license; __u32 log_level, log_size; __aligned_u64 log_buf;
 *    __u32 kern_version, prog_flags; char prog_name[16]; }`
 * @returns a descriptor, the caller's to close
 * @throws KernelError EPERM; EACCES and EINVAL with the verifier's last words
 */
export function loadProgram(
  type: keyof typeof PROGRAM_TYPES,
  label: string,
  instructions: Uint8Array,
): number {
  const load = (log: Uint8Array, after?: (memory: readonly Uint8Array[]) => void) =>
    call(
      BPF_PROG_LOAD,
      [instructions, new TextEncoder().encode(`${LICENSE}\0`), log],
      (attr, [code, license, words]) => {
        u32(attr, 0, PROGRAM_TYPES[type]);
        u32(attr, 4, instructions.length / INSTRUCTION);
        u64(attr, 8, code);
        u64(attr, 16, license);
        if (log.length > 0) {
          u32(attr, 24, 1);
          u32(attr, 28, log.length);
          u64(attr, 32, words);
        }
        name(attr, 48, label);
      },
      after,
    );
  const what = `load the BPF program ${label}`;
  const loaded = load(new Uint8Array(0));
  if (loaded >= 0) return loaded;
  let detail: string | undefined;
  // Once more, to hear why: a log costs each load its time.
  const again = load(new Uint8Array(LOG), ([, , words]) => {
    detail = lastLines(words);
  });
  return checked(what, again, detail);
}

function lastLines(log: Uint8Array | undefined): string | undefined {
  const text = Buffer.from(log ?? []).toString("latin1");
  const lines = text
    .slice(0, Math.max(text.indexOf("\0"), 0))
    .trim()
    .split("\n");
  return lines.filter((line) => !line.startsWith("processed")).at(-1) || undefined;
}

/** `{ __aligned_u64 name; __u32 prog_fd; }`. @returns a descriptor; with it the program is taken off. @throws KernelError */
export function attachRawTracepoint(tracepoint: string, program: number): number {
  const attached = call(
    BPF_RAW_TRACEPOINT_OPEN,
    [new TextEncoder().encode(`${tracepoint}\0`)],
    (attr, [text]) => {
      u64(attr, 0, text);
      u32(attr, 8, program);
    },
  );
  return checked(`attach to the tracepoint ${tracepoint}`, attached);
}

/** BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18: what the program lets pass goes up the stack. */
const LIVE_FRAMES = 2;

/**
 * Have an XDP program run on a frame as if a link of the thread's namespace had received it.
 * `{ __u32 prog_fd, retval, data_size_in, data_size_out; __aligned_u64 data_in, data_out; __u32 repeat, duration,
 *    ctx_size_in, ctx_size_out; __aligned_u64 ctx_in, ctx_out; __u32 flags, cpu, batch_size; }`
 * `struct xdp_md { __u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };`
 * @throws KernelError EINVAL where the kernel, or the link's driver, can't
 */
export function receiveFrame(program: number, ifindex: number, frame: Uint8Array): void {
  const context = new Uint8Array(24);
  u32(viewOf(context), 4, frame.length);
  u32(viewOf(context), 12, ifindex);
  const result = call(BPF_PROG_TEST_RUN, [frame, context], (attr, [data, md]) => {
    u32(attr, 0, program);
    u32(attr, 8, frame.length);
    u64(attr, 16, data);
    u32(attr, 32, 1);
    u32(attr, 40, context.length);
    u64(attr, 48, md);
    u32(attr, 64, LIVE_FRAMES);
  });
  checked(`have link ${ifindex} receive a frame`, result);
}
