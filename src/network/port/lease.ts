/** Host ports of one sandbox, and the relays on them. */
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Reactor, Watch } from "../../linux/reactor.ts";
import { bindingsOf, describePlace, type Hold, UNHELD } from "./hold.ts";
import { type Destination, TcpRelay } from "./relay-tcp.ts";
import { UdpRelay } from "./relay-udp.ts";
import type { PortBinding, PortLease, PortTarget } from "./types.ts";

/** A hold with what listens on it. */
interface Held {
  readonly hold: Hold;
  readonly containerPort: number;
  /** Those that were not given back. */
  readonly bindings: Set<PortBinding>;
  readonly watch?: Watch;
  readonly relay?: TcpRelay | UdpRelay;
}

export interface LeaseOwner {
  letGo(hold: Hold): void;
  empty(lease: Lease): void;
}

const keyOf = ({ protocol, port, hostPort, hostAddress: { family, bits } }: PortBinding): string =>
  `${protocol} ${port} ${hostPort} ${family} ${bits}`;

export class Lease implements PortLease {
  readonly warnings: string[] = [];
  readonly #options: { readonly reactor: Reactor; readonly logger: Logger };
  readonly #owner: LeaseOwner;
  readonly #held = new Set<Held>();
  /** Taken by another program while no engine ran. */
  #without: readonly PortBinding[] = [];
  #target: PortTarget | undefined;

  constructor(options: { readonly reactor: Reactor; readonly logger: Logger }, owner: LeaseOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  get bindings(): readonly PortBinding[] {
    return [...[...this.#held].flatMap(({ bindings }) => [...bindings]), ...this.#without];
  }

  add(hold: Hold, containerPort: number): void {
    const bindings = new Set(bindingsOf(hold, containerPort));
    if (hold.fd === UNHELD) {
      this.warnings.push(
        `published port ${describePlace(hold)} is not held: this kernel has no SCTP sockets, so another program is not kept from it`,
      );
      this.#held.add({ hold, containerPort, bindings });
      return;
    }
    const relay = hold.protocol === "udp" ? new UdpRelay(hold.fd) : new TcpRelay(hold.fd);
    const watch = this.#options.reactor.watch(hold.fd, { readable: true, writable: false }, () => {
      try {
        relay.serve(this.#destination(containerPort));
      } catch (thrown) {
        this.#options.logger.warn({ port: describePlace(hold) }, `relay: ${messageOf(thrown)}`);
      }
    });
    this.#held.add({ hold, containerPort, bindings, watch, relay });
  }

  addWithout(bindings: readonly PortBinding[], warning: string): void {
    this.#without = [...this.#without, ...bindings];
    this.warnings.push(warning);
  }

  lead(target: PortTarget | undefined): void {
    this.#target = target;
  }

  async release(some: readonly PortBinding[] = this.bindings): Promise<void> {
    const keys = new Set(some.map(keyOf));
    for (const held of this.#held) {
      for (const binding of held.bindings) {
        if (keys.has(keyOf(binding))) held.bindings.delete(binding);
      }
      if (held.bindings.size > 0) continue;
      held.watch?.close();
      held.relay?.close();
      this.#held.delete(held);
      this.#owner.letGo(held.hold);
    }
    this.#without = this.#without.filter((binding) => !keys.has(keyOf(binding)));
    if (this.#held.size === 0) this.#owner.empty(this);
  }

  #destination(port: number): Destination | undefined {
    const address = this.#target?.address4 ?? this.#target?.address6;
    return address && { address, port };
  }
}
