/** Host ports of one sandbox, and the relays on them. */
import { messageOf } from "../../lib/errors.ts";
import { sameAddress } from "../../lib/ip.ts";
import type { Logger } from "../../lib/log.ts";
import type { Reactor, Watch } from "../../linux/reactor.ts";
import type { SocketAddress } from "../../linux/sockaddr.ts";
import { bindingsOf, describePlace, type Hold, type Place, UNHELD } from "./hold.ts";
import { portKey } from "./places.ts";
import type { Destination, Relay, Slots } from "./relay.ts";
import { TcpRelay } from "./relay-tcp.ts";
import { UdpRelay } from "./relay-udp.ts";
import { Slices } from "./slices.ts";
import type { PortBinding, PortLease, PortTarget } from "./types.ts";

/** What leases share: all that they hold together, and who opens and closes it. */
export interface LeaseOwner {
  readonly reactor: Reactor;
  readonly logger: Logger;
  readonly connections: Slots;
  readonly sessions: Slots;
  /** Whether the relay serves who comes from there. */
  readonly admits: (peer: SocketAddress) => boolean;
  /** @throws KernelError EADDRINUSE, EngineError */
  hold(place: Place): Hold;
  letGo(hold: Hold): void;
  /** Nothing is left of it. */
  empty(lease: Lease): void;
}

/** A hold with what listens on it, or a place of which another has the port. */
interface Held {
  readonly place: Place;
  readonly containerPort: number;
  readonly bindings: readonly PortBinding[];
  readonly hold?: Hold;
  watch?: Watch;
  /** Since the first that came. */
  relay?: Relay;
  /** Its last serving failed, and was told. */
  failed: boolean;
}

/** Milliseconds that a port is left alone after a failure: it would be told again at once. */
const PAUSE = 200;
const READABLE = { readable: true, writable: false } as const;

const same = (a: PortBinding, b: PortBinding): boolean =>
  a.port === b.port && sameAddress(a.hostAddress, b.hostAddress);

export class Lease implements PortLease {
  readonly warnings: string[] = [];
  readonly #owner: LeaseOwner;
  /** By protocol and host port. */
  readonly #held = new Map<number, readonly Held[]>();
  #bindings: readonly PortBinding[] | undefined;
  #target: PortTarget | undefined;

  constructor(owner: LeaseOwner) {
    this.#owner = owner;
  }

  get bindings(): readonly PortBinding[] {
    this.#bindings ??= [...this.#held.values()].flat().flatMap(({ bindings }) => bindings);
    return this.#bindings;
  }

  /** All of them are given back with the lease, even where watching one fails. @throws KernelError */
  add(holds: readonly Hold[], containerPort: number): void {
    const all = holds.map((hold): Held => {
      const bindings = bindingsOf(hold, containerPort);
      return { place: hold, hold, containerPort, bindings, failed: false };
    });
    for (const held of all) this.#put(held);
    for (const held of all) this.#watch(held);
  }

  /** A place that another program has: the kernel translates it all the same. */
  addWithout(place: Place, containerPort: number, warning: string): void {
    this.#put({ place, containerPort, bindings: bindingsOf(place, containerPort), failed: false });
    this.warnings.push(warning);
  }

  lead(target: PortTarget | undefined): void {
    this.#target = target;
    for (const each of this.#held.values()) {
      for (const { relay, containerPort } of each) relay?.redirect(this.#destination(containerPort));
    }
  }

  async release(some?: readonly PortBinding[]): Promise<void> {
    const slices = new Slices();
    if (some) {
      for (const binding of some) {
        this.#give(binding);
        if (slices.over) await slices.rest();
      }
    } else {
      for (const each of this.#held.values()) {
        for (const held of each) this.#drop(held);
        if (slices.over) await slices.rest();
      }
    }
    if (this.#held.size === 0) this.#owner.empty(this);
  }

  #put(held: Held): void {
    const key = portKey(held.place.protocol, held.place.port);
    this.#held.set(key, [...(this.#held.get(key) ?? []), held]);
    this.#bindings = undefined;
  }

  #watch(held: Held): void {
    const { hold } = held;
    if (hold?.fd === UNHELD) {
      this.warnings.push(
        `sctp: no hold for ${describePlace(hold)}: this kernel has no SCTP sockets, so no other program is kept from it`,
      );
    } else if (hold && hold.protocol !== "sctp") {
      held.watch = this.#owner.reactor.watch(hold.fd, READABLE, () => this.#serve(held, hold.fd));
    }
  }

  /** Give back one binding; what held others as well holds those alone from then on. */
  #give(binding: PortBinding): void {
    const each = this.#held.get(portKey(binding.protocol, binding.hostPort)) ?? [];
    const held = each.find(({ bindings }) => bindings.some((own) => same(own, binding)));
    if (!held) return;
    this.#drop(held);
    const addresses = held.bindings.filter((own) => !same(own, binding)).map((own) => own.hostAddress);
    if (addresses.length > 0) this.addAgain({ ...held.place, addresses }, held.containerPort);
  }

  /** Hold what the kernel translates already: another program that has it meanwhile is no failure, but a warning. */
  addAgain(place: Place, containerPort: number): void {
    let hold: Hold;
    try {
      hold = this.#owner.hold(place);
    } catch (thrown) {
      this.addWithout(
        place,
        containerPort,
        `published port ${describePlace(place)} is not held: ${messageOf(thrown)}`,
      );
      return;
    }
    this.add([hold], containerPort);
  }

  #drop(held: Held): void {
    const { place, hold, watch, relay } = held;
    watch?.close();
    relay?.close();
    if (hold) this.#owner.letGo(hold);
    const key = portKey(place.protocol, place.port);
    const left = (this.#held.get(key) ?? []).filter((other) => other !== held);
    if (left.length > 0) this.#held.set(key, left);
    else this.#held.delete(key);
    this.#bindings = undefined;
  }

  #serve(held: Held, fd: number): void {
    try {
      held.relay ??= this.#relay(held.place, fd);
      held.relay.serve(this.#destination(held.containerPort));
      held.failed = false;
    } catch (thrown) {
      const { logger } = this.#owner;
      if (!held.failed) logger.warn({ port: describePlace(held.place) }, `relay: ${messageOf(thrown)}`);
      held.failed = true;
      held.watch?.expect({ readable: false, writable: false });
      setTimeout(() => held.watch?.expect(READABLE), PAUSE).unref();
    }
  }

  #relay({ protocol }: Place, fd: number): Relay {
    const { connections, sessions, reactor, admits } = this.#owner;
    return protocol === "udp"
      ? new UdpRelay(fd, { slots: sessions, reactor, admits })
      : new TcpRelay(fd, { slots: connections, reactor, admits });
  }

  #destination(port: number): Destination | undefined {
    const address = this.#target?.address4 ?? this.#target?.address6;
    return address && { address, port };
  }
}
