/** One walk of a packet through the machine: what it met so far, and what it was told to assume. */
import type { Address, Mac } from "../../lib/ip.ts";
import { placeOf } from "../../observe/place.ts";
import type { Namespace, NamespaceId, NextHop, Topology } from "../../observe/types.ts";
import type { StagesOf, TracksConnections } from "../firewall/types.ts";
import { sightOf } from "../packet/sight.ts";
import type { Packet } from "../packet/types.ts";
import type { DropReason, Event, Flow, Hop, Sight } from "../types.ts";
import type { Pick } from "./choices.ts";
import type { Fate } from "./fate.ts";
import { Memory } from "./memory.ts";
import type { Port } from "./port.ts";
import type { Skb } from "./skb.ts";

/** The rule sets, as the walk asks them. */
export interface Firewall {
  readonly stagesOf: StagesOf;
  readonly tracksConnections: TracksConnections;
}

/** Stands for the MAC address of somebody who is not here, and answers for what is asked for. */
export const SOMEBODY = "02:00:00:00:00:fe" as Mac;

/** Steps after which a packet is said to go round in circles: a way through a machine has some hundred. */
const MOST_STEPS = 5000;

/** What was sent, by whom: what an answer must fit to. */
export interface Asked {
  /** Absent where the sender is not here. */
  readonly namespace?: NamespaceId;
  readonly from: Address;
  readonly to: Address;
  /** Of ICMP the identifier. */
  readonly fromPort: number;
  readonly toPort?: number;
}

interface Saved {
  readonly hops: readonly Hop[];
  readonly memory: Memory;
}

export class Walk {
  readonly topology: Topology;
  readonly flow: Flow;
  readonly firewall: Firewall;
  direction: Hop["direction"] = "there";
  memory = new Memory();
  /** Set by whoever sends the first packet. */
  asked: Asked | undefined;
  readonly #pick: Pick;
  readonly #assumptions: string[] = [];
  readonly #doubts = new Set<string>();
  readonly #answerers = new Map<Mac, { readonly namespace: NamespaceId; readonly link: string }>();
  #hops: Hop[] = [];
  #seen: { readonly packet: Packet; readonly sight: Sight } | undefined;
  #silent = 0;
  #steps = 0;

  constructor(topology: Topology, flow: Flow, firewall: Firewall, pick: Pick) {
    this.topology = topology;
    this.flow = flow;
    this.firewall = firewall;
    this.#pick = pick;
  }

  get hops(): readonly Hop[] {
    return this.#hops;
  }

  get assumptions(): readonly string[] {
    return this.#assumptions;
  }

  /** What the topology could not tell on this way. */
  get doubts(): ReadonlySet<string> {
    return this.#doubts;
  }

  tell(namespace: Namespace, event: Event, packet: Packet): void {
    if (this.#silent > 0) return;
    this.#hops.push({
      namespace: namespace.id,
      event,
      packet: this.#sightOf(packet),
      direction: this.direction,
    });
  }

  /** A packet is seen at several hops in a row. */
  #sightOf(packet: Packet): Sight {
    if (this.#seen?.packet !== packet) this.#seen = { packet, sight: seen(packet) };
    return this.#seen.sight;
  }

  /** The end of it here. */
  drop(namespace: Namespace, { packet }: Skb, reason: DropReason): Fate {
    this.tell(namespace, { kind: "drop", reason }, packet);
    return { end: "dropped", reason };
  }

  assume(sentence: string): void {
    if (!this.#assumptions.includes(sentence)) this.#assumptions.push(sentence);
  }

  doubt(sentence: string): void {
    this.#doubts.add(sentence);
  }

  /** One of several things that the kernel may do; the others are tried on other walks. */
  choose<T>(options: readonly T[]): T | undefined {
    return options.length > 1 ? options[this.#pick(options.length)] : options[0];
  }

  /** fib_select_path: by a hash over the packet's addresses that differs from boot to boot. */
  readonly hopOf =
    (namespace: Namespace) =>
    (hops: readonly NextHop[]): NextHop | undefined => {
      const hop = this.choose(hops);
      const link = hop?.ifindex === undefined ? undefined : placeOf(namespace).link(hop.ifindex);
      this.assume(`of several next hops, ${namespace.name} takes the one by ${link?.name ?? "nowhere"}`);
      return hop;
    };

  /** Whether there is room for another step; a packet that goes round in circles ends. */
  steps(): boolean {
    this.#steps += 1;
    return this.#steps < MOST_STEPS;
  }

  /** What is asked of neighbours meanwhile is no hop of the packet's. */
  aside<T>(ask: () => T): T {
    this.#silent += 1;
    try {
      return ask();
    } finally {
      this.#silent -= 1;
    }
  }

  /** The way back of what answers. */
  back<T>(answer: () => T): T {
    const before = this.direction;
    this.direction = "back";
    try {
      return answer();
    } finally {
      this.direction = before;
    }
  }

  /** Somebody says that an address is his, under this MAC address. */
  answers(mac: Mac, { namespace, link }: Port): void {
    this.#answerers.set(mac, { namespace: namespace.id, link: link.name });
  }

  /** Who that was; a proxy of another namespace, where it came by one. */
  answering(mac: Mac): { readonly namespace: NamespaceId; readonly link: string } {
    return this.#answerers.get(mac) ?? { namespace: this.topology.host, link: mac };
  }

  save(): Saved {
    return { hops: [...this.#hops], memory: new Memory(this.memory) };
  }

  restore({ hops, memory }: Saved): void {
    this.#hops = [...hops];
    this.memory = new Memory(memory);
  }
}

function seen(packet: Packet): Sight {
  const sight = sightOf(packet);
  if (sight.destinationMac !== SOMEBODY && sight.sourceMac !== SOMEBODY) return sight;
  const { sourceMac, destinationMac, ...rest } = sight;
  return {
    ...rest,
    ...(sourceMac && sourceMac !== SOMEBODY && { sourceMac }),
    ...(destinationMac && destinationMac !== SOMEBODY && { destinationMac }),
  };
}
