import { messageOf } from "../lib/errors.ts";
import type { Problems, Values } from "./values.ts";

/** Reads options one by one; what a parser refuses becomes a problem that names the option and the value. */
export class Reader {
  readonly #values: Values;
  readonly #problems: Problems;
  constructor(values: Values, problems: Problems) {
    this.#values = values;
    this.#problems = problems;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** A problem about an option as a whole. */
  wrong(key: string, message: string): void {
    this.#problems.push(`${this.#values.get(key)?.origin ?? key}: ${message}`);
  }

  /** The text of a string option; undefined where it is unset or empty. */
  text(key: string): string | undefined {
    const value = this.#values.get(key)?.value;
    return typeof value === "string" && value !== "" ? value : undefined;
  }

  boolean(key: string, otherwise: boolean): boolean {
    const value = this.#values.get(key)?.value;
    return typeof value === "boolean" ? value : otherwise;
  }

  /** Docker's way in a file to leave a number at its default. */
  isZero(key: string): boolean {
    return this.#values.get(key)?.value === 0;
  }

  /** A whole number between `least` and `most`. */
  number(key: string, otherwise: number, least: number, most: number): number {
    const value = this.#values.get(key)?.value;
    if (typeof value !== "number") return otherwise;
    if (value >= least && value <= most) return value;
    this.wrong(key, `a number between ${least} and ${most} is wanted, not ${value}`);
    return otherwise;
  }

  /** A map of texts; empty where it is unset. */
  map(key: string): Readonly<Record<string, string>> {
    const value = this.#values.get(key)?.value ?? {};
    // Of a list or a lone value, its reading has told already.
    const entries = typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : [];
    return Object.fromEntries(entries.map(([name, each]) => [name, String(each)]));
  }

  /** A map of maps; undefined where it is unset. */
  options(key: string): Readonly<Record<string, Readonly<Record<string, string>>>> | undefined {
    const said = this.#values.get(key);
    // Its shape was checked when it was read.
    return said?.option.nested
      ? (said.value as Readonly<Record<string, Readonly<Record<string, string>>>>)
      : undefined;
  }

  /** A string option through a parser; undefined where it is unset or refused. */
  parsed<T>(key: string, parse: (text: string) => T): T | undefined {
    const text = this.text(key);
    return text === undefined ? undefined : this.#attempt(key, text, parse);
  }

  /** The elements of a list option through a parser; refused ones are left out. */
  each<T>(key: string, parse: (element: unknown) => T): readonly T[] {
    const value = this.#values.get(key)?.value;
    if (!Array.isArray(value)) return [];
    return value.flatMap((element) => this.#attempt(key, element, parse) ?? []);
  }

  /** The members of a map through a parser; refused ones are left out. */
  named<T>(key: string, parse: (name: string, value: unknown) => T): readonly T[] {
    const value = this.#values.get(key)?.value ?? {};
    if (typeof value !== "object" || Array.isArray(value)) return [];
    return Object.entries(value).flatMap(
      ([name, each]) => this.#attempt(key, each, () => parse(name, each)) ?? [],
    );
  }

  #attempt<E, T>(key: string, element: E, parse: (element: E) => T): T | undefined {
    try {
      return parse(element);
    } catch (thrown) {
      const shown = typeof element === "string" ? element : JSON.stringify(element);
      const message = messageOf(thrown);
      this.wrong(key, message.split(/[\s:,]+/).includes(shown) ? message : `${shown}: ${message}`);
      return undefined;
    }
  }
}
