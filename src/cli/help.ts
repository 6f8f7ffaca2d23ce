/** Help in Docker's layout: flags in columns, long descriptions folded to the terminal's width. */
import type { Flag, Verb } from "./verb.ts";

function fold(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

function spelling(option: Flag): string {
  const letter = option.short ? `${option.short}, ` : "    ";
  return `  ${letter}${option.long}${option.kind === "bool" ? "" : ` ${option.kind}`}`;
}

/** Rows of two columns, the second folded. */
export function columns(rows: readonly (readonly [string, string])[], width: number): string {
  const left = Math.max(...rows.map(([name]) => name.length)) + 3;
  return rows
    .flatMap(([name, about]) =>
      fold(about, Math.max(24, width - left)).map(
        (line, i) => `${(i === 0 ? name : "").padEnd(left)}${line}\n`,
      ),
    )
    .join("");
}

export const usageLine = (path: string, definition: Verb): string =>
  `Usage:  drawbridge ${path}${definition.usage ? ` ${definition.usage}` : ""}`;

export function verbHelp(path: string, definition: Verb, aliases: readonly string[], width: number): string {
  const also =
    aliases.length > 1 ? `\nAliases:\n  ${aliases.map((alias) => `drawbridge ${alias}`).join(", ")}\n` : "";
  const rows = definition.flags
    .filter((option) => !option.hidden)
    .toSorted((a, b) => (a.name() < b.name() ? -1 : 1))
    .map((option) => [spelling(option), option.description] as const);
  const options = rows.length > 0 ? `\nOptions:\n${columns(rows, width)}` : "";
  return `${usageLine(path, definition)}\n\n${definition.about}\n${also}${options}`;
}
