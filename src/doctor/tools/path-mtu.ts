/** The largest packet that comes back: echoes of several sizes at a time, closer with each round. */
import { randomInt } from "node:crypto";
import type { Address } from "../../lib/ip.ts";
import { type EchoSocket, openEchoSocket } from "../../linux/echo-socket.ts";
import { inNamespace } from "../../linux/netns.ts";
import type { NetnsPath } from "../../linux/plan.ts";
import { until } from "./until.ts";

/** What every path of IP carries: RFC 791 says 68, and 576 to every host; RFC 8200 says 1280. */
const SMALLEST = { 4: 576, 6: 1280 } as const;
/** Sizes a round: 1,500 bytes to the byte in three. */
const STEPS = 10;
const ROUNDS = 4;
/** Milliseconds for the first echo, and at least and at most for those of a round. */
const FIRST = 300;
const ROUND = { least: 20, most: 200 } as const;

/**
 * @param path of the namespace
 * @param largest what the link takes
 * @returns bytes of IP; undefined where not even the smallest came back
 * @throws KernelError where no route leads there
 */
export async function pathMtu(path: NetnsPath, to: Address, largest: number): Promise<number | undefined> {
  const socket = inNamespace(path, () => openEchoSocket(to, randomInt(0x10000)));
  try {
    const asker = new Asker(socket);
    let good = Math.min(SMALLEST[to.family], largest);
    const began = performance.now();
    if ((await asker.largestOf([good], FIRST)) === undefined) return undefined;
    const wait = Math.min(ROUND.most, Math.max(ROUND.least, 4 * (performance.now() - began)));
    if ((await asker.largestOf([largest], wait)) !== undefined) return largest;
    let bad = largest;
    for (let round = 0; round < ROUNDS && bad - good > 1; round += 1) {
      const sizes = between(good, bad);
      good = (await asker.largestOf(sizes, wait)) ?? good;
      bad = Math.min(bad, ...sizes.filter((size) => size > good));
    }
    return good;
  } finally {
    socket.close();
  }
}

/** At most STEPS sizes, evenly, above the one and below the other. */
export function between(good: number, bad: number): readonly number[] {
  const steps = Math.min(STEPS, bad - good - 1);
  const sizes = Array.from({ length: steps }, (_, i) =>
    Math.round(good + ((bad - good) * (i + 1)) / (steps + 1)),
  );
  return [...new Set(sizes)];
}

class Asker {
  readonly #socket: EchoSocket;
  #sequence = 0;

  constructor(socket: EchoSocket) {
    this.#socket = socket;
  }

  /** The largest of these that came back within so many milliseconds. Each is sent twice: one may be lost. */
  async largestOf(sizes: readonly number[], wait: number): Promise<number | undefined> {
    const sent = new Map<number, number>();
    const most = Math.max(...sizes);
    for (const size of [...sizes, ...sizes]) {
      this.#sequence += 1;
      if (this.#socket.send(this.#sequence, size)) sent.set(this.#sequence, size);
    }
    if (sent.size === 0) return undefined;
    let largest: number | undefined;
    await until(() => {
      for (let back = this.#socket.receive(); back !== undefined; back = this.#socket.receive()) {
        const size = sent.get(back);
        if (size !== undefined) largest = Math.max(largest ?? 0, size);
      }
      return largest === most ? largest : undefined;
    }, wait);
    return largest;
  }
}
