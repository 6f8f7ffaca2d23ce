/** The resolvers of all sandboxes, and what they know. Belongs to one thread, which waits in `run`. */
import { closeHome } from "../../linux/netns.ts";
import { Poller, READABLE } from "../../linux/poller.ts";
import { Deadlines } from "./deadlines.ts";
import type { Change } from "./protocol.ts";
import { Common, Resolver } from "./resolver.ts";
import { NameTable } from "./table.ts";
import type { DnsSandbox } from "./types.ts";

export class DnsServer {
  readonly #loop: { readonly poller: Poller; readonly deadlines: Deadlines };
  readonly #table = new NameTable();
  readonly #common: Common;
  readonly #resolvers = new Map<string, Resolver>();

  /** @param descriptors as of `DnsThreadData` */
  constructor(descriptors?: Uint8Array) {
    this.#loop = { poller: new Poller(descriptors), deadlines: new Deadlines() };
    this.#common = new Common(this.#loop, this.#table);
  }

  /** @throws KernelError where a sandbox's sockets can't be opened: it isn't served then */
  apply(change: Change): void {
    switch (change.do) {
      case "serve":
        this.#serve(change.sandbox);
        break;
      case "forget":
        this.#forget(change.sandbox);
        break;
      case "announce":
        for (const endpoint of change.endpoints) this.#table.announce(endpoint);
        break;
      case "withdraw":
        for (const endpoint of change.endpoints) this.#table.withdraw(endpoint);
        break;
    }
  }

  /** Serve until `stopped`; `onWake` is called whenever `wake` is readable. */
  run(wake: number, onWake: () => void, stopped: () => boolean): void {
    const { poller, deadlines } = this.#loop;
    poller.add(wake, READABLE, onWake);
    while (!stopped()) {
      poller.wait(deadlines.wait);
      deadlines.run();
    }
    poller.remove(wake);
  }

  close(): void {
    for (const resolver of this.#resolvers.values()) resolver.close();
    this.#resolvers.clear();
    this.#loop.poller.close();
    this.#common.batch.free();
    closeHome();
  }

  #serve(sandbox: DnsSandbox): void {
    const resolver = this.#resolvers.get(sandbox.id);
    if (resolver?.sandbox.key === sandbox.key) {
      resolver.update(sandbox);
    } else {
      this.#forget(sandbox.id);
      this.#resolvers.set(sandbox.id, new Resolver(this.#common, sandbox));
    }
  }

  #forget(id: string): void {
    this.#resolvers.get(id)?.close();
    this.#resolvers.delete(id);
  }
}
