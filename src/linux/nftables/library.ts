/** libnftables in process, libnftables(3): the language and the messages of nft(8), without starting it. */
import koffi, { type LibraryHandle } from "koffi";
import { EngineError, internal } from "../../lib/errors.ts";

type Context = unknown;

const SONAME = "libnftables.so.1";

function load() {
  let library: LibraryHandle;
  try {
    library = koffi.load(SONAME);
  } catch (thrown) {
    throw new EngineError("unavailable", `${SONAME} is missing: apt-get install libnftables1`, {
      cause: thrown,
    });
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
const JSON_OUTPUT = 1 << 4;
const TERSE = 1 << 11;

let loaded: ReturnType<typeof load> | undefined;

/** nft, talking to the firewall of the namespace that the thread was in at its first command. */
export class Nft {
  #context: Context;

  /**
   * Run commands as one transaction: all of it, or nothing.
   * @param output "json": as libnftables-json(5) has it, without the elements of named sets
   * @returns what nft prints
   * @throws internal with nft's own message after `what`; unavailable without the library
   */
  run(what: string, commands: string, output: "text" | "json" = "text"): string {
    const { library, context } = this.#open();
    library.setOutput(context, output === "json" ? JSON_OUTPUT | TERSE : 0);
    const status: number = library.run(context, commands);
    // Reading a buffer empties it for the next run: read both.
    const printed: string = library.output(context);
    const error: string = library.error(context);
    if (status !== 0) throw internal(`${what}: ${error.trim() || `nft failed (${status})`}`);
    return printed;
  }

  close(): void {
    if (this.#context) loaded?.freeContext(this.#context);
    this.#context = undefined;
  }

  #open() {
    loaded ??= load();
    const library = loaded;
    if (!this.#context) {
      this.#context = library.newContext(0);
      library.bufferOutput(this.#context);
      library.bufferError(this.#context);
    }
    return { library, context: this.#context };
  }
}
