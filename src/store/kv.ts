/**
 * Where the engine keeps what it intends. Keys are paths (`network/<id>`), values are JSON. The interface
 * is asynchronous so that a store across hosts fits behind it as well.
 */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** One change of a commit: a value to set, or nothing to remove the key. */
export interface Change {
  readonly key: string;
  readonly value?: Json;
}

export interface Store {
  /** The value of a key, or undefined where it has none or a damaged one. */
  get(key: string): Promise<Json | undefined>;
  /** All keys that begin with `prefix`, in order, with their values; damaged ones are left out. */
  list(prefix: string): Promise<readonly { readonly key: string; readonly value: Json }[]>;
  /** All keys that begin with `prefix`, in order, those too whose values are damaged. */
  keys(prefix: string): Promise<readonly string[]>;
  /** All of these or none. Once it resolves, they survive the engine's sudden death. */
  commit(changes: readonly Change[]): Promise<void>;
  close(): Promise<void>;
}
