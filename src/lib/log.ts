/** What the rooms log to. The daemon gives pino; tests and tools may give nothing at all. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = () => {};

/** A logger for those who don't want to hear. */
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
