/** Recognizes the keys that leave a container running; the engine acts on them, the client only needs to know. */

const CONTROL: Readonly<Record<string, number>> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/** `ctrl-p,ctrl-q`, `a`, `ctrl-[`: the bytes they send. @throws for a key that is none */
export function parseDetachKeys(text: string): readonly number[] {
  if (text === "") return [];
  return text.split(",").map((key) => {
    const letter = /^ctrl-(.)$/.exec(key)?.[1];
    if (letter && /^[a-z]$/.test(letter)) return letter.charCodeAt(0) - 96;
    const control = letter === undefined ? undefined : CONTROL[letter];
    if (control !== undefined) return control;
    if (key.length === 1) return key.charCodeAt(0);
    throw new Error(`invalid detach keys (${text}): Unknown character: '${key}'`);
  });
}

/** Watches input, cut anywhere, for the sequence. */
export class DetachWatch {
  readonly #keys: readonly number[];
  #matched = 0;
  /** The sequence was typed. */
  seen = false;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  read(data: Uint8Array): void {
    for (const byte of data) {
      if (byte === this.#keys[this.#matched]) this.#matched += 1;
      else this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#keys.length > 0 && this.#matched === this.#keys.length) {
        this.seen = true;
        this.#matched = 0;
      }
    }
  }
}
