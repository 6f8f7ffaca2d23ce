/**
 * The engine's own errors. A kind says what the caller can do about it; `api/errors.ts` holds the one
 * table from kinds to HTTP statuses, and nothing below the API knows a status.
 */
export type ErrorKind =
  | "invalid" // the request itself is wrong
  | "unauthorized" // credentials are wanted, or are wrong
  | "forbidden" // understood and refused
  | "not-found"
  | "conflict" // the state of a thing stands against it
  | "unchanged" // it is so already
  | "unavailable" // not now: starting, or stopping
  | "not-built-in" // known to Docker, not to this engine
  | "internal";

/** An error with a kind and a story: what was being done, on what, and why it failed. */
export class EngineError extends Error {
  readonly kind: ErrorKind;
  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EngineError";
    this.kind = kind;
  }
}

export const invalid = (message: string, cause?: unknown) => new EngineError("invalid", message, { cause });
export const forbidden = (message: string, cause?: unknown) =>
  new EngineError("forbidden", message, { cause });
export const notFound = (message: string, cause?: unknown) =>
  new EngineError("not-found", message, { cause });
export const conflict = (message: string, cause?: unknown) => new EngineError("conflict", message, { cause });
export const unchanged = (message: string) => new EngineError("unchanged", message);
export const unavailable = (message: string, cause?: unknown) =>
  new EngineError("unavailable", message, { cause });
export const notBuiltIn = (message: string) => new EngineError("not-built-in", message);
export const internal = (message: string, cause?: unknown) => new EngineError("internal", message, { cause });

/** Whatever was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The errno by name (`ENOENT`) of a failed system call, Node's or ours, or what else an error has for a code. */
export function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
}

/** The message of whatever was thrown; an AggregateError's parts are told one after another. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) {
    const parts = thrown.errors.map(messageOf).join("; ");
    return thrown.message ? `${thrown.message}: ${parts}` : parts;
  }
  return asError(thrown).message;
}

/** The kind of whatever was thrown: a foreign error is internal. */
export function kindOf(thrown: unknown): ErrorKind {
  return thrown instanceof EngineError ? thrown.kind : "internal";
}

/** The same error with what was being done put before its message; its kind and cause are kept. */
export function inContext(doing: string, thrown: unknown): EngineError {
  return new EngineError(kindOf(thrown), `${doing}: ${messageOf(thrown)}`, { cause: thrown });
}

/** Run `work`; a failure tells what was being done. */
export async function doing<T>(what: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw inContext(what, thrown);
  }
}

/** What went wrong of what was tried side by side (`Promise.allSettled`). */
export const failuresOf = (outcomes: readonly PromiseSettledResult<unknown>[]): readonly unknown[] =>
  outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));

/** Throw what was collected: nothing, the one error itself, or all of them as one. */
export function throwAll(what: string, errors: readonly unknown[]): void {
  if (errors.length === 0) return;
  if (errors.length === 1) throw inContext(what, errors[0]);
  throw new AggregateError(errors, what);
}
