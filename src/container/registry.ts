/** All containers, by id and by name. */
import { conflict, invalid, notFound } from "../lib/errors.ts";
import type { ContainerID } from "../lib/ids.ts";
import type { Change, Store } from "../store/kv.ts";
import type { Entry } from "./entry.ts";
import { Names } from "./names.ts";
import { type Changing, creation, type Described, deletion, description, stateChange } from "./record.ts";
import type { State } from "./types.ts";

export class Registry {
  readonly names = new Names();
  readonly #entries = new Map<ContainerID, Entry>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get(id: ContainerID): Entry | undefined {
    return this.#entries.get(id);
  }

  /** In the order of their creation. */
  all(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  /** By id, name (with or without its slash), or prefix of an id. */
  lookUp(reference: string): Entry | undefined {
    const exact = this.#entries.get(reference as ContainerID);
    if (exact) return exact;
    const named = this.names.holderOf(reference.replace(/^\//, ""));
    const byName = named && this.#entries.get(named);
    if (byName) return byName;
    if (!/^[0-9a-f]+$/.test(reference)) return undefined;
    const matches = this.all().filter(({ container }) => container.id.startsWith(reference));
    if (matches.length > 1) throw invalid(`Multiple IDs found with provided prefix: ${reference}`);
    return matches[0];
  }

  /** @throws not-found; invalid where a prefix is ambiguous */
  find(reference: string): Entry {
    const entry = this.lookUp(reference);
    if (!entry) throw notFound(`No such container: ${reference}`);
    return entry;
  }

  /** Taken over from the store; its name is held. */
  adopt(entry: Entry): void {
    this.names.reserve(entry.container.name, entry.container.id);
    this.#entries.set(entry.container.id, entry);
  }

  /** New: recorded, then known. Its name is held by now. */
  async add(entry: Entry): Promise<void> {
    await this.#store.commit(creation(entry.container));
    this.#entries.set(entry.container.id, entry);
  }

  /** Change the record, and what is given with it. Visible at once; durable once it resolves. */
  async save(
    entry: Entry,
    change: Partial<Changing & Described>,
    more: readonly Change[] = [],
  ): Promise<void> {
    entry.container = { ...entry.container, ...change };
    if (this.#entries.get(entry.container.id) !== entry) {
      throw conflict(`container ${entry.container.id} is gone`);
    }
    const describes = change.config ?? change.hostConfig ?? change.endpoints;
    const described = describes ? [description(entry.container)] : [];
    await this.#store.commit([...described, stateChange(entry.container), ...more]);
  }

  /** Visible at once, durable with the next commit. */
  setState(entry: Entry, state: State): void {
    entry.container = { ...entry.container, state };
  }

  /** The run is over and taken down: nothing of it needs to be found again. */
  async forgetRun(entry: Entry): Promise<void> {
    const { monitor: _, ...rest } = entry.container;
    entry.container = rest;
    await this.#store.commit([stateChange(entry.container)]);
  }

  /** Gone for good, with its name. */
  async delete(entry: Entry): Promise<void> {
    const { id, name } = entry.container;
    await this.#store.commit(deletion(id));
    this.#entries.delete(id);
    this.names.release(name, id);
  }
}
