/** Rules out of what nft(8) lists with handles: `	tcp dport 22 accept # handle 5`, a rule a line, or several lines. */

const HANDLE = / # handle (\d+)$/;
/** A table, a chain, a set begins. */
const HEADING =
  /^(table|chain|set|map|flowtable|counter|quota|limit|ct|synproxy|secmark) \S.*\{( # handle \d+)?$/;

const TABLE = /^table (\S+ \S+) \{/;

/** Texts of rules by their table (`inet filter`), and by their handles, which are unique in one. */
export function rulesListed(listing: string): Map<string, Map<number, string>> {
  const tables = new Map<string, Map<number, string>>();
  let found = new Map<number, string>();
  let open: string[] = [];
  for (const line of listing.split("\n").map((one) => one.trim())) {
    const table = open.length === 0 ? TABLE.exec(line)?.[1] : undefined;
    if (table !== undefined) {
      found = tables.get(table) ?? new Map();
      tables.set(table, found);
    }
    if (open.length === 0 && (HEADING.test(line) || line === "}")) continue;
    const handle = HANDLE.exec(line)?.[1];
    const text = line.replace(HANDLE, "");
    // A rule within an anonymous chain is one of its own, and part of the one that jumps there.
    if (open.length > 0 && handle && balance(text) === 0) found.set(Number(handle), text);
    open.push(text);
    const whole = open.reduce(joined);
    if (balance(whole) > 0) continue;
    if (handle) found.set(Number(handle), whole);
    open = [];
  }
  return tables;
}

/** Elements of a set follow one another, rules of a chain are kept apart. */
const joined = (before: string, next: string): string =>
  /[{,]$/.test(before) || next.startsWith("}") ? `${before} ${next}` : `${before}; ${next}`;

/** Braces open, but for those in quoted text. */
function balance(text: string): number {
  const bare = text.replaceAll(/"[^"]*"/g, "");
  return bare.split("{").length - bare.split("}").length;
}
