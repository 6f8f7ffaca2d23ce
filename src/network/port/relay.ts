/** What a held port's relay is, whatever its protocol: it passes on what the kernel could not translate. */
import type { Address } from "../../lib/ip.ts";
import { sameAddress } from "../../lib/ip.ts";
import type { Reactor } from "../../linux/reactor.ts";
import type { SocketAddress } from "../../linux/sockaddr.ts";

/** A container's address and port. */
export interface Destination {
  readonly address: Address;
  readonly port: number;
}

export interface Relay {
  /** Something waits at the held port: lead a bounded part of it there, or refuse it. @throws KernelError */
  serve(to: Destination | undefined): void;
  /** Cut what was led elsewhere. */
  redirect(to: Destination | undefined): void;
  /** Cut all. */
  close(): void;
}

/** What a relay works with. */
export interface RelayOptions {
  readonly slots: Slots;
  readonly reactor: Reactor;
  /** Whether it serves who comes from there. */
  readonly admits: (peer: SocketAddress) => boolean;
}

/** So many may be in use at once, of all ports together. */
export class Slots {
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** @returns whether there was one */
  take(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  give(): void {
    this.#free += 1;
  }
}

export const sameDestination = (a: Destination, b: Destination | undefined): boolean =>
  b !== undefined && a.port === b.port && sameAddress(a.address, b.address);
