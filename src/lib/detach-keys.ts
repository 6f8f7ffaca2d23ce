/** The keys by which a client leaves a terminal without ending what runs in it. */
import { invalid } from "./errors.ts";

/** ctrl-p, ctrl-q. */
export const DEFAULT_DETACH_KEYS = Uint8Array.of(0x10, 0x11);

/** What ctrl makes of a key: the low five bits of its code (ASCII). */
const CONTROL = /^ctrl-([a-z@[\\\]^_])$/;

/**
 * `ctrl-p,ctrl-q`, `a`, `ctrl-@,DEL`: key after key, separated by commas. Empty for none.
 * @param called what they are called in the refusal
 * @throws invalid in Docker's words
 */
export function parseDetachKeys(text: string, called: "detach" | "escape" = "detach"): Uint8Array {
  if (text === "") return new Uint8Array();
  const codes = text.split(",").map((key) => {
    if (key === "DEL") return 0x7f;
    const control = CONTROL.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    const code = key.charCodeAt(0);
    if (key.length !== 1 || code > 0x7f) throw invalid(`Invalid ${called} keys (${text}) provided`);
    return code;
  });
  return Uint8Array.from(codes);
}

/**
 * Watches a stream of keystrokes for the sequence. Bytes that may begin it are held back until the next
 * ones decide (Knuth, Morris, Pratt), so whatever is not the sequence comes out whole and in order.
 */
export class DetachKeys {
  readonly #keys: Uint8Array;
  /** For each number of matched bytes: how many are still matched when the next one does not fit. */
  readonly #fallback: readonly number[];
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
    this.#fallback = fallbacks(keys);
  }

  /** What of `data` goes on to the process; `detached` once the sequence is complete, and the rest is dropped. */
  push(data: Uint8Array): { readonly forward: Uint8Array; readonly detached: boolean } {
    if (this.#keys.length === 0) return { forward: data, detached: false };
    const out: number[] = [];
    for (const byte of data) {
      while (this.#matched > 0 && byte !== this.#keys[this.#matched]) {
        const kept = this.#fallback[this.#matched] ?? 0;
        out.push(...this.#keys.subarray(0, this.#matched - kept));
        this.#matched = kept;
      }
      if (byte !== this.#keys[this.#matched]) out.push(byte);
      else this.#matched += 1;
      if (this.#matched === this.#keys.length) {
        this.#matched = 0;
        return { forward: Uint8Array.from(out), detached: true };
      }
    }
    return { forward: Uint8Array.from(out), detached: false };
  }

  /** What is held back when the input ends. */
  flush(): Uint8Array {
    const held = this.#keys.slice(0, this.#matched);
    this.#matched = 0;
    return held;
  }
}

function fallbacks(keys: Uint8Array): readonly number[] {
  const table = [0, 0];
  for (let i = 1, length = 0; i < keys.length; i += 1) {
    while (length > 0 && keys[i] !== keys[length]) length = table[length] ?? 0;
    if (keys[i] === keys[length]) length += 1;
    table.push(length);
  }
  return table;
}
