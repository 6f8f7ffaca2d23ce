/**
 * A topology that keeps itself fresh. Each namespace is listened to; where something is announced, it is read again whole,
 * after a little while in which more may come. What nobody announces (sockets, counters, most settings, iptables-legacy,
 * namespaces that only a process has) is found by a look now and then, which reads a few namespaces again in their turn.
 */
import { type FSWatcher, watch as watchFiles } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../lib/errors.ts";
import { Reactor } from "../linux/reactor.ts";
import { readEngines } from "./engines/read.ts";
import { Mirror } from "./mirror.ts";
import { assemble } from "./read.ts";
import { same, sameNamespace } from "./same.ts";
import type { ReadOptions, Topology, TopologyWatch } from "./types.ts";

export interface TopologyWatchOptions extends ReadOptions {
  /** Milliseconds for which announcements are left to collect; 50 by default, and longer where reading takes its time. */
  readonly settle?: number;
  /** Milliseconds from one look at what nobody announces to the next; 2,000 by default. */
  readonly look?: number;
  /** Told after each change. */
  readonly onChange?: (topology: Topology) => void;
}

/** Where `ip netns` and dockerd pin namespaces: watched even before the first is there. */
const PIN_DIRECTORIES = ["/run/netns", "/run/docker/netns"];
/** Milliseconds. */
const SETTLE = 50;
const LOOK = 2_000;
/** At most so many namespaces are read again at a look. */
const READ_PER_LOOK = 16;
/** Reading takes at most one part in so many of the time. */
const SHARE = 5;
/** Milliseconds after which engines are asked again. */
const ASK_AGAIN = 1_000;

/** @throws Error where not even the own namespace can be read */
export async function watchTopology(options: TopologyWatchOptions = {}): Promise<TopologyWatch> {
  const watcher = new Watcher(options);
  try {
    await watcher.start();
    return watcher;
  } catch (thrown) {
    await watcher.close();
    throw thrown;
  }
}

class Watcher implements TopologyWatch {
  readonly #options: TopologyWatchOptions;
  readonly #reactor = new Reactor((error) => this.#fail(error));
  readonly #mirror: Mirror;
  /** By path. */
  readonly #directories = new Map<string, FSWatcher>();
  #engines: Awaited<ReturnType<typeof readEngines>> = { engines: [], unread: [] };
  #failure: string | undefined;
  #settle: number;
  #settling: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #askingAgain: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #asking: Promise<void> | undefined;
  #closed = false;
  #current: Topology | undefined;

  constructor(options: TopologyWatchOptions) {
    this.#options = options;
    this.#settle = options.settle ?? SETTLE;
    this.#mirror = new Mirror(this.#reactor, options, () => this.#schedule());
  }

  get current(): Topology {
    if (!this.#current) throw new Error("the topology was not read yet");
    return this.#current;
  }

  async start(): Promise<void> {
    const engines = readEngines(this.#options.engines);
    await this.#mirror.read();
    this.#engines = await engines;
    this.#renew();
    this.#watchPins();
    this.#looking = setInterval(() => this.#look(READ_PER_LOOK), this.#options.look ?? LOOK);
    if (this.#mirror.stale) this.#schedule();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#settling);
    clearInterval(this.#looking);
    clearTimeout(this.#askingAgain);
    await Promise.allSettled([this.#round, this.#asking]);
    for (const directory of this.#directories.values()) directory.close();
    this.#mirror.close();
    await this.#reactor.close();
  }

  #fail(error: unknown): void {
    this.#failure = `the topology may be old: ${messageOf(error)}`;
    if (this.#current) this.#renew();
  }

  #look(count: number): void {
    this.#mirror.look(count);
    this.#schedule();
  }

  /** A round that is under way asks at its end whether there is more. */
  #schedule(): void {
    if (this.#closed || this.#round || !this.#current) return;
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#round = this.#runRound();
    }, this.#settle);
  }

  async #runRound(): Promise<void> {
    const start = performance.now();
    try {
      const changed = await this.#mirror.read();
      this.#failure = undefined;
      this.#renew();
      if (changed) this.#watchPins();
      if (changed) this.#askEngines();
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#settle = Math.max(this.#options.settle ?? SETTLE, (performance.now() - start) * (SHARE - 1));
    this.#round = undefined;
    if (this.#mirror.stale) this.#schedule();
  }

  /** Now, and once more: a namespace is there before its container runs. */
  #askEngines(again = true): void {
    if (again) {
      clearTimeout(this.#askingAgain);
      this.#askingAgain = setTimeout(() => this.#askEngines(false), ASK_AGAIN);
    }
    this.#asking ??= readEngines(this.#options.engines).then((engines) => {
      this.#asking = undefined;
      this.#engines = engines;
      if (!this.#closed) this.#renew();
    });
  }

  /** What is as it was before stays the same object. */
  #renew(): void {
    const { engines, unread } = this.#engines;
    const fresh = assemble(
      this.#mirror.reading,
      engines,
      this.#failure ? [...unread, this.#failure] : unread,
    );
    const before = this.#current;
    const kept = before ? keep(before, fresh) : fresh;
    if (kept === before) return;
    this.#current = kept;
    this.#options.onChange?.(kept);
  }

  /** A file that comes in a directory of pins is a namespace soon. */
  #watchPins(): void {
    const pinned = this.#mirror.pins.map((path) => dirname(path));
    for (const path of new Set([...PIN_DIRECTORIES, ...(this.#options.pinned ?? []), ...pinned])) {
      if (this.#directories.has(path)) continue;
      try {
        const directory = watchFiles(path, { persistent: false }, () => this.#look(0));
        // It is gone: should it come again, the next look finds what is in it.
        directory.on("error", () => this.#directories.delete(path));
        this.#directories.set(path, directory);
      } catch {
        // Not there, or no more to be had of what inotify(7) has: looks find what comes, later.
      }
    }
  }
}

/** `before`, where `fresh` tells nothing else; else `fresh` with what of it is as before. */
function keep(before: Topology, fresh: Topology): Topology {
  const namespaces = new Map(
    [...fresh.namespaces].map(([id, namespace]) => {
      const known = before.namespaces.get(id);
      return [id, known && sameNamespace(known, namespace) ? known : namespace];
    }),
  );
  const engines = same(before.engines, fresh.engines) ? before.engines : fresh.engines;
  const unread = same(before.unread, fresh.unread) ? before.unread : fresh.unread;
  const alike =
    engines === before.engines &&
    unread === before.unread &&
    fresh.host === before.host &&
    namespaces.size === before.namespaces.size &&
    [...namespaces].every(([id, namespace]) => before.namespaces.get(id) === namespace);
  return alike ? before : { ...fresh, namespaces, engines, unread };
}
