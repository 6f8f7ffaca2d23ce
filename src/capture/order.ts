/**
 * Packets of several links, in order of time: each link's come as its own socket is read, and a way over several links
 * can be understood only where they stand as they happened.
 */
import type { Captured } from "./types.ts";

/** Nanoseconds that a packet is held back: within it, every socket has been read. */
const HOLD = 20_000_000n;
/** So far ahead only where the clock was set back: nothing to wait for. */
const SET_BACK = 1_000_000_000n;

const before = (a: Captured, b: Captured): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0);

export class Order {
  #held: Captured[] = [];

  get empty(): boolean {
    return this.#held.length === 0;
  }

  /** Keeps a copy: the packet's bytes are its giver's. */
  add(packet: Captured): void {
    this.#held.push({ ...packet, bytes: new Uint8Array(packet.bytes) });
  }

  /** Those that nothing can come before any more, in order. @param now nanoseconds since the epoch */
  ripe(now: bigint): readonly Captured[] {
    this.#held.sort(before);
    const first = this.#held.findIndex(({ at }) => at > now - HOLD && at < now + SET_BACK);
    return first < 0 ? this.rest() : this.#held.splice(0, first);
  }

  /** All that are left, in order. */
  rest(): readonly Captured[] {
    const all = this.#held.sort(before);
    this.#held = [];
    return all;
  }
}
