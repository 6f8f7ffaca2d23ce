/** A lesson is data: what is said, which commands are run, and what their output must show. */

/** The same in each language. */
export interface Text {
  readonly en: string;
  readonly zh: string;
}

export type Language = keyof Text;

/** What the lesson has learnt of the machine so far: names, addresses and indexes, out of real output. */
export type Facts = Readonly<Record<string, string>>;

/** A line for the shell, from what is known. `docker` in it is whatever speaks Docker's words here. */
export type Line = string | ((facts: Facts) => string);

export interface Step {
  /** What it will do, before it is done. */
  readonly will: Text;
  readonly command: Line;
  /**
   * What its output must show, or the lesson is wrong and ends. Named groups become facts. All of them, in any order.
   */
  readonly shows: readonly (RegExp | ((facts: Facts) => RegExp))[];
  /** What it must not show. */
  readonly hides?: readonly RegExp[];
  /** The part of the output that matters. */
  readonly marks?: RegExp | ((facts: Facts) => RegExp);
  /** What that means. */
  readonly means: Text;
  /** The command that takes back what this one made. */
  readonly undo?: Line;
}

/** What a chapter stands on; it is made ready unseen where the chapter that shows it was not asked for. */
export interface Scene {
  readonly name: string;
  readonly made: readonly { readonly command: string; readonly undo: string }[];
  /** How facts about it are read, as a chapter that shows it would. */
  readonly facts: readonly { readonly command: Line; readonly shows: RegExp }[];
}

export interface Chapter {
  readonly title: Text;
  readonly about: Text;
  /** Must be there before. */
  readonly needs: readonly Scene[];
  /** Programs that it runs beside `docker` and the shell, each with the Debian package that has it. */
  readonly programs: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
  /** The picture so far. */
  readonly picture: (facts: Facts) => string;
}
