/** What the engines are asked, as data. */

/** A scenario's calls are made one after another, on each engine by itself. */
export interface Scenario {
  readonly name: string;
  readonly calls: readonly Call[];
}

export interface Call {
  /** `POST /containers/create?name=web`; `{id}` stands for what an earlier call kept under that name. */
  readonly request: string;
  /** JSON, with `{id}` in its texts replaced likewise; bytes and texts are sent as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The API version; `1.41` unless told, the newest that both engines know. The empty string: none. */
  readonly version?: string;
  /** Names for values of the reply, by their path in its JSON: `{ id: "Id" }`. */
  readonly keep?: Readonly<Record<string, string>>;
  /** Asked again until its JSON has this value at this path, ten seconds at most. */
  readonly until?: readonly [path: string, value: unknown];
  /** Only its being made matters: what it answers is the business of another scenario. */
  readonly silent?: boolean;
  /** The order of lists in its reply means nothing. */
  readonly unordered?: boolean;
}

type Options = Omit<Call, "request" | "body">;

/** `call("POST /containers/create", { Image: "compat" }, { keep: { id: "Id" } })` */
export function call(request: string, body?: unknown, options: Options = {}): Call {
  return { request, ...(body !== undefined && { body }), ...options };
}

/** Calls that only prepare the ground. */
export const silently = (...calls: readonly Call[]): readonly Call[] =>
  calls.map((each) => ({ ...each, silent: true }));

/** A container of the image that all scenarios use. */
export const CONTAINER = { Image: "compat", Cmd: ["sleep", "300"], StopSignal: "SIGKILL" } as const;
