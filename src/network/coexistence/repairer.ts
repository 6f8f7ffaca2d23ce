/** Has damage repaired: one repair at a time, each after the damage that it is for, and no fight without end. */
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { Backoff } from "./backoff.ts";
import { bothDamages, type Damage, isDamage, NO_DAMAGE } from "./damage.ts";

/** @returns whether anything was amiss: what the engine itself takes away looks like damage from afar */
export type Repair = (damage: Damage) => Promise<boolean>;

export class Repairer {
  readonly #repair: Repair;
  readonly #logger: Logger;
  readonly #backoff = new Backoff();
  #damage = NO_DAMAGE;
  #by = new Set<string>();
  #running: Promise<void> | undefined;
  #fighting = false;
  #stopped = false;
  #failure: string | undefined;
  #wake: (() => void) | undefined;

  constructor(repair: Repair, logger: Logger) {
    this.#repair = repair;
    this.#logger = logger;
  }

  /** @param by the programs that did it, as far as they are known */
  report(damage: Damage, by: Iterable<string>): void {
    if (!isDamage(damage) || this.#stopped) return;
    this.#damage = bothDamages(this.#damage, damage);
    for (const name of by) this.#by.add(name);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Once what is under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (isDamage(this.#damage)) {
      await this.#hesitate();
      if (this.#stopped) return;
      const damage = this.#damage;
      this.#damage = NO_DAMAGE;
      this.#by.clear();
      const begun = Date.now();
      try {
        if (await this.#repair(damage)) this.#backoff.note(begun);
        this.#failure = undefined;
      } catch (thrown) {
        this.#backoff.note(begun);
        const failure = messageOf(thrown);
        if (failure !== this.#failure)
          this.#logger.error({ damage }, `put right what was changed from outside: ${failure}`);
        this.#failure = failure;
        // It is damaged still.
        this.#damage = bothDamages(this.#damage, damage);
      }
    }
  }

  async #hesitate(): Promise<void> {
    const delay = this.#backoff.delay(Date.now());
    if (delay > 0 && !this.#fighting) {
      const by = this.#by.size > 0 ? [...this.#by].join(", ") : "somebody";
      this.#logger.warn(
        { by },
        `${by} changes the engine's rules or links again and again: they are put right less often from now on`,
      );
    }
    this.#fighting = delay > 0;
    if (delay === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
