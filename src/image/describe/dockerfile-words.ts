/** Words, quotes and variables as a Dockerfile has them (Dockerfile reference, "Environment replacement"). */
import { invalid } from "../../lib/errors.ts";

/** What a variable stands for; undefined for one that is not set. */
export type Variables = (name: string) => string | undefined;

/** Split at white space outside of quotes. Quotes and escapes stay, for `expand` to take away. */
export function words(text: string): string[] {
  const found: string[] = [];
  let word = "";
  let quote = "";
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (char === "\\" && quote !== "'") {
      word += text.slice(i, i + 2);
      i += 1;
    } else if (quote) {
      word += char;
      if (char === quote) quote = "";
    } else if (/\s/.test(char)) {
      if (word) found.push(word);
      word = "";
    } else {
      if (char === "'" || char === '"') quote = char;
      word += char;
    }
  }
  if (word) found.push(word);
  return found;
}

/** Quotes and escapes taken away and variables replaced, except within single quotes. @throws invalid */
export function expand(text: string, variables: Variables): string {
  let result = "";
  let quote = "";
  for (let i = 0; i < text.length; ) {
    const char = text.charAt(i);
    if (quote === "'") {
      if (char === "'") quote = "";
      else result += char;
      i += 1;
    } else if (char === "\\") {
      const next = text.charAt(i + 1);
      // Within double quotes only these are escaped by it, as in a shell.
      result += quote && !'"$\\'.includes(next) ? char + next : next;
      i += 2;
    } else if (char === quote || (!quote && (char === "'" || char === '"'))) {
      quote = quote ? "" : char;
      i += 1;
    } else if (char === "$") {
      const { value, length } = variable(text.slice(i), variables);
      result += value;
      i += length;
    } else {
      result += char;
      i += 1;
    }
  }
  if (quote) throw invalid(`unexpected end of statement while looking for matching ${quote}`);
  return result;
}

function variable(text: string, variables: Variables): { readonly value: string; readonly length: number } {
  const plain = /^\$([A-Za-z_]\w*|[0-9@*#?$!-])/.exec(text);
  if (plain) return { value: variables(plain[1] ?? "") ?? "", length: plain[0].length };
  if (!text.startsWith("${")) return { value: "$", length: 1 };
  const end = closingBrace(text);
  const inner = text.slice(2, end);
  const [, name, colon, operator, word] = /^([A-Za-z_]\w*)(?:(:?)([-+?])(.*))?$/s.exec(inner) ?? [];
  if (name === undefined) throw invalid(`unsupported modifier in substitution: \${${inner}}`);
  const set = variables(name);
  const counts = set !== undefined && !(colon && set === "");
  const other = () => expand(word ?? "", variables);
  const length = end + 1;
  if (operator === "+") return { value: counts ? other() : "", length };
  if (operator === "?" && !counts) throw invalid(`${name}: ${other() || "not set"}`);
  if (operator === "-" && !counts) return { value: other(), length };
  return { value: set ?? "", length };
}

/** Where the brace closes that opens at 1. */
function closingBrace(text: string): number {
  let depth = 0;
  for (let i = 1; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (char === "\\") i += 1;
    else if (char === "{") depth += 1;
    else if (char === "}") {
      depth -= 1;
      if (depth === 0) return i;
    }
  }
  throw invalid(`syntax error: missing '}' in ${text}`);
}

/** The strings of a JSON array; undefined where this is none. @throws invalid where its items are not strings */
export function jsonArray(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // `[ -f x ] && y` is a command line
  }
  if (!Array.isArray(value)) return undefined;
  return value.map((item: unknown) => {
    if (typeof item === "string") return item;
    throw invalid("when using JSON array syntax, arrays must be comprised of strings only");
  });
}

const UNIT: Partial<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** `1m30s`, `1.5h`, `0`: nanoseconds, in Go's notation for durations. @throws invalid */
export function duration(text: string): number {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+$/.test(text)) {
    throw invalid(`time: invalid duration ${JSON.stringify(text)}`);
  }
  const parts = text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g);
  return parts.reduce((sum, [, count, unit]) => sum + Math.round(Number(count) * (UNIT[unit ?? ""] ?? 0)), 0);
}
