/** What a terminal can show: colours, letters beyond ASCII, so many columns. */
import { legibleText } from "../../lib/legible.ts";

/** How a report is shown: what the terminal can, and how wide it is. */
export interface Style {
  readonly colour: boolean;
  /** UTF-8: else everything is ASCII. */
  readonly unicode: boolean;
  /** Columns. */
  readonly width: number;
}

/** Without colours, for a file or a reader of unknown kind. */
export const PLAIN: Style = { colour: false, unicode: true, width: 100 };

type Paint = "bold" | "dim" | "red" | "green" | "yellow";

/** ECMA-48, SGR: on and off. */
const CODES: Readonly<Record<Paint, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

export const paint = ({ colour }: Style, how: Paint, text: string): string =>
  colour && text !== "" ? `\u001b[${CODES[how][0]}m${text}\u001b[${CODES[how][1]}m` : text;

export const arrow = ({ unicode }: Style): string => (unicode ? "→" : "->");

/** Names of others may hold any letter: what the terminal can't show is written as `?`, and what would move its cursor always. */
export const legible = ({ unicode }: Style, text: string): string =>
  unicode ? legibleText(text) : text.replace(/[^\u0020-\u007e]/gu, "?");

/** At most so many letters, the last one telling that there were more. */
export const cut = ({ unicode }: Style, text: string, most: number): string => {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}${unicode ? "…" : "~"}`;
};

/** Lines of at most `width` letters, broken at spaces where there are some. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if ([...longer].length <= width) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    let rest = [...word];
    for (; rest.length > width; rest = rest.slice(width)) lines.push(rest.slice(0, width).join(""));
    line = rest.join("");
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}
