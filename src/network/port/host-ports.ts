/** The host ports that the engine holds: each by one descriptor, so that no program takes one that is published. */
import { existsSync, readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { internal, messageOf } from "../../lib/errors.ts";
import { type Address, formatAddress } from "../../lib/ip.ts";
import type { Logger } from "../../lib/log.ts";
import { undoing } from "../../lib/undo.ts";
import { KernelError } from "../../linux/ffi.ts";
import type { Reactor } from "../../linux/reactor.ts";
import { bindingsOf, describePlace, type Hold, hold, letGo, placesOf, UNHELD } from "./hold.ts";
import { Lease } from "./lease.ts";
import { checkPublishRequest } from "./requests.ts";
import type { HostPorts, PortBinding, PortLease, Protocol, PublishRequest } from "./types.ts";

export interface HostPortsOptions {
  readonly reactor: Reactor;
  readonly logger: Logger;
}

export const createHostPorts = (options: HostPortsOptions): HostPorts => new HeldPorts(options);

/** So many are taken before others have their turn: a few milliseconds. */
const PER_TURN = 256;
const LOCAL_RANGE = "/proc/sys/net/ipv4/ip_local_port_range";
const RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports";

const HOST_HAS_IPV6 = existsSync("/proc/sys/net/ipv6");

class HeldPorts implements HostPorts {
  readonly #options: HostPortsOptions;
  readonly #leases = new Set<Lease>();
  /** Ports of protocols without sockets, which only we keep apart: `0.0.0.0:80/sctp`. */
  readonly #unheld = new Set<string>();
  /** After the last that was given, as Docker has it: a port that was given back is not the next one given. */
  #next = 0;

  constructor(options: HostPortsOptions) {
    this.#options = options;
  }

  take(requests: readonly PublishRequest[], defaults: readonly Address[]): Promise<PortLease> {
    for (const request of requests) checkPublishRequest(request);
    return undoing(async (undo) => {
      const lease = this.#newLease();
      undo.push("hold host ports", () => lease.release());
      let since = 0;
      for (const request of requests) {
        const addresses = request.hostAddress ? [request.hostAddress] : defaults;
        this.#takeOne(request, addresses.filter(isUsable), lease);
        since += 1;
        if (since % PER_TURN === 0) await turn();
      }
      return lease;
    });
  }

  async retake(bindings: readonly PortBinding[]): Promise<PortLease> {
    const lease = this.#newLease();
    let since = 0;
    for (const group of groupsOf(bindings)) {
      const [first] = group;
      if (!first) continue;
      const addresses = group.map(({ hostAddress }) => hostAddress);
      for (const place of placesOf(first.protocol, addresses, first.hostPort)) {
        try {
          this.#add(lease, this.#holdOnly(place), first.port);
        } catch (thrown) {
          // The kernel translates it all the same: whoever has taken it meanwhile hears nothing.
          lease.addWithout(
            bindingsOf(place, first.port),
            `published port ${describePlace(place)}: ${messageOf(thrown)}`,
          );
        }
      }
      since += 1;
      if (since % PER_TURN === 0) await turn();
    }
    return lease;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#leases].map((lease) => lease.release()));
  }

  #newLease(): Lease {
    const lease = new Lease(this.#options, {
      letGo: (held) => {
        if (held.fd === UNHELD) this.#unheld.delete(describePlace(held));
        letGo(held);
      },
      empty: (it) => void this.#leases.delete(it),
    });
    this.#leases.add(lease);
    return lease;
  }

  #takeOne(request: PublishRequest, addresses: readonly Address[], lease: Lease): void {
    const { protocol, port, hostPorts } = request;
    const [first] = addresses;
    if (!first) throw internal(`no address of this host to publish ${port}/${protocol} at`);
    let tried = 0;
    for (const candidate of hostPorts ? within(hostPorts) : this.#ephemeral()) {
      const holds = this.#tryHold(protocol, addresses, candidate);
      tried += 1;
      if (!holds) continue;
      for (const held of holds) this.#add(lease, held, port);
      if (!hostPorts) this.#next = candidate + 1;
      return;
    }
    const where = `Bind for ${formatAddress(first)}`;
    if (tried === 1 && hostPorts)
      throw internal(`${where}:${hostPorts.first} failed: port is already allocated`);
    throw internal(`${where} failed: all ports are allocated`);
  }

  /** The same port at all addresses, or undefined where it is taken at one of them. @throws internal */
  #tryHold(protocol: Protocol, addresses: readonly Address[], port: number): readonly Hold[] | undefined {
    const holds: Hold[] = [];
    try {
      for (const place of placesOf(protocol, addresses, port)) holds.push(this.#holdOnly(place));
      return holds;
    } catch (thrown) {
      for (const held of holds) letGo(held);
      if (thrown instanceof KernelError && thrown.code === "EADDRINUSE") return undefined;
      throw thrown;
    }
  }

  #holdOnly(place: Parameters<typeof hold>[0]): Hold {
    const held = hold(place);
    if (held.fd === UNHELD && this.#unheld.has(describePlace(place))) {
      throw new KernelError(`hold ${describePlace(place)}`, EADDRINUSE);
    }
    return held;
  }

  #add(lease: Lease, held: Hold, containerPort: number): void {
    if (held.fd === UNHELD) this.#unheld.add(describePlace(held));
    lease.add(held, containerPort);
  }

  /** The kernel's ephemeral range from where the last one was given, once around. */
  *#ephemeral(): Generator<number> {
    const [low = 32768, high = 60999] = readFileSync(LOCAL_RANGE, "utf8").trim().split(/\s+/).map(Number);
    const reserved = parsePorts(readFileSync(RESERVED, "utf8"));
    const start = this.#next >= low && this.#next <= high ? this.#next : low;
    const count = high - low + 1;
    for (let at = 0; at < count; at += 1) {
      const port = low + ((start - low + at) % count);
      if (!reserved.some(({ first, last }) => port >= first && port <= last)) yield port;
    }
  }
}

const EADDRINUSE = 98;

const isUsable = ({ family, bits }: Address): boolean => family === 4 || bits !== 0n || HOST_HAS_IPV6;

function* within({ first, last }: { readonly first: number; readonly last: number }): Generator<number> {
  for (let port = first; port <= last; port += 1) yield port;
}

/** `8080,9148` or `1-100`: as the kernel writes lists of ports. */
const parsePorts = (text: string) =>
  text
    .trim()
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [first = 0, last = first] = part.split("-").map(Number);
      return { first, last };
    });

/** Bindings of one request stand together: the same ports, at several addresses. */
function groupsOf(bindings: readonly PortBinding[]): readonly (readonly PortBinding[])[] {
  const groups = new Map<string, PortBinding[]>();
  for (const binding of bindings) {
    const key = `${binding.protocol} ${binding.port} ${binding.hostPort}`;
    const group = groups.get(key);
    if (group) group.push(binding);
    else groups.set(key, [binding]);
  }
  return [...groups.values()];
}
