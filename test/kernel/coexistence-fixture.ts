/** A monitor that tests can wait for, and other people's programs. */
import { execFileSync } from "node:child_process";
import { type KernelChanges, watchKernel } from "../../src/linux/monitor.ts";
import { Reactor } from "../../src/linux/reactor.ts";

export const sh = (command: string): string => execFileSync("sh", ["-c", command], { encoding: "utf8" });

/** What `nft -f` is told by somebody else. */
export const foreignNft = (commands: string): string =>
  execFileSync("nft", ["-f", "-"], { encoding: "utf8", input: commands });

export const newReactor = (): Reactor =>
  new Reactor((error) => {
    throw error;
  });

/** Values that arrive, and those who wait for one that fits. */
export class Arrivals<T> {
  readonly all: T[] = [];
  #wake = () => {};

  add(value: T): void {
    this.all.push(value);
    this.#wake();
  }

  /** Do `work`; the first that fits and arrives from then on. Earlier ones are forgotten. */
  async after(work: () => unknown, fits: (value: T) => boolean): Promise<T> {
    this.all.length = 0;
    await work();
    for (;;) {
      const found = this.all.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export class Hearing extends Arrivals<KernelChanges> {
  readonly #watch;

  constructor(reactor: Reactor) {
    super();
    this.#watch = watchKernel(reactor, (changes) => this.add(changes), { settle: 20 });
  }

  close(): void {
    this.#watch.close();
  }
}
