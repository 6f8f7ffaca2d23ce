import { Bus } from "../lib/bus.ts";
import { type EngineEvent, nowNanoseconds } from "../lib/events.ts";
import type { Logger } from "../lib/log.ts";
import type { Events } from "./types.ts";

/** How many past events `docker events --since` can still be told; as many as dockerd keeps. */
const KEPT = 256;

/** The engine's events: told to subscribers as they happen, the last ones kept. */
export class EventLog implements Events {
  readonly #kept: EngineEvent[] = [];
  readonly #bus: Bus<EngineEvent>;

  constructor(logger: Logger) {
    this.#bus = new Bus((error) => logger.error({ err: error }, "a listener to the engine's events failed"));
  }

  publish(event: Omit<EngineEvent, "time">): void {
    const stamped = { ...event, time: nowNanoseconds() };
    this.#kept.push(stamped);
    if (this.#kept.length > KEPT) this.#kept.shift();
    this.#bus.publish(stamped);
  }

  subscribe(listener: (event: EngineEvent) => void): () => void {
    return this.#bus.subscribe(listener);
  }

  get listeners(): number {
    return this.#bus.size;
  }

  past(since: bigint): readonly EngineEvent[] {
    return this.#kept.filter((event) => event.time >= since);
  }
}
