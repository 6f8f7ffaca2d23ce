/** The functions of Go's text/template and those that Docker adds (docker/cli, templates). */
import { TemplateError } from "./errors.ts";

export type TemplateFunction = (...args: readonly unknown[]) => unknown;

/** Go's idea of false: zero, empty, nil. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** As fmt.Print shows it: `map[a:1 b:2]`, `[x y]`, `<no value>`. */
export function show(value: unknown, inside = false): string {
  if (value === undefined) return "<no value>";
  if (value === null) return inside ? "<nil>" : "<no value>";
  if (Array.isArray(value)) return `[${value.map((element) => show(element, true)).join(" ")}]`;
  if (typeof value === "object") {
    const keys = Object.keys(value).sort();
    return `map[${keys.map((key) => `${key}:${show(Reflect.get(value, key), true)}`).join(" ")}]`;
  }
  return String(value);
}

/** JSON as Go's encoder writes it: a bigint is a number. */
export function toJson(value: unknown): string {
  const big = (_: string, inner: unknown) =>
    typeof inner === "bigint"
      ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(inner))
      : inner;
  return JSON.stringify(value ?? null, big);
}

function index(of: unknown, ...keys: readonly unknown[]): unknown {
  let value = of;
  for (const key of keys) {
    if (Array.isArray(value)) {
      const at = Number(key);
      if (!Number.isInteger(at) || at < 0 || at >= value.length) {
        throw new TemplateError(`error calling index: index out of range: ${show(key)}`);
      }
      value = value[at];
    } else if (typeof value === "string") {
      value = value.charCodeAt(Number(key));
    } else if (typeof value === "object" && value !== null) {
      const entries: unknown[] = Object.values(value);
      // Of a map of strings Go answers the empty string for a key that isn't there: labels are looked up so.
      const zero = entries.every((entry) => typeof entry === "string") ? "" : undefined;
      value = Object.hasOwn(value, String(key)) ? Reflect.get(value, String(key)) : zero;
    } else if (value === undefined || value === null) {
      throw new TemplateError("error calling index: index of untyped nil");
    } else throw new TemplateError(`error calling index: can't index item of type ${typeof value}`);
  }
  return value;
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  const number = (value: unknown) => typeof value === "number" || typeof value === "bigint";
  if (number(a) && number(b)) return Number(a) - Number(b);
  throw new TemplateError("incompatible types for comparison");
}

/** `%s %d %v %q %t %x %%` with flags and width, as people use them in templates. */
function printf(format: unknown, ...args: readonly unknown[]): string {
  const left = [...args];
  return String(format).replace(
    /%([-+ 0]*)(\d*)(?:\.(\d+))?([sdvqtxf%])/g,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (left.length === 0) return `%!${verb}(MISSING)`;
      const value = left.shift();
      let text = show(value, true);
      if (verb === "q") text = JSON.stringify(text);
      if (verb === "x")
        text = typeof value === "string" ? Buffer.from(value).toString("hex") : Number(value).toString(16);
      if (verb === "f") text = Number(value).toFixed(precision === undefined ? 6 : Number(precision));
      else if (precision !== undefined) text = text.slice(0, Number(precision));
      if (flags.includes("-")) return text.padEnd(Number(width));
      return text.padStart(Number(width), flags.includes("0") && verb !== "s" ? "0" : " ");
    },
  );
}

/** fmt.Sprint: a space between operands when neither is a string. */
const print = (...args: readonly unknown[]): string =>
  args.reduce<string>((text, arg, i) => {
    const apart = i > 0 && typeof arg !== "string" && typeof args[i - 1] !== "string";
    return `${text}${apart ? " " : ""}${show(arg, true)}`;
  }, "");

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw new TemplateError("error calling len: len of nil pointer");
}

function truncate(text: unknown, most: unknown): string {
  return [...String(text)].slice(0, Number(most)).join("");
}

const pad = (text: unknown, before: unknown, after: unknown): string =>
  text === "" ? "" : " ".repeat(Number(before)) + String(text) + " ".repeat(Number(after));

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: toJson,
  join: (values, separator) =>
    list(values)
      .map((value) => show(value, true))
      .join(String(separator)),
  split: (text, separator) => String(text).split(String(separator)),
  lower: (text) => String(text).toLowerCase(),
  upper: (text) => String(text).toUpperCase(),
  title: (text) =>
    String(text).replace(
      /(^|[^\p{L}\p{N}])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  pad,
  truncate,
  index,
  len: length,
  slice: (value, from, to) =>
    (typeof value === "string" ? value : list(value)).slice(
      Number(from ?? 0),
      to === undefined ? undefined : Number(to),
    ),
  print,
  println: (...args) => `${args.map((arg) => show(arg, true)).join(" ")}\n`,
  printf,
  eq: (a, ...others) => others.some((b) => (a ?? null) === (b ?? null)),
  ne: (a, b) => (a ?? null) !== (b ?? null),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  not: (value) => !isTrue(value),
};
