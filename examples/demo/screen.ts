/** What the demo prints: commands as a person would type them, their real output, and what it proves. */
import { styleText } from "node:util";

export function heading(text: string): void {
  console.log(`\n${styleText("bold", text)}`);
}

export function say(text: string): void {
  console.log(text);
}

export function command(line: string): void {
  console.log(`\n${styleText("cyan", "$")} ${styleText("bold", line)}`);
}

/** Output of a command, indented; parts that `marks` matches stand out. */
export function output(text: string, marks?: RegExp): void {
  for (const line of text.trimEnd().split("\n")) {
    console.log(`  ${marks ? line.replace(marks, (part) => styleText("yellow", part)) : line}`);
  }
}

export function proves(text: string): void {
  console.log(`  ${styleText("green", "→")} ${text}`);
}
