/** What the tour prints: what it will do, the command as a person would type it, its real output, what that means. */
import { styleText } from "node:util";

export interface Screen {
  /** Colours, or carets below what matters. */
  readonly colours: boolean;
  write(text: string): void;
}

type Style = Parameters<typeof styleText>[0];

const styled = ({ colours }: Screen, style: Style, text: string): string =>
  colours ? styleText(style, text, { validateStream: false }) : text;

export const heading = (screen: Screen, text: string): void =>
  screen.write(`\n${styled(screen, "bold", text)}\n`);

export const say = (screen: Screen, text: string): void => screen.write(`${text}\n`);

export const command = (screen: Screen, line: string): void =>
  screen.write(`\n${styled(screen, "cyan", "$")} ${styled(screen, "bold", line)}\n`);

/** What had to be run for the scene, and is not the lesson. */
export const aside = (screen: Screen, line: string): void =>
  screen.write(`${styled(screen, "dim", `$ ${line}`)}\n`);

export const means = (screen: Screen, text: string): void =>
  screen.write(`  ${styled(screen, "green", "→")} ${text}\n`);

/** What a terminal would take for commands of its own, from whatever a container printed. */
const CONTROLS = /[^\P{Cc}\t\n]/gu;

/** Output of a command, indented; parts that `marks` matches stand out. */
export function output(screen: Screen, text: string, marks?: RegExp): void {
  for (const raw of text.trimEnd().split("\n")) {
    const line = raw.replaceAll("\t", "        ").replace(CONTROLS, "");
    const parts = marks ? [...line.matchAll(new RegExp(marks, withGlobal(marks.flags)))] : [];
    if (!marks || parts.length === 0) screen.write(`  ${line}\n`);
    else if (screen.colours) {
      const whole = new RegExp(marks, withGlobal(marks.flags));
      screen.write(`  ${line.replace(whole, (part) => styled(screen, "yellow", part))}\n`);
    } else screen.write(`  ${line}\n  ${carets(parts)}\n`);
  }
}

const withGlobal = (flags: string): string => (flags.includes("g") ? flags : `${flags}g`);

const carets = (parts: readonly RegExpExecArray[]): string =>
  parts.reduce((under, { index, 0: part }) => under.padEnd(index) + "^".repeat(part.length), "");
