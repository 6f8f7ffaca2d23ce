/** The command ends with this status; its message, where it has one, has been or will be printed as it is. */
export class ExitError extends Error {
  readonly status: number;
  constructor(status: number, message = "") {
    super(message);
    this.name = "ExitError";
    this.status = status;
  }
}

/** The command line is wrong: told together with the verb's usage. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly status: number;
  /** Too few words: Docker's hint then begins with another word. */
  readonly few: boolean;
  /** @param status Docker's 125 for a wrong flag, 1 for a wrong number of words */
  constructor(message: string, status = 125, few = false) {
    super(message);
    this.few = few;
    this.status = status;
  }
}

/** A template that can't be read or run, in Go's words as far as they go. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}
