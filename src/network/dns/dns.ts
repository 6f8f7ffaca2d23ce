/** `Dns` on a thread of its own, seen from the main thread. */
import { asError, unavailable } from "../../lib/errors.ts";
import type { EndpointID, SandboxID } from "../../lib/ids.ts";
import type { Logger } from "../../lib/log.ts";
import { errorFromWire } from "../../linux/wire.ts";
import type { Answered, Change } from "./protocol.ts";
import { DnsThread, WORKER } from "./thread.ts";
import type { Dns, DnsEndpoint, DnsSandbox } from "./types.ts";

/** Milliseconds that `stop` waits before it ends the thread whatever it does. */
const STOP_PATIENCE = 5000;
/** Milliseconds before a thread that died gets a successor: twice as many after each that died young. */
const FIRST_DELAY = 50;
const LONGEST_DELAY = 30_000;
/** Milliseconds of a life that was not short. */
const LONG_LIFE = 60_000;

export interface DnsOptions {
  readonly logger: Logger;
  /** The thread's program, unless it is `worker`: for tests of how its death is met. */
  readonly program?: URL;
}

/** The thread is started for the first sandbox. When it dies, another takes its place, and serves all anew. */
export function createDns(options: DnsOptions): Dns {
  return new DnsClient(options);
}

interface Pending {
  readonly change: Change;
  readonly settle: PromiseWithResolvers<void>;
}

class DnsClient implements Dns {
  readonly #options: DnsOptions;
  readonly #sandboxes = new Map<SandboxID, DnsSandbox>();
  readonly #endpoints = new Map<EndpointID, DnsEndpoint>();
  /** In the order of asking. */
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #thread: DnsThread | undefined;
  #delay = FIRST_DELAY;
  #restart: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: DnsOptions) {
    this.#options = options;
  }

  prepare(): void {
    if (!this.#thread && !this.#restart && !this.#stopping) this.#start();
  }

  async serve(sandbox: DnsSandbox): Promise<void> {
    this.#sandboxes.set(sandbox.id, sandbox);
    try {
      await this.#ask({ do: "serve", sandbox });
    } catch (thrown) {
      if (this.#sandboxes.get(sandbox.id) === sandbox) this.#sandboxes.delete(sandbox.id);
      throw thrown;
    }
  }

  async forget(sandbox: SandboxID): Promise<void> {
    this.#sandboxes.delete(sandbox);
    await this.#ask({ do: "forget", sandbox });
  }

  async announce(endpoints: readonly DnsEndpoint[]): Promise<void> {
    for (const endpoint of endpoints) this.#endpoints.set(endpoint.id, endpoint);
    await this.#ask({ do: "announce", endpoints });
  }

  async withdraw(endpoints: readonly EndpointID[]): Promise<void> {
    for (const id of endpoints) this.#endpoints.delete(id);
    await this.#ask({ do: "withdraw", endpoints });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#restart);
    const thread = this.#thread;
    if (thread) {
      thread.stop();
      const patience = setTimeout(() => void thread.terminate(), STOP_PATIENCE);
      await thread.ended;
      clearTimeout(patience);
    }
    const stopped = unavailable("the DNS is stopped");
    for (const { settle } of this.#pending.values()) settle.reject(stopped);
    this.#pending.clear();
  }

  async #ask(change: Change): Promise<void> {
    if (this.#stopping) throw unavailable("the DNS is stopped");
    // Without a thread nobody asks: the first is told of everything when it starts.
    if (!this.#thread && !this.#restart) {
      if (change.do !== "serve") return;
      this.#start();
    }
    this.#lastId += 1;
    const settle = Promise.withResolvers<void>();
    this.#pending.set(this.#lastId, { change, settle });
    this.#thread?.post({ id: this.#lastId, change });
    await settle.promise;
  }

  /** A thread that knows all that is known here, and is asked again what the one before left unanswered. */
  #start(): void {
    this.#restart = undefined;
    const born = performance.now();
    const thread = new DnsThread(this.#options.program ?? WORKER, (answered) => this.#settle(answered));
    this.#thread = thread;
    void thread.ended.then((cause) => {
      this.#thread = undefined;
      if (!this.#stopping) this.#died(cause, performance.now() - born);
    });
    this.#post(thread, { do: "announce", endpoints: [...this.#endpoints.values()] });
    for (const sandbox of this.#sandboxes.values()) this.#post(thread, { do: "serve", sandbox });
    for (const [id, { change }] of this.#pending) thread.post({ id, change });
  }

  /** What nobody waits for: a failure is logged. */
  #post(thread: DnsThread, change: Change): void {
    this.#lastId += 1;
    thread.post({ id: this.#lastId, change });
  }

  #died(cause: Error | undefined, lived: number): void {
    this.#options.logger.error({ err: cause }, "the DNS's thread died: another takes its place");
    this.#delay = lived >= LONG_LIFE ? FIRST_DELAY : Math.min(this.#delay * 2, LONGEST_DELAY);
    this.#restart = setTimeout(() => {
      try {
        this.#start();
      } catch (thrown) {
        this.#died(asError(thrown), 0); // no descriptor to be had: later
      }
    }, this.#delay);
  }

  #settle({ id, error }: Answered): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (!error) pending?.settle.resolve();
    else if (pending) pending.settle.reject(errorFromWire(error));
    else this.#options.logger.warn({ err: asError(errorFromWire(error)) }, "a sandbox has no DNS");
  }
}
