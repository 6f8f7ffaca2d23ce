/**
 * libpcap's compiler, pcap_compile(3PCAP): words like `tcp port 80 and host 10.0.0.2` as classic BPF. The library is loaded
 * when it is first asked for, and need not be there.
 */
import koffi from "koffi";
import { invalid } from "../lib/errors.ts";
import { LITTLE_ENDIAN, viewOf } from "./bytes.ts";

/** As Debian names it, and as Fedora, SUSE and others do. */
const SONAMES = ["libpcap.so.0.8", "libpcap.so.1"];

/**
 * ```c
 * struct bpf_program { u_int bf_len; struct bpf_insn *bf_insns; };
 * struct bpf_insn { u_short code; u_char jt; u_char jf; bpf_u_int32 k; };  // as the kernel's struct sock_filter
 * ```
 */
const PROGRAM_SIZE = 16;
const INSTRUCTIONS_AT = 8;
const INSTRUCTION = 8;
const OPTIMIZE = 1;
/** PCAP_NETMASK_UNKNOWN: `ip broadcast` is refused then. */
const NO_NETMASK = 0xffffffff;

type Library = ReturnType<typeof declareAll>;

function declareAll(library: ReturnType<typeof koffi.load>) {
  return {
    openDead: library.func("void *pcap_open_dead(int linktype, int snaplen)"),
    compile: library.func(
      "int pcap_compile(void *p, void *program, const char *text, int optimize, uint32_t netmask)",
    ),
    freeCode: library.func("void pcap_freecode(void *program)"),
    error: library.func("const char *pcap_geterr(void *p)"),
    close: library.func("void pcap_close(void *p)"),
  };
}

let loaded: Library | undefined;

/** @throws Error naming the package that has it */
function library(): Library {
  if (loaded) return loaded;
  const refused: unknown[] = [];
  for (const name of SONAMES) {
    try {
      loaded = declareAll(koffi.load(name));
      return loaded;
    } catch (thrown) {
      refused.push(thrown);
    }
  }
  throw new Error(
    `filters are compiled by libpcap, and neither ${SONAMES.join(" nor ")} can be loaded: install it ` +
      "(Debian, Ubuntu: apt-get install libpcap0.8; Fedora: dnf install libpcap), or capture without a filter",
    { cause: new AggregateError(refused) },
  );
}

/**
 * Compile a filter for frames of one link type.
 * @param dlt DLT_*: how the frames begin
 * @param snapLength what the program returns of a packet that it takes: how many bytes to keep
 * @returns `struct sock_filter`s, eight bytes each
 * @throws invalid in libpcap's words where the filter is wrong; Error where libpcap is not installed
 */
export function compileFilter(text: string, dlt: number, snapLength: number): Uint8Array {
  const pcap = library();
  const handle = pcap.openDead(dlt, snapLength);
  if (handle === null) throw new Error("pcap_open_dead: out of memory");
  const program = Buffer.alloc(PROGRAM_SIZE);
  try {
    if (pcap.compile(handle, program, text, OPTIMIZE, NO_NETMASK) !== 0) {
      throw invalid(`the filter "${text}" is not understood: ${pcap.error(handle)}`);
    }
    try {
      return instructionsOf(program);
    } finally {
      pcap.freeCode(program);
    }
  } finally {
    pcap.close(handle);
  }
}

function instructionsOf(program: Uint8Array): Uint8Array {
  const view = viewOf(program);
  const count = view.getUint32(0, LITTLE_ENDIAN);
  const address = view.getBigUint64(INSTRUCTIONS_AT, LITTLE_ENDIAN);
  return new Uint8Array(koffi.view(address, count * INSTRUCTION)).slice();
}
