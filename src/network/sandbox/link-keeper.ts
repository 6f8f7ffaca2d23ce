/** Keeps what `--link` gives in step with the containers that it is about: they start anew with other addresses. */
import { messageOf } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import { Mutex } from "../../lib/mutex.ts";
import { updateHosts } from "../files/files.ts";
import type { Elements } from "../firewall/elements.ts";
import { elementSteps } from "../firewall-state.ts";
import type { Entry } from "../ledger.ts";
import type { Context } from "../options.ts";
import { putSandbox } from "../state.ts";
import { linkElements } from "./links.ts";
import type { Names } from "./names.ts";

export class LinkKeeper {
  readonly #context: Context;
  readonly #names: Names;
  readonly #serial = new Mutex();
  /** What stands in the firewall for links. */
  #standing: Elements = {};
  #any = false;

  constructor(context: Context, names: Names) {
    this.#context = context;
    this.#names = names;
  }

  /** What the rules were loaded with. */
  begin(): void {
    this.#standing = this.#wanted();
    this.#any = this.#linkers().length > 0;
  }

  /** Bring firewall, DNS and hosts to what links say now. Costs nothing where there are none. */
  async refresh(): Promise<void> {
    const linkers = this.#linkers();
    if (linkers.length === 0 && !this.#any) return;
    await this.#serial.run(async () => {
      const wanted = this.#wanted();
      const plan = elementSteps("links", this.#standing, wanted);
      if (plan.length > 0) await this.#context.apply(plan);
      this.#standing = wanted;
      this.#any = linkers.length > 0;
      for (const entry of linkers) await this.#followOne(entry);
    });
  }

  /** What is gone is gone: a failure is told to the log, and made good with the next change of any sandbox. */
  async follow(gone: ContainerID): Promise<void> {
    try {
      await this.refresh();
    } catch (thrown) {
      this.#context.logger.error({ container: gone }, `close what its links opened: ${messageOf(thrown)}`);
    }
  }

  #linkers(): readonly Entry[] {
    return [...this.#context.ledger.entries.values()].filter(
      ({ phase, record }) =>
        phase === "open" && record.sandbox.endpoints.some(({ links }) => links && links.length > 0),
    );
  }

  #wanted(): Elements {
    const { ledger } = this.#context;
    return linkElements(
      ledger.standing().map(({ sandbox }) => sandbox),
      ledger.networkOf,
    );
  }

  async #followOne(entry: Entry): Promise<void> {
    const { composer, logger, store } = this.#context;
    try {
      await this.#names.serve(entry.record);
      const hosts = composer.ownHosts(entry.record);
      if (!(await updateHosts(entry.record, hosts))) return;
      entry.record = { ...entry.record, hosts };
      await store.commit([putSandbox(entry.record)]);
    } catch (thrown) {
      // One container's names must not keep the others from following.
      const { container } = entry.record.sandbox;
      logger.error({ container }, `follow its links: ${messageOf(thrown)}`);
    }
  }
}
