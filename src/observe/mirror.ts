/** The namespaces that are there, listened to, and each as it was when it was read last. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { messageOf } from "../lib/errors.ts";
import type { Reactor } from "../linux/reactor.ts";
import { type FoundNamespace, findNamespaces } from "./find-namespaces.ts";
import { findNumbers, type Numbers, type Read } from "./peers.ts";
import { type KernelReading, NamespaceReader } from "./read.ts";
import { same } from "./same.ts";
import { Subscription } from "./subscription.ts";
import type { NamespaceId, ReadOptions } from "./types.ts";

/** Namespaces that are read before others have their turn. */
const TURN = 16;

export class Mirror {
  readonly #reactor: Reactor;
  readonly #options: ReadOptions;
  /** Something was announced. */
  readonly #onChange: () => void;
  readonly #subscriptions = new Map<NamespaceId, Subscription>();
  /** The one that was read first is the first. */
  readonly #all = new Map<NamespaceId, Read>();
  readonly #found = new Map<NamespaceId, FoundNamespace>();
  readonly #dirty = new Set<NamespaceId>();
  /** Why one is not read, or not listened to. */
  readonly #troubles = new Map<NamespaceId, string>();
  #unread: readonly string[] = [];
  #numbers: Numbers = new Map();
  #host: NamespaceId;
  #readAt = 0;
  #mustFind = true;

  constructor(reactor: Reactor, options: ReadOptions, onChange: () => void) {
    this.#reactor = reactor;
    this.#options = options;
    this.#onChange = onChange;
    this.#host = findNamespaces().host;
  }

  /** Whether something waits to be read. */
  get stale(): boolean {
    return this.#mustFind || this.#dirty.size > 0;
  }

  /** Have namespaces looked for at the next reading, and those that were not read for longest read again. */
  look(count: number): void {
    this.#mustFind = true;
    for (const id of [...this.#all.keys()].slice(0, count)) this.#dirty.add(id);
  }

  /**
   * Read what changed.
   * @returns whether namespaces came or went
   * @throws Error where the own namespace can't be read
   */
  async read(): Promise<boolean> {
    for (const id of this.#dirty) if (this.#subscriptions.get(id)?.clear()) this.#mustFind = true;
    const changed = this.#mustFind && this.#find();
    const reader = new NamespaceReader(this.#host, this.#options);
    try {
      const read = new Set<NamespaceId>();
      for (const id of this.#dirty) {
        // Those that are found to have changed meanwhile come behind the others.
        this.#dirty.delete(id);
        if (read.has(id)) continue;
        read.add(id);
        if (read.size % TURN === 0) await nextTurn();
        this.#readOne(reader, id);
      }
      this.#numbers = findNumbers(this.#all, this.#known(reader.numbers), this.#host);
    } finally {
      reader.close();
    }
    this.#readAt = Date.now();
    return changed;
  }

  get reading(): KernelReading {
    return {
      readAt: this.#readAt,
      all: this.#all,
      host: this.#host,
      numbers: this.#numbers,
      unread: [...this.#unread, ...this.#troubles.values()],
    };
  }

  /** Paths of the files that pin namespaces. */
  get pins(): readonly string[] {
    return [...this.#found.values()].flatMap(({ pins }) => pins);
  }

  close(): void {
    for (const subscription of this.#subscriptions.values()) subscription.close();
    this.#subscriptions.clear();
  }

  /** @returns whether any came or went */
  #find(): boolean {
    this.#mustFind = false;
    const { namespaces, host, unread } = findNamespaces(this.#options.pinned);
    this.#host = host;
    this.#unread = unread;
    const gone = [...this.#found.keys()].filter((id) => !namespaces.has(id));
    for (const id of gone) this.#forget(id);
    const came = [...namespaces.keys()].filter((id) => !this.#found.has(id));
    for (const [id, found] of namespaces) {
      this.#found.set(id, found);
      const read = this.#all.get(id);
      // In its place: it was not read again.
      if (read) this.#all.set(id, { ...read, found });
    }
    for (const id of came) this.#listen(id);
    return gone.length + came.length > 0;
  }

  #forget(id: NamespaceId): void {
    this.#subscriptions.get(id)?.close();
    this.#subscriptions.delete(id);
    this.#found.delete(id);
    this.#all.delete(id);
    this.#dirty.delete(id);
    this.#troubles.delete(id);
  }

  #listen(id: NamespaceId): void {
    const found = this.#found.get(id);
    if (!found) return;
    this.#dirty.add(id);
    const heard = () => {
      this.#dirty.add(id);
      this.#onChange();
    };
    try {
      this.#subscriptions.set(id, new Subscription(this.#reactor, found, id === this.#host, heard));
    } catch (thrown) {
      this.#troubles.set(id, `network namespace ${found.path} can't be listened to: ${messageOf(thrown)}`);
    }
  }

  #readOne(reader: NamespaceReader, id: NamespaceId): void {
    const found = this.#found.get(id);
    if (!found) return;
    const before = this.#all.get(id);
    const read = reader.read(found);
    this.#all.delete(id);
    if (typeof read === "string") {
      this.#troubles.set(id, read);
      return;
    }
    // Gone: the next search finds it no more.
    if (!read) return;
    if (this.#subscriptions.has(id)) this.#troubles.delete(id);
    this.#all.set(id, read);
    if (before && same(peersOf(before), peersOf(read))) return;
    // The other end of a pair may be told nothing when this one comes, goes or moves.
    if (before) this.#markOtherEnds(id, before, this.#numbers);
    this.#markOtherEnds(id, read, reader.numbers);
  }

  #markOtherEnds(id: NamespaceId, { reading }: Read, numbers: Numbers): void {
    const own = numbers.get(id);
    for (const { peer } of reading.links) {
      const other = peer?.nsid === undefined ? undefined : own?.get(peer.nsid);
      if (other !== undefined) this.#dirty.add(other);
    }
  }

  /** What namespaces call each other: as it was just told, and what else was found out before. */
  #known(told: Numbers): Numbers {
    return new Map(
      [...this.#all.keys()].map((id) => {
        const before = [...(this.#numbers.get(id) ?? [])].filter(([, other]) => this.#all.has(other));
        return [id, new Map([...before, ...(told.get(id) ?? [])])];
      }),
    );
  }
}

const peersOf = ({ reading }: Read) => reading.links.map(({ ifindex, peer }) => ({ ifindex, peer }));
