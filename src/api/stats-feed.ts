/** What containers use, second by second: read once for however many clients look on. */
import type { StatsSample } from "../container/types.ts";

/** Milliseconds between two looks at a container. */
const INTERVAL = 1000;

export interface Frame {
  /** Undefined while it does not run. */
  readonly sample: StatsSample | undefined;
}

/** Told each frame; undefined once there will be none, since the container is gone. */
type Listener = (frame: Frame | undefined) => void;

interface Feed {
  readonly listeners: Set<Listener>;
  last?: Frame;
  reading: boolean;
}

export class StatsFeed {
  readonly #read: (container: string) => Promise<StatsSample | undefined>;
  readonly #feeds = new Map<string, Feed>();
  #timer: NodeJS.Timeout | undefined;

  /** @param read what it uses now; rejects where it is gone */
  constructor(read: (container: string) => Promise<StatsSample | undefined>) {
    this.#read = read;
  }

  /** The first frame comes at once. @returns the way to end it */
  subscribe(container: string, listener: Listener): () => void {
    let feed = this.#feeds.get(container);
    if (!feed) {
      feed = { listeners: new Set(), reading: false };
      this.#feeds.set(container, feed);
    }
    feed.listeners.add(listener);
    if (feed.last) listener(feed.last);
    else if (!feed.reading) void this.#look(container, feed);
    this.#timer ??= setInterval(() => this.#tick(), INTERVAL);
    return () => this.#leave(container, feed, listener);
  }

  #leave(container: string, feed: Feed, listener: Listener): void {
    feed.listeners.delete(listener);
    if (feed.listeners.size > 0 || this.#feeds.get(container) !== feed) return;
    this.#feeds.delete(container);
    this.#restIfIdle();
  }

  #restIfIdle(): void {
    if (this.#feeds.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    for (const [container, feed] of this.#feeds) if (!feed.reading) void this.#look(container, feed);
  }

  /** Never rejects. */
  async #look(container: string, feed: Feed): Promise<void> {
    feed.reading = true;
    try {
      feed.last = { sample: await this.#read(container) };
      for (const listener of [...feed.listeners]) listener(feed.last);
    } catch {
      // Gone, or unreadable: whoever asks again is told why.
      if (this.#feeds.get(container) === feed) this.#feeds.delete(container);
      this.#restIfIdle();
      for (const listener of [...feed.listeners]) listener(undefined);
    } finally {
      feed.reading = false;
    }
  }
}
