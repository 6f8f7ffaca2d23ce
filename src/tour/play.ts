/** Plays the lesson: each command is run, its real output shown, and held against what the lesson says it shows. */
import { codeOf, messageOf, throwAll } from "../lib/errors.ts";
import type { Screen } from "./screen.ts";
import * as screens from "./screen.ts";
import type { Shell } from "./shell.ts";
import type { Chapter, Facts, Language, Line, Scene, Step, Text } from "./types.ts";
import { WORDS } from "./words.ts";

export interface Player {
  readonly shell: Shell;
  readonly screen: Screen;
  readonly language: Language;
  /** Resolves when the reader wants to go on: false where he leaves. */
  readonly pause: (prompt: string) => Promise<boolean>;
}

/** The machine does not show what the lesson says, or a command of it failed. */
class LessonError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "LessonError";
  }
}

/** What was made, and how it is taken back: last first. */
type Undo = { readonly line: string; readonly facts: Facts };

/**
 * Play chapters in order, and take back all that they made, whatever happens.
 * @param chapters with their numbers
 * @param interrupted aborted when the reader wants to leave in the midst of something
 * @throws LessonError; AggregateError where something could not be taken back
 */
export async function play(
  player: Player,
  chapters: readonly (readonly [number: number, chapter: Chapter])[],
  interrupted: AbortSignal,
): Promise<void> {
  const undos: Undo[] = [];
  const scenes = new Set<Scene>();
  let facts: Facts = {};
  const failures: unknown[] = [];
  try {
    lesson: for (const [number, chapter] of chapters) {
      announce(player, number, chapter);
      await missingPrograms(player, chapter);
      // What the first chapters show being made is there when later ones follow them.
      const played = number > 1 && chapters[0]?.[0] === 1;
      for (const scene of chapter.needs) {
        if (!played && !scenes.has(scene)) facts = { ...facts, ...(await make(player, scene, undos)) };
        scenes.add(scene);
      }
      for (const step of chapter.steps) {
        interrupted.throwIfAborted();
        facts = await take(player, step, facts, undos);
        if (!(await player.pause(WORDS.pause[player.language]))) break lesson;
      }
      screens.say(player.screen, `\n${WORDS.picture[player.language]}\n\n${chapter.picture(facts)}`);
    }
  } catch (thrown) {
    if (!interrupted.aborted) failures.push(thrown);
  } finally {
    failures.push(...(await takeBack(player, undos)));
  }
  throwAll("the tour", failures);
}

const told = ({ language }: Player, text: Text): string => text[language];

const lineOf = (line: Line, facts: Facts): string => (typeof line === "string" ? line : line(facts));

function announce(player: Player, number: number, chapter: Chapter): void {
  screens.heading(player.screen, told(player, WORDS.chapter(number)) + told(player, chapter.title));
  screens.say(player.screen, told(player, chapter.about));
}

async function missingPrograms({ shell }: Player, { programs }: Chapter): Promise<void> {
  for (const [program, pack] of Object.entries(programs)) {
    const { code } = await shell(`command -v ${program} > /dev/null`);
    if (code !== 0) throw new LessonError(`${program} is missing: apt-get install ${pack}`);
  }
}

/** The scene of a chapter that is played by itself. */
async function make(player: Player, scene: Scene, undos: Undo[]): Promise<Facts> {
  screens.say(player.screen, `\n${told(player, WORDS.scene)}`);
  for (const { command, undo } of scene.made) {
    screens.aside(player.screen, command);
    const { code, output } = await player.shell(command);
    if (code !== 0) throw failed(command, output);
    undos.push({ line: undo, facts: {} });
  }
  let facts: Facts = {};
  for (const { command, shows } of scene.facts) {
    const line = lineOf(command, facts);
    const { output } = await player.shell(line);
    facts = { ...facts, ...shown(line, output, [shows], facts) };
  }
  return facts;
}

async function take(player: Player, step: Step, facts: Facts, undos: Undo[]): Promise<Facts> {
  const { screen } = player;
  const line = lineOf(step.command, facts);
  screens.say(screen, `\n${told(player, step.will)}`);
  screens.command(screen, line);
  const { code, output } = await player.shell(line);
  // Half of it may have been made before it failed.
  if (step.undo !== undefined && (code === 0 || !/already in use|File exists/.test(output)))
    undos.push({ line: lineOf(step.undo, facts), facts });
  const marks = typeof step.marks === "function" ? step.marks(facts) : step.marks;
  screens.output(screen, output, marks);
  if (code !== 0) throw failed(line, output);
  const learnt = shown(line, output, step.shows, facts);
  const wrong = step.hides?.find((pattern) => pattern.test(output));
  if (wrong) throw contradicted(line, output, `it shows ${wrong}, and must not`);
  screens.means(screen, told(player, step.means));
  return { ...facts, ...learnt };
}

/** Facts that an output gives. @throws LessonError where it does not show what it must */
function shown(line: string, output: string, patterns: Step["shows"], facts: Facts): Facts {
  let learnt: Facts = {};
  for (const pattern of patterns) {
    const expected = typeof pattern === "function" ? pattern(facts) : pattern;
    const match = expected.exec(output);
    if (!match) throw contradicted(line, output, `it does not show ${expected}`);
    learnt = { ...learnt, ...match.groups };
  }
  return learnt;
}

const failed = (line: string, output: string): LessonError =>
  new LessonError(`a command of the lesson failed: ${line}\n${output.trimEnd()}`);

const contradicted = (line: string, output: string, how: string): LessonError =>
  new LessonError(
    `the machine does not show what the lesson says: ${line}\n${how}; it printed:\n${output.trimEnd()}`,
  );

/** @returns what could not be taken back */
async function takeBack(player: Player, undos: readonly Undo[]): Promise<unknown[]> {
  if (undos.length === 0) return [];
  screens.say(player.screen, `\n${told(player, WORDS.clean)}`);
  const failures: unknown[] = [];
  for (const { line } of undos.toReversed()) {
    screens.aside(player.screen, line);
    try {
      const { code, output } = await player.shell(line);
      if (code !== 0) failures.push(new LessonError(`could not be taken back: ${line}: ${output.trim()}`));
    } catch (thrown) {
      failures.push(
        new LessonError(`could not be taken back: ${line}: ${messageOf(thrown)} (${codeOf(thrown)})`),
      );
    }
  }
  if (failures.length === 0) screens.say(player.screen, told(player, WORDS.cleaned));
  return failures;
}
