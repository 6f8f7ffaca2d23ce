import { type Flag, flag } from "./verb.ts";

/** The API's path of a container's resource. */
export const containerPath = (reference: string, resource = ""): string =>
  `/containers/${encodeURIComponent(reference)}${resource && `/${resource}`}`;

export interface StopOptions {
  readonly signal?: string;
  readonly timeout?: number;
  /** The name that `--timeout` had until Docker 28. */
  readonly time?: number;
}

/** Of `stop` and `restart`. */
export const stopFlags = (): readonly Flag[] => [
  flag("-s, --signal", "string", "Signal to send to the container"),
  flag("-t, --timeout", "int", "Seconds to wait before killing the container"),
  flag("--time", "int", "Seconds to wait before killing the container").hideHelp(),
];
