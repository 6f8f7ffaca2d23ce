/** The host ports that the engine holds: each by one descriptor, so that no program takes one that is published. */
import { constants } from "node:os";
import { internal } from "../../lib/errors.ts";
import { type Address, formatAddress } from "../../lib/ip.ts";
import type { Logger } from "../../lib/log.ts";
import { undoing } from "../../lib/undo.ts";
import { KernelError } from "../../linux/ffi.ts";
import type { Reactor } from "../../linux/reactor.ts";
import type { SocketAddress } from "../../linux/sockaddr.ts";
import { KERNEL_HAS_IPV6 } from "../kernel-ipv6.ts";
import { type LocalPorts, Rotation, readLocalPorts, within } from "./ephemeral.ts";
import { describePlace, type Hold, hold, letGo, type Place, placesOf } from "./hold.ts";
import { Lease, type LeaseOwner } from "./lease.ts";
import { Places } from "./places.ts";
import { Slots } from "./relay.ts";
import { MOST_CONNECTIONS } from "./relay-tcp.ts";
import { MOST_SESSIONS } from "./relay-udp.ts";
import { checkPublishRequest } from "./requests.ts";
import { Slices } from "./slices.ts";
import type { HostPorts, PortBinding, PortLease, Protocol, PublishRequest } from "./types.ts";

export interface HostPortsOptions {
  /** Serves what reaches the ports; it must outlive them. */
  readonly reactor: Reactor;
  readonly logger: Logger;
}

/** Ports of the namespace that it is called in. */
export const createHostPorts = (options: HostPortsOptions): HostPorts => new HeldPorts(options);

const { EADDRINUSE } = constants.errno;

const isUsable = ({ family, bits }: Address): boolean => family === 4 || bits !== 0n || KERNEL_HAS_IPV6;

class HeldPorts implements HostPorts {
  readonly #owner: LeaseOwner;
  readonly #leases = new Set<Lease>();
  readonly #places = new Places();
  readonly #rotation = new Rotation();
  #admits: (peer: SocketAddress) => boolean = () => true;

  constructor(options: HostPortsOptions) {
    this.#owner = {
      ...options,
      connections: new Slots(MOST_CONNECTIONS),
      sessions: new Slots(MOST_SESSIONS),
      admits: (peer) => this.#admits(peer),
      hold: (place) => this.#hold(place),
      letGo: (held) => this.#letGo(held),
      empty: (lease) => void this.#leases.delete(lease),
    };
  }

  async take(requests: readonly PublishRequest[], defaults: readonly Address[]): Promise<PortLease> {
    for (const request of requests) checkPublishRequest(request);
    return undoing(async (undo) => {
      const lease = this.#newLease();
      undo.push("hold host ports", () => lease.release());
      const slices = new Slices();
      let local: LocalPorts | undefined;
      const localPorts = () => (local ??= readLocalPorts());
      // Who takes any port must not take the one that another of them names.
      for (const request of requests.toSorted((a, b) => choices(a) - choices(b))) {
        const { port, protocol, hostPorts, hostAddress } = request;
        const addresses = (hostAddress ? [hostAddress] : defaults).filter(isUsable);
        const candidates = hostPorts ? within(hostPorts) : this.#rotation.candidates(protocol, localPorts());
        lease.add(await this.#takeFirst(request, addresses, candidates, slices), port);
      }
      return lease;
    });
  }

  async retake(bindings: readonly PortBinding[]): Promise<PortLease> {
    const lease = this.#newLease();
    const slices = new Slices();
    for (const [first, ...others] of groupsOf(bindings)) {
      const addresses = [first, ...others].map(({ hostAddress }) => hostAddress);
      for (const place of placesOf(first.protocol, addresses, first.hostPort))
        lease.addAgain(place, first.port);
      if (slices.over) await slices.rest();
    }
    return lease;
  }

  screen(admits: (peer: SocketAddress) => boolean): void {
    this.#admits = admits;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#leases].map((lease) => lease.release()));
  }

  #newLease(): Lease {
    const lease = new Lease(this.#owner);
    this.#leases.add(lease);
    return lease;
  }

  /** Hold the first port that is free at all addresses. @throws internal in Docker's words */
  async #takeFirst(
    { protocol, port, hostPorts }: PublishRequest,
    addresses: readonly Address[],
    candidates: Iterable<number>,
    slices: Slices,
  ): Promise<readonly Hold[]> {
    const [first] = addresses;
    if (!first) throw internal(`no address of this host to publish ${port}/${protocol} at`);
    for (const candidate of candidates) {
      if (slices.over) await slices.rest();
      const holds = this.#tryHold(protocol, addresses, candidate);
      if (holds && !hostPorts) this.#rotation.given(protocol, candidate);
      if (holds) return holds;
    }
    const where = `Bind for ${formatAddress(first)}`;
    if (!hostPorts) throw internal(`${where} failed: all ports are allocated`);
    if (hostPorts.first !== hostPorts.last)
      throw internal(`${where}:${hostPorts.first}-${hostPorts.last} failed: all ports are allocated`);
    throw internal(`${where}:${hostPorts.first} failed: port is already allocated`);
  }

  /** Undefined where the port is taken at one of the addresses. @throws internal */
  #tryHold(protocol: Protocol, addresses: readonly Address[], port: number): readonly Hold[] | undefined {
    const places = placesOf(protocol, addresses, port);
    if (places.some((place) => this.#places.meet(place))) return undefined;
    const holds: Hold[] = [];
    try {
      for (const place of places) holds.push(this.#hold(place));
      return holds;
    } catch (thrown) {
      for (const held of holds) this.#letGo(held);
      if (thrown instanceof KernelError && thrown.code === "EADDRINUSE") return undefined;
      throw thrown;
    }
  }

  /** @throws KernelError EADDRINUSE, internal */
  #hold(place: Place): Hold {
    if (this.#places.meet(place)) throw new KernelError(`hold ${describePlace(place)}`, EADDRINUSE);
    const held = hold(place);
    this.#places.add(held);
    return held;
  }

  #letGo(held: Hold): void {
    this.#places.delete(held);
    letGo(held);
  }
}

/** How many host ports would do. */
const choices = ({ hostPorts }: PublishRequest): number =>
  hostPorts ? hostPorts.last - hostPorts.first + 1 : 0x10000;

/** Bindings of one request stand together: the same ports, at several addresses. */
function groupsOf(bindings: readonly PortBinding[]): readonly (readonly [PortBinding, ...PortBinding[]])[] {
  const groups = new Map<string, [PortBinding, ...PortBinding[]]>();
  for (const binding of bindings) {
    const key = `${binding.protocol} ${binding.port} ${binding.hostPort}`;
    const group = groups.get(key);
    if (group) group.push(binding);
    else groups.set(key, [binding]);
  }
  return [...groups.values()];
}
