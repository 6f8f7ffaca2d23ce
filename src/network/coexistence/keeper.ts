/**
 * Lives beside other firewalls: what they take away from our rules and links is put back, and what they drop of
 * our traffic is told, once, or admitted where there is a place for that.
 */
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Kernel } from "../../linux/kernel.ts";
import { type KernelChanges, type KernelWatch, watchKernel } from "../../linux/monitor.ts";
import type { Reactor } from "../../linux/reactor.ts";
import { damageOf } from "./damage.ts";
import { type Repair, Repairer } from "./repairer.ts";
import { concerns, NOTHING_SEEN, type Survey, survey } from "./survey.ts";

export interface KeeperOptions {
  readonly kernel: Kernel;
  /** Of the thread that is in the engine's namespace. */
  readonly reactor: Reactor;
  readonly logger: Logger;
  /** Bring rules and links back to what they shall be. What it does to the firewall must go through `kernel`. */
  readonly repair: Repair;
  /** Our bridges, by name. */
  readonly bridges: () => readonly string[];
  /** Let our traffic past dockerd's FORWARD DROP, in DOCKER-USER. */
  readonly admit: boolean;
  /** Milliseconds between two looks at the other firewalls, however often they change; 1000 by default. */
  readonly rest?: number;
}

/** Milliseconds after which they are looked at unasked: iptables-legacy announces nothing, and reading it is a process. */
const ROUND = 60_000;

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #repairer: Repairer;
  #watch: KernelWatch | undefined;
  #seen: Survey = NOTHING_SEEN;
  #looking: Promise<void> | undefined;
  #next: NodeJS.Timeout | undefined;
  #round: NodeJS.Timeout | undefined;
  #restUntil = 0;
  #failure: string | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#repairer = new Repairer(options.repair, options.logger);
  }

  /** When rules and networks stand. Resolves once the first look is done. @throws KernelError where the kernel can't be heard */
  async start(): Promise<void> {
    this.#watch = watchKernel(this.#options.reactor, (changes) => this.#hear(changes));
    this.#round = setInterval(() => this.#lookSoon(), ROUND);
    this.#round.unref();
    await this.#look();
  }

  /** Once what is under way is done. What was admitted stays: containers go on, and so does their traffic. */
  async stop(): Promise<void> {
    this.#watch?.close();
    this.#watch = undefined;
    clearInterval(this.#round);
    clearTimeout(this.#next);
    await this.#repairer.stop();
    await this.#looking;
  }

  /** What others drop of our traffic, a sentence each, with what to do about it. */
  warnings(): readonly string[] {
    return this.#seen.warnings;
  }

  #hear(changes: KernelChanges): void {
    this.#repairer.report(damageOf(changes, this.#options.bridges()), changes.by);
    if (!concerns(changes, this.#seen)) return;
    // A new network of ours waits to be admitted; whatever else happens can happen often.
    const changed = new Set([...changes.links.values()].map(({ name }) => name));
    const { links } = this.#seen;
    if (this.#options.bridges().some((name) => changed.has(name) && !links.has(name))) this.#restUntil = 0;
    this.#lookSoon();
  }

  #lookSoon(): void {
    if (!this.#watch) return;
    clearTimeout(this.#next);
    this.#next = setTimeout(() => void this.#look(), Math.max(0, this.#restUntil - Date.now()));
  }

  async #look(): Promise<void> {
    if (this.#looking) return this.#looking.then(() => this.#lookSoon());
    this.#looking = this.#lookNow().finally(() => {
      this.#restUntil = Date.now() + (this.#options.rest ?? 1000);
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #lookNow(): Promise<void> {
    const { kernel, bridges, admit, logger } = this.#options;
    try {
      const before = this.#seen;
      this.#seen = await survey({ kernel, bridges: bridges(), admit }, before);
      for (const warning of this.#seen.warnings)
        if (!before.warnings.includes(warning)) logger.warn({}, warning);
      for (const done of this.#seen.done) logger.info({}, done);
      this.#failure = undefined;
    } catch (thrown) {
      // Our own rules do without it.
      const message = messageOf(thrown);
      if (message !== this.#failure) logger.warn({}, `look at the other firewalls of the host: ${message}`);
      this.#failure = message;
    }
  }
}
