/** A Dockerfile's stages, and the names of images that they stand on or copy from. */
import { invalid } from "../lib/errors.ts";
import { type Dockerfile, type Instruction, parseError } from "./dockerfile.ts";
import { expand } from "./expand.ts";

/** What a stage begins with: an image by name, an earlier stage by number, or nothing. */
export type Base =
  | { readonly kind: "image"; readonly name: string }
  | { readonly kind: "stage"; readonly index: number }
  | { readonly kind: "scratch" };

export interface Stage {
  readonly from: Instruction;
  readonly base: Base;
  /** In small letters; empty for none. */
  readonly name: string;
  /** As `--platform` says, expanded; empty for the build's own. */
  readonly platform: string;
  readonly commands: readonly Instruction[];
}

export interface Stages {
  readonly escapeToken: "\\" | "`";
  /** ARG before the first FROM. */
  readonly globals: readonly Instruction[];
  readonly stages: readonly Stage[];
}

export interface StageOptions {
  readonly target: string;
  readonly buildArgs: Readonly<Record<string, string | null>>;
}

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;

/** The stages up to the target, those after it left out. @throws invalid, in Docker's words */
export function stagesOf(dockerfile: Dockerfile, { target, buildArgs }: StageOptions): Stages {
  const { escapeToken, instructions } = dockerfile;
  const first = instructions.findIndex(({ keyword }) => keyword === "FROM");
  const globals = first < 0 ? [...instructions] : instructions.slice(0, first);
  for (const { keyword, line } of globals) {
    if (keyword !== "ARG") throw parseError(line, "no build stage in current context");
  }
  if (first < 0) throw invalid("No image was generated. Is your Dockerfile empty?");
  const variables = globalVariables(globals, buildArgs, escapeToken);
  const stages: (Stage & { readonly commands: Instruction[] })[] = [];
  for (const instruction of instructions.slice(first)) {
    if (instruction.keyword === "FROM") {
      stages.push({ ...readFrom(instruction, stages, variables, escapeToken), commands: [] });
    } else stages.at(-1)?.commands.push(instruction);
  }
  return { escapeToken, globals, stages: upTo(stages, target) };
}

/** The stage that the build is for; by name, or by number. */
function upTo(stages: readonly Stage[], target: string): readonly Stage[] {
  if (target === "") return stages;
  const named = stages.findIndex(({ name }) => name === target.toLowerCase());
  const index = named < 0 && /^\d+$/.test(target) ? Number(target) : named;
  if (index < 0 || index >= stages.length) {
    throw invalid(`target stage ${JSON.stringify(target)} could not be found`);
  }
  return stages.slice(0, index + 1);
}

/** @throws invalid, in Docker's words, where there is nothing to make an image of */
export function checkResult({ stages }: Stages, { labels }: { readonly labels: object }): void {
  const last = stages.at(-1);
  const isEmpty = last?.base.kind === "scratch" && last.commands.length === 0;
  if (isEmpty && Object.keys(labels).length === 0) {
    throw invalid("No image was generated. Is your Dockerfile empty?");
  }
}

/** What ARG before the first FROM gives, each with what was given for it at the command line. */
function globalVariables(
  globals: readonly Instruction[],
  buildArgs: StageOptions["buildArgs"],
  token: string,
): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const { rest } of globals) {
    for (const word of rest.split(/\s+(?=\w+(?:=|\s|$))/)) {
      const [, name = "", value] = /^(\w+)(?:=(.*))?$/s.exec(word) ?? [];
      const given = buildArgs[name];
      if (given !== undefined && given !== null) variables.set(name, given);
      else if (value !== undefined) variables.set(name, expand(value, variables, token));
    }
  }
  return variables;
}

function readFrom(
  from: Instruction,
  before: readonly Stage[],
  variables: ReadonlyMap<string, string>,
  token: string,
): Omit<Stage, "commands"> {
  const words = from.rest.split(/\s+/);
  const [written = "", as, given = ""] = words;
  if (from.rest === "" || (words.length !== 1 && !(words.length === 3 && as?.toLowerCase() === "as"))) {
    throw parseError(from.line, "FROM requires either one or three arguments");
  }
  const name = given.toLowerCase();
  if (given !== "" && !STAGE_NAME.test(name)) {
    const quoted = JSON.stringify(given);
    throw parseError(
      from.line,
      `invalid name for build stage: ${quoted}, name can't start with a number or contain symbols`,
    );
  }
  if (name !== "" && before.some((stage) => stage.name === name)) {
    throw invalid(`${name} stage name already used`);
  }
  const image = expand(written, variables, token);
  if (image === "") throw invalid(`base name (${written}) should not be blank`);
  const stage = before.findIndex((each) => each.name !== "" && each.name === image.toLowerCase());
  const platform = expand(from.flags.platform ?? "", variables, token);
  const base: Base =
    stage >= 0
      ? { kind: "stage", index: stage }
      : image === "scratch"
        ? { kind: "scratch" }
        : { kind: "image", name: image };
  return { from, base, name, platform };
}

/**
 * The image that a COPY or a mount copies `from`; undefined where that is an earlier stage, or nothing.
 * @param index of the stage that it stands in
 * @throws invalid for a stage that is not there yet
 */
export function copiedImage(
  from: string | undefined,
  stages: readonly Stage[],
  index: number,
): string | undefined {
  if (from === undefined || from === "") return undefined;
  if (stages.slice(0, index).some(({ name }) => name !== "" && name === from.toLowerCase())) return undefined;
  if (!/^\d+$/.test(from)) return from;
  if (Number(from) === index) throw invalid(`invalid from flag value ${from}: refers to current build stage`);
  if (Number(from) > index) throw invalid(`invalid from flag value ${from}: index out of bounds`);
  return undefined;
}

export interface NeededImage {
  readonly name: string;
  readonly platform: string;
  /** Only files of it are taken. */
  readonly isCopied: boolean;
}

/** Every image that the stages need, each once, in the order of need. */
export function imagesOf({ stages }: Stages): readonly NeededImage[] {
  const found = new Map<string, NeededImage>();
  for (const [index, { base, platform, commands }] of stages.entries()) {
    const names = [
      ...(base.kind === "image" ? [{ name: base.name, platform, isCopied: false }] : []),
      ...commands.flatMap(({ flags }) => {
        const name = copiedImage(flags.from, stages, index);
        return name === undefined ? [] : [{ name, platform: "", isCopied: true }];
      }),
    ];
    for (const each of names) {
      const key = `${each.name} ${each.platform}`;
      if (!found.has(key)) found.set(key, each);
    }
  }
  return [...found.values()];
}
