/** Why a process could not be started, in the words that Docker's clients look for. */
import { EngineError, internal, messageOf } from "../lib/errors.ts";
import type { RuntimeRefusal } from "./process/monitor-types.ts";
import { RuntimeError } from "./process/refusal.ts";

/** Docker's codes: not executable, not found, and all else. */
const EXIT_CODES: Readonly<Record<RuntimeRefusal, number>> = {
  "not-executable": 126,
  "not-found": 127,
  other: 128,
};

export interface StartFailure {
  readonly error: Error;
  readonly exitCode: number;
}

const refusalOf = (thrown: unknown): RuntimeRefusal | undefined =>
  thrown instanceof EngineError && "refusal" in thrown ? (thrown.refusal as RuntimeRefusal) : undefined;

/** The runtime's own words, where Docker's clients look for others: runtimes differ in theirs. */
function reasonOf(refusal: RuntimeRefusal, message: string, program: string): string {
  if (refusal === "other") return message;
  if (/chdir/.test(message)) return message.replace(/No such file or directory/, "no such file or directory");
  const failed = `unable to start container process: exec: "${program}":`;
  if (refusal === "not-executable") return `${failed} permission denied`;
  return program.includes("/")
    ? `${failed} stat ${program}: no such file or directory`
    : `${failed} executable file not found in $PATH`;
}

/**
 * Of what was asked for rather than of the engine: dockerd reads it from the runtime's words as well. Without a null
 * device in a /dev of the user's own, runtimes can't go on.
 */
const ASKERS_FAULT = /permission denied|not a directory|\/dev\/null/i;

/** @param chain what Docker's own layers say before the reason */
function describe(thrown: unknown, program: string, chain: string): StartFailure {
  // A failure to undo comes with the first cause, which tells what kind of failure it was.
  const cause = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  const refusal = refusalOf(cause);
  if (refusal === undefined) {
    return { error: thrown instanceof Error ? thrown : internal(messageOf(thrown)), exitCode: 128 };
  }
  const message = `${chain}${reasonOf(refusal, messageOf(thrown), program)}: unknown`;
  const error =
    refusal === "other" && !ASKERS_FAULT.test(message)
      ? internal(message, thrown)
      : new RuntimeError(refusal, message);
  return { error, exitCode: EXIT_CODES[refusal] };
}

/** Of a container. */
export const startFailure = (thrown: unknown, program: string): StartFailure =>
  describe(
    thrown,
    program,
    "failed to create task for container: failed to create shim task: OCI runtime create failed: ",
  );

/** Of an exec: Docker's engine calls a missing command 126 here. */
export function execFailure(thrown: unknown, program: string): StartFailure {
  const { error } = describe(thrown, program, "OCI runtime exec failed: exec failed: ");
  return { error, exitCode: 126 };
}
