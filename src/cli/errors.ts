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
}
