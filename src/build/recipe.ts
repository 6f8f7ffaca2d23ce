/** The Dockerfile that the builder is given: names of images become ids, labels of the request become a step. */
import type { ImageID } from "../lib/ids.ts";
import { type Instruction, jsonWords } from "./dockerfile.ts";
import { isOneLine } from "./flags.ts";
import { copiedImage, type Stage, type Stages } from "./stages.ts";

/** A line of the build's story: `Step 2/5 : RUN make`. */
export interface Step {
  readonly keyword: string;
  readonly text: string;
  readonly instruction?: Instruction;
}

export interface Recipe {
  /** What to build from. */
  readonly text: string;
  /** ARG before the first FROM: told of, and nothing else. */
  readonly globals: readonly Step[];
  /** Of each stage, FROM first. */
  readonly stages: readonly (readonly Step[])[];
}

const stepOf = (instruction: Instruction): Step => ({
  keyword: instruction.keyword,
  text: instruction.text,
  instruction,
});

const labelStep = ([key, value]: readonly [string, string]): Step => ({
  keyword: "LABEL",
  text: `LABEL ${key}=${value}`,
});

/** In a Dockerfile, between double quotes, nothing but what is escaped means anything but itself. */
const quoted = (text: string, token: string): string =>
  `"${text.replace(/["$`\\]/g, (letter) => (letter === token || /["$]/.test(letter) ? token + letter : letter))}"`;

/**
 * @param labels those of several lines are none of a Dockerfile's: `requestFlags` tells of them
 * @param idOf an image's id by name and platform as `imagesOf` has them
 */
export function recipeOf(
  plan: Stages,
  labels: Readonly<Record<string, string>>,
  idOf: (name: string, platform: string) => ImageID,
): Recipe {
  const { escapeToken, globals, stages } = plan;
  const added = Object.entries(labels)
    .filter(([name, value]) => isOneLine(name + value))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const bare = (name: string, platform: string) => idOf(name, platform).replace(/^sha256:/, "");
  const lines = [
    ...(escapeToken === "\\" ? [] : [`# escape=${escapeToken}\n`]),
    ...globals.map(({ text }) => `${text}\n`),
    ...stages.flatMap((stage, index) => [
      fromLine(stage, stages, bare),
      ...stage.commands.map((command, at) =>
        commandLine(inExecForm(command, stage.commands.slice(0, at)), stages, index, bare),
      ),
    ]),
    ...added.map(([key, value]) => `LABEL ${quoted(key, escapeToken)}=${quoted(value, escapeToken)}\n`),
  ];
  const last = stages.length - 1;
  return {
    text: lines.join(""),
    globals: globals.map(stepOf),
    stages: stages.map(({ from, commands }, index) => [
      ...[from, ...commands].map(stepOf),
      ...(index === last ? added.map(labelStep) : []),
    ]),
  };
}

function fromLine(
  { base, name, platform }: Stage,
  stages: readonly Stage[],
  idOf: (name: string, platform: string) => string,
): string {
  const earlier = base.kind === "stage" ? stages[base.index]?.name : undefined;
  const image = base.kind === "image" ? idOf(base.name, platform) : (earlier ?? "scratch");
  return name === "" ? `FROM ${image}\n` : `FROM ${image} AS ${name}\n`;
}

/** What SHELL said last holds for CMD and ENTRYPOINT as well; the builder would have them run by /bin/sh. */
function inExecForm(command: Instruction, before: readonly Instruction[]): Instruction {
  const shell = before.findLast(({ keyword }) => keyword === "SHELL");
  const isText = ["CMD", "ENTRYPOINT"].includes(command.keyword) && jsonWords(command.rest) === undefined;
  if (!shell || !isText || command.rest === "") return command;
  const rest = JSON.stringify([...(jsonWords(shell.rest) ?? []), command.rest]);
  return { ...command, rest, text: `${command.keyword} ${rest}` };
}

/** Ports are a set, and `80/TCP` is `80/tcp`: however they are written, it is the same step. Names of variables stay. */
const portsIn = (rest: string): readonly string[] =>
  rest
    .split(/\s+/)
    .map((word) => word.replace(/\/[A-Z]+$/, (protocol) => protocol.toLowerCase()))
    .sort();

/** In one line, flags written anew: what the builder reads is what was read here, and nothing besides. */
function commandLine(
  { keyword, flags, rest, text }: Instruction,
  stages: readonly Stage[],
  index: number,
  idOf: (name: string, platform: string) => string,
): string {
  if (keyword === "EXPOSE") return `${keyword} ${portsIn(rest).join(" ")}\n`;
  if (Object.keys(flags).length === 0) return `${text}\n`;
  const { from } = flags;
  const image = copiedImage(from, stages, index);
  const told = from === undefined ? flags : { ...flags, from: image ? idOf(image, "") : from.toLowerCase() };
  const words = Object.entries(told).map(([name, value]) =>
    value === "" ? `--${name}` : `--${name}=${value}`,
  );
  return `${[keyword, ...words, rest].join(" ")}\n`;
}
