/** libnftables in process, libnftables(3): the language and the messages of nft(8), without starting it. */
import koffi, { type LibraryHandle } from "koffi";
import { internal, unavailable } from "../../lib/errors.ts";
import { FD_SETSIZE } from "../high-descriptor.ts";
import { keepFromPrograms, socketsOf } from "../own-sockets.ts";

const SONAME = "libnftables.so.1";

function load() {
  let library: LibraryHandle;
  try {
    library = koffi.load(SONAME);
  } catch (thrown) {
    throw unavailable(`${SONAME} is missing: apt-get install libnftables1`, thrown);
  }
  return {
    newContext: library.func("void *nft_ctx_new(uint32_t flags)"),
    freeContext: library.func("void nft_ctx_free(void *ctx)"),
    bufferOutput: library.func("int nft_ctx_buffer_output(void *ctx)"),
    bufferError: library.func("int nft_ctx_buffer_error(void *ctx)"),
    output: library.func("const char *nft_ctx_get_output_buffer(void *ctx)"),
    error: library.func("const char *nft_ctx_get_error_buffer(void *ctx)"),
    setOutput: library.func("void nft_ctx_output_set_flags(void *ctx, unsigned int flags)"),
    run: library.func("int nft_run_cmd_from_buffer(void *ctx, const char *commands)"),
  };
}

/** NFT_CTX_OUTPUT_*, nftables/libnftables.h. */
const STATELESS = 1 << 2;
const HANDLE = 1 << 3;
const JSON_OUTPUT = 1 << 4;
const TERSE = 1 << 11;

/** As `Nft.run` says. */
const OUTPUTS = { text: 0, json: JSON_OUTPUT | TERSE, handles: HANDLE | STATELESS | TERSE } as const;

let loaded: ReturnType<typeof load> | undefined;

function library() {
  loaded ??= load();
  return loaded;
}

/**
 * A context of libnftables by its address: good on all threads of this process, on one at a time. Its socket keeps to
 * the namespace that the thread was in when it was opened.
 */
export type NftContext = bigint;

/**
 * Open a context, early: libnftables waits by select(2), and a socket whose number is beyond its reach
 * (FD_SETSIZE) has libc abort the process at the first command. That socket stays as long as the context does,
 * since libnftables 0.9.9.
 * @throws unavailable without the library, and where no low number is free
 */
export function openContext(): NftContext {
  const { newContext, bufferOutput, bufferError } = library();
  const { result: context, sockets } = socketsOf((): NftContext => newContext(0));
  if (sockets.some((fd) => fd >= FD_SETSIZE)) {
    closeContext(context);
    throw unavailable(`libnftables needs a descriptor below ${FD_SETSIZE}, and all of them are in use`);
  }
  sockets.forEach(keepFromPrograms);
  bufferOutput(context);
  bufferError(context);
  return context;
}

/** For whoever opened it, when no thread uses it any more. */
export function closeContext(context: NftContext): void {
  library().freeContext(context);
}

/** nft, talking to the firewall of its context's namespace. */
export class Nft {
  readonly #context: NftContext;

  constructor(context: NftContext) {
    this.#context = context;
  }

  /**
   * Run commands as one transaction: all of it, or nothing.
   * @param output "json": as libnftables-json(5) has it, without the elements of named sets; "handles": text, each rule with
   *   `# handle N` behind it, without those elements and without what counters counted
   * @returns what nft prints
   * @throws internal with nft's own message after `what`; unavailable without the library
   */
  run(what: string, commands: string, output: keyof typeof OUTPUTS = "text"): string {
    const nft = library();
    nft.setOutput(this.#context, OUTPUTS[output]);
    const status: number = nft.run(this.#context, commands);
    // Reading a buffer empties it for the next run: read both.
    const printed: string = nft.output(this.#context);
    const error: string = nft.error(this.#context);
    if (status !== 0) throw internal(`${what}: ${error.trim() || `nft failed (${status})`}`);
    return printed;
  }
}
