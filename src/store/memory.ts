import type { Change, Json, Store } from "./kv.ts";

/** A store that forgets: for tests, and for networks without an engine. Same order and copies as the durable one. */
export class MemoryStore implements Store {
  readonly #values = new Map<string, string>();

  async get(key: string): Promise<Json | undefined> {
    const text = this.#values.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as Json);
  }

  async list(prefix: string): Promise<readonly { readonly key: string; readonly value: Json }[]> {
    return [...this.#values]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, text]) => ({ key, value: JSON.parse(text) as Json }));
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return (await this.list(prefix)).map(({ key }) => key);
  }

  async commit(changes: readonly Change[]): Promise<void> {
    // Encoding may throw; it must not leave half of the changes behind.
    const encoded = changes.map(({ key, value }) => ({
      key,
      text: value === undefined ? undefined : JSON.stringify(value),
    }));
    for (const { key, text } of encoded) {
      if (text === undefined) this.#values.delete(key);
      else this.#values.set(key, text);
    }
  }

  async close(): Promise<void> {}
}
