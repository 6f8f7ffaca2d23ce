/** Text of others that a terminal is shown: names, labels, what programs and engines say of themselves. */

/** What moves a cursor, turns letters round, or can't be seen: ECMA-48's controls, Unicode's format characters and separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** On one line, nothing of it being a command to the terminal. */
export const legibleText = (text: string): string => text.replace(UNSEEN, "?");

/** The same, its own lines left to it. */
export const legibleLines = (text: string): string =>
  text.replace(UNSEEN, (letter) => (letter === "\n" || letter === "\t" ? letter : "?"));

/** JSON, the same value: what a terminal would take for a command is written as `\u009b`. */
export const legibleJson = (json: string): string =>
  json.replace(UNSEEN, (letter) => (letter === "\n" ? letter : escaped(letter)));

const escaped = (letter: string): string =>
  letter
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
