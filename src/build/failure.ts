/** Why a build failed, in dockerd's words. */
import { EngineError, invalid } from "../lib/errors.ts";
import { type Instruction, jsonWords } from "./dockerfile.ts";

/** A RUN step's command ended badly. */
export class CommandFailure extends EngineError {
  readonly exitCode: number;
  constructor(command: string, exitCode: number) {
    super("internal", `The command '${command}' returned a non-zero code: ${exitCode}`);
    this.name = "CommandFailure";
    this.exitCode = exitCode;
  }
}

const CREATING = /^error running container: from \S+ creating container for .*\]: /m;

const DEFAULT_SHELL: readonly string[] = ["/bin/sh", "-c"];

/**
 * What a RUN step runs, as one text.
 * @param before the steps of its stage that come before it: SHELL is among them
 */
export function commandOf(run: Instruction, before: readonly Instruction[]): string {
  const words = jsonWords(run.rest);
  if (words) return words.join(" ");
  const shells = before.filter(({ keyword }) => keyword === "SHELL");
  const shell = jsonWords(shells.at(-1)?.rest ?? "") ?? DEFAULT_SHELL;
  return [...shell, run.rest].join(" ");
}

/**
 * @param complaint what the builder said last on its stderr
 * @param step where it stood, with those of its stage before it
 */
export function failureOf(
  complaint: string,
  exitCode: number,
  step: Instruction | undefined,
  before: readonly Instruction[],
): EngineError {
  const text = complaint
    .trim()
    .replace(/^Error: /, "")
    .replace(/^(?:error )?building at STEP ".*?": /s, "");
  const status = /\b(?:exit status|exit code:?) (\d+)$/.exec(text)?.[1];
  if (step?.keyword === "RUN" && status !== undefined && !CREATING.test(text)) {
    return new CommandFailure(commandOf(step, before), Number(status));
  }
  // The runtime refused the command: what it says is all that there is to say.
  const refused = /^error running container: from \S+ creating container for .*?\]: (.*)$/m.exec(text)?.[1];
  if (step?.keyword === "RUN" && refused !== undefined) {
    return invalid(`failed to create task for container: OCI runtime create failed: ${refused}`);
  }
  if (step?.keyword === "COPY" || step?.keyword === "ADD") {
    const missing = /(?:copier: stat|lstat|stat):? "?([^":]+)"?: no such file or directory/.exec(text)?.[1];
    if (missing !== undefined && step.flags.from === undefined) {
      const path = missing.replace(/^\//, "");
      return invalid(
        `${step.keyword} failed: file not found in build context or excluded by .dockerignore: stat ${path}: file does not exist`,
      );
    }
    return invalid(`${step.keyword} failed: ${text}`);
  }
  const story = text === "" ? `the builder ended with ${exitCode} and gave no reason` : text;
  return new EngineError("internal", step ? `${step.text}: ${story}` : story);
}
