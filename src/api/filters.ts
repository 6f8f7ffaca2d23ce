/** The `filters` of lists and events: a JSON object of names and the values of which one must hold. */
import { invalid } from "../lib/errors.ts";

export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** Empty where there is none of that name. */
  of(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** The same with one value more. */
  with(name: string, value: string): Filters {
    return new Filters(new Map([...this.#values, [name, [...this.of(name), value]]]));
  }

  has(name: string): boolean {
    return this.of(name).length > 0;
  }

  /** True where there is no filter of that name, or one of its values passes. */
  some(name: string, passes: (value: string) => boolean): boolean {
    const values = this.of(name);
    return values.length === 0 || values.some(passes);
  }

  /** True where all of the name's values pass. */
  every(name: string, passes: (value: string) => boolean): boolean {
    return this.of(name).every(passes);
  }

  /** A yes-or-no filter; undefined where it was not given. @throws invalid */
  boolean(name: string): boolean | undefined {
    const values = this.of(name);
    if (values.length === 0) return undefined;
    const truths = new Set(values.map((value) => TRUTH.get(value.toLowerCase())));
    const [truth] = truths;
    if (truths.size !== 1 || truth === undefined) throw invalidFilter(name, values);
    return truth;
  }
}

const TRUTH = new Map([
  ["1", true],
  ["true", true],
  ["0", false],
  ["false", false],
]);

const invalidFilter = (name: string, values: readonly string[]) =>
  invalid(`invalid filter '${name}=[${values.join(" ")}]'`);

/**
 * Both shapes that clients send: `{"name":{"web":true}}`, and `{"name":["web"]}` of before 1.22.
 * @throws invalid, also for a name not among `known`, where those are given
 */
export function parseFilters(text: string | undefined, known?: ReadonlySet<string>): Filters {
  if (!text) return new Filters(new Map());
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalid(`invalid filter: ${text}`, error);
  }
  if (parsed === null) return new Filters(new Map());
  if (typeof parsed !== "object" || Array.isArray(parsed)) throw invalid(`invalid filter: ${text}`);
  const values = new Map<string, readonly string[]>();
  for (const [name, given] of Object.entries(parsed)) {
    if (known && !known.has(name)) throw invalid(`invalid filter '${name}'`);
    values.set(name, valuesOf(name, given));
  }
  return new Filters(values);
}

function valuesOf(name: string, given: unknown): string[] {
  if (Array.isArray(given) && given.every((value) => typeof value === "string")) return given;
  if (given !== null && typeof given === "object" && !Array.isArray(given)) {
    return Object.entries(given).flatMap(([value, on]) => (on === false ? [] : [value]));
  }
  throw invalid(`invalid filter '${name}': neither a list nor a set of texts`);
}

/** `key` or `key=value` against labels or attributes. */
export function matchesLabel(labels: Readonly<Record<string, string>> | undefined, wanted: string): boolean {
  const [key = "", ...value] = wanted.split("=");
  if (!labels || !Object.hasOwn(labels, key)) return false;
  return value.length === 0 || labels[key] === value.join("=");
}

/** As Docker matches names and ids: the value itself, or a regular expression found in one of the texts. */
export function matcherOf(value: string): (text: string) => boolean {
  let pattern: RegExp;
  try {
    pattern = new RegExp(value);
  } catch {
    return (text) => text === value; // no expression: then only the text itself
  }
  return (text) => text === value || pattern.test(text);
}
