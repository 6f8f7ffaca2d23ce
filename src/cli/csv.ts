/**
 * One line of comma-separated fields (RFC 4180), as Docker's flags take several values in one word: a field in
 * quotes may have commas, and two quotes in it are one.
 * @throws where quotes don't match
 */
export function parseCsv(line: string): readonly string[] {
  if (line === "") return [];
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    const quoted = rest.startsWith('"');
    const [all = "", text = ""] =
      (quoted ? /^"((?:[^"]|"")*)"(?=,|$)/s : /^([^",]*)(?=,|$)/s).exec(rest) ?? [];
    if (quoted ? all === "" : rest[all.length] === '"') {
      throw new Error(`parse error on line 1: ${quoted ? 'extraneous or missing "' : 'bare "'} in ${line}`);
    }
    fields.push(quoted ? text.replaceAll('""', '"') : text);
    if (rest.length === all.length) return fields;
    rest = rest.slice(all.length + 1);
  }
}
