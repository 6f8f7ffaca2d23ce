/** What is wrong with a text that is no JSON, in the words of Go's encoding/json, by which scripts know it. */

/** Where a value stops being one. */
class Flaw extends Error {}

/** @returns undefined where the text is JSON */
export function jsonFlaw(text: string): string | undefined {
  const scanner = new Scanner(text);
  try {
    scanner.value();
  } catch (thrown) {
    if (thrown instanceof Flaw) return `invalid JSON: ${thrown.message}`;
    throw thrown;
  }
  return scanner.atEnd() ? undefined : "unexpected content after JSON";
}

const LITERALS = ["true", "false", "null"];
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/;
const ESCAPES = new Set('bfnrt\\/"u');
/** Go gives up as well, at ten times that; what deep nesting is for is told sooner here. */
const DEEPEST = 1_000;

/** A recursive descent (RFC 8259) that says what it met instead of what it looked for. */
class Scanner {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    this.#space();
    return this.#at >= this.#text.length;
  }

  value(): void {
    this.#space();
    const next = this.#text[this.#at];
    if (next === "{" || next === "[") {
      if (++this.#depth > DEEPEST) throw new Flaw("exceeded max depth");
      next === "{" ? this.#object() : this.#array();
      this.#depth--;
    } else if (next === '"') this.#string();
    else if (next === "-" || (next !== undefined && next >= "0" && next <= "9")) this.#number();
    else this.#literal();
  }

  #object(): void {
    this.#at++;
    this.#space();
    if (this.#take("}")) return;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') this.#complain("looking for beginning of object key string");
      this.#string();
      this.#space();
      if (!this.#take(":")) this.#complain("after object key");
      this.value();
      this.#space();
      if (this.#take("}")) return;
      if (!this.#take(",")) this.#complain("after object key:value pair");
    }
  }

  #array(): void {
    this.#at++;
    this.#space();
    if (this.#take("]")) return;
    for (;;) {
      this.value();
      this.#space();
      if (this.#take("]")) return;
      if (!this.#take(",")) this.#complain("after array element");
    }
  }

  #string(): void {
    for (this.#at++; ; this.#at++) {
      const next = this.#text[this.#at];
      if (next === undefined || next < " ") this.#complain("in string literal");
      if (next === '"') break;
      if (next !== "\\") continue;
      this.#at++;
      if (!ESCAPES.has(this.#text[this.#at] ?? "")) this.#complain("in string escape code");
      if (this.#text[this.#at] !== "u") continue;
      for (let digits = 0; digits < 4; digits++) {
        this.#at++;
        if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? ""))
          this.#complain("in \\u hexadecimal character escape");
      }
    }
    this.#at++;
  }

  #number(): void {
    const [number] = NUMBER.exec(this.#text.slice(this.#at)) ?? [];
    if (number === undefined) {
      this.#at++;
      this.#complain("in numeric literal");
    }
    this.#at += number.length;
  }

  #literal(): void {
    const word = LITERALS.find((each) => each[0] === this.#text[this.#at]);
    if (!word) this.#complain("looking for beginning of value");
    for (let i = 1; i < word.length; i++) {
      this.#at++;
      if (this.#text[this.#at] !== word[i]) this.#complain(`in literal ${word} (expecting '${word[i]}')`);
    }
    this.#at++;
  }

  #space(): void {
    while (" \t\r\n".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #complain(where: string): never {
    const met = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    throw new Flaw(
      this.#at >= this.#text.length ? "unexpected EOF" : `invalid character '${shown(met)}' ${where}`,
    );
  }
}

const shown = (character: string): string =>
  character === "'" ? "\\'" : JSON.stringify(character).slice(1, -1).replace('\\"', '"');
