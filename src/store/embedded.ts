import { chmodSync, closeSync, existsSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { inContext, internal } from "../lib/errors.ts";
import type { Change, Json, Store } from "./kv.ts";

/** Raised when the layout below changes in a way that an older engine can't read. */
const SCHEMA = 1;

/** Bytes. */
const RESERVE = 256 << 10;
/** The log's content goes into the file's own pages, and the next commit begins at the log's start again. */
const REWIND = "PRAGMA wal_checkpoint(RESTART)";
const SQLITE_FULL = 13;

export interface EmbeddedStoreOptions {
  /** Told of a value that is no JSON, whenever it is met: it is left out, and left where it is. */
  readonly onDamage?: (key: string, cause: unknown) => void;
}

/** It holds containers' environments. What SQLite puts beside the file has the file's own mode. */
function keepPrivate(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, "wx", 0o600));
  for (const file of [path, `${path}-wal`]) if (existsSync(file)) chmodSync(file, 0o600);
}

/**
 * The store of one host: one SQLite file in write-ahead mode.
 *
 * `synchronous=NORMAL` writes the log before a commit returns and leaves flushing it to the kernel: the
 * engine's own death, `kill -9` included, loses nothing; a power failure may lose the last moments but
 * never consistency (SQLite, "PRAGMA synchronous"), and after one nothing that was recorded runs any more.
 * A commit costs some 20 µs, so it is done where it is asked for.
 */
export class EmbeddedStore implements Store {
  readonly #database: DatabaseSync;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #onDamage: NonNullable<EmbeddedStoreOptions["onDamage"]>;

  /** @throws internal where the file is no store, is damaged, or was written by a later engine */
  constructor(path: string, options: EmbeddedStoreOptions = {}) {
    this.#onDamage = options.onDamage ?? (() => {});
    try {
      keepPrivate(path);
      this.#database = new DatabaseSync(path);
      // Exclusive: one engine a data root. It also spares the shared-memory file.
      this.#database.exec(
        "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
      );
      this.#adoptSchema(path);
      this.#get = this.#database.prepare("SELECT value FROM kv WHERE key = ?");
      this.#list = this.#database.prepare(
        "SELECT key, value FROM kv WHERE key >= ? AND key < ? ORDER BY key",
      );
      this.#put = this.#database.prepare("INSERT OR REPLACE INTO kv (key, value) VALUES (?, ?)");
      this.#delete = this.#database.prepare("DELETE FROM kv WHERE key = ?");
    } catch (thrown) {
      throw inContext(`open the store ${path}`, thrown);
    }
  }

  #adoptSchema(path: string): void {
    const row = this.#database.prepare("PRAGMA user_version").get();
    const version = Number(row?.user_version);
    if (version > SCHEMA)
      throw internal(`${path} was written by a later version (schema ${version}, here ${SCHEMA})`);
    if (version === SCHEMA) return;
    this.#database.exec(
      `BEGIN; CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID; PRAGMA user_version=${SCHEMA}; COMMIT`,
    );
    // Pages that are written and free again: room for small commits when the disk is full.
    this.#database.exec(
      `INSERT INTO kv VALUES ('', zeroblob(${RESERVE})); DELETE FROM kv WHERE key = ''; ${REWIND}`,
    );
  }

  async get(key: string): Promise<Json | undefined> {
    const row = this.#get.get(key);
    return row === undefined ? undefined : this.#read(key, String(row.value))[0];
  }

  async list(prefix: string): Promise<readonly { readonly key: string; readonly value: Json }[]> {
    return this.#rows(prefix).flatMap(({ key, text }) =>
      this.#read(key, text).map((value) => ({ key, value })),
    );
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return this.#rows(prefix).map(({ key }) => key);
  }

  #rows(prefix: string): { readonly key: string; readonly text: string }[] {
    // U+10FFFF sorts after everything that a key is made of.
    return this.#list
      .all(prefix, `${prefix}\u{10ffff}`)
      .map((row) => ({ key: String(row.key), text: String(row.value) }));
  }

  /** The value; nothing where it is damaged. */
  #read(key: string, text: string): readonly Json[] {
    try {
      return [JSON.parse(text) as Json];
    } catch (thrown) {
      this.#onDamage(key, thrown);
      return [];
    }
  }

  async commit(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    try {
      this.#commit(changes);
    } catch (thrown) {
      if (!isFull(thrown)) throw inContext("commit to the store", thrown);
      try {
        this.#database.exec(REWIND);
        this.#commit(changes);
      } catch (again) {
        throw inContext("commit to the store", again);
      }
    }
  }

  #commit(changes: readonly Change[]): void {
    this.#database.exec("BEGIN");
    try {
      for (const { key, value } of changes) {
        if (value === undefined) this.#delete.run(key);
        else this.#put.run(key, JSON.stringify(value));
      }
      this.#database.exec("COMMIT");
    } catch (thrown) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw thrown;
    }
  }

  async close(): Promise<void> {
    this.#database.close();
  }
}

const isFull = (thrown: unknown): boolean =>
  thrown instanceof Error && "errcode" in thrown && thrown.errcode === SQLITE_FULL;
