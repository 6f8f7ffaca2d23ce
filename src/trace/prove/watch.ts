/** All that is watched for one probe, in all namespaces on its way: begun before it is sent, closed when it is over. */
import { randomBytes } from "node:crypto";
import { messageOf } from "../../lib/errors.ts";
import { type Address, formatAddress, sameAddress } from "../../lib/ip.ts";
import { type Drop, DropWatch } from "../../linux/bpf/drops.ts";
import { functionsAt } from "../../linux/bpf/kallsyms.ts";
import { monotonicNow, monotonicOffset } from "../../linux/clock.ts";
import { TRACING } from "../../linux/nftables/trace-table.ts";
import type { NamespaceId, Topology } from "../../observe/types.ts";
import type { Flow, Prediction, Protocol, Seen } from "../types.ts";
import type { Answer } from "./conclude.ts";
import { withoutCopies } from "./copies.ts";
import { type Meaning, meaningAt } from "./marks.ts";
import { inOrder, type Observations } from "./order.ts";
import type { Sender } from "./sender.ts";
import { type Asked, Vantage } from "./vantage.ts";

/** SKB_DROP_REASON_OTHERHOST: the frame is for another MAC address. */
const NOT_FOR_IT = "OTHERHOST";
/** A bridge that floods leads everywhere; watching a namespace takes two descriptors and 5 ms. */
const MOST_NAMESPACES = 24;

export class Watch {
  /** Where it ends, if here. */
  readonly destination: NamespaceId | undefined;
  /** Of UDP where no name is asked for: programs answer what they understand. */
  readonly needsNoAnswer: boolean;
  readonly #sender: Sender;
  readonly #protocol: Protocol;
  readonly #table = `${TRACING}${randomBytes(6).toString("hex")}`;
  readonly #vantages: readonly Vantage[];
  readonly #blind: string[] = [];
  #drops: DropWatch | undefined;
  readonly #frames: Observations["frames"][number][] = [];
  readonly #traces: Observations["traces"][number][] = [];
  readonly #dropped: (Drop & { readonly meaning: Meaning })[] = [];
  readonly #asked: (Asked & { readonly namespace: NamespaceId })[] = [];
  readonly #nextHops: readonly Address[];
  #answer: Answer | undefined;
  /** From CLOCK_REALTIME, by which frames are stamped, to CLOCK_MONOTONIC. */
  #offset = 0n;
  #startedAt = 0n;

  /** What can't be watched is told by `blind`. */
  constructor(topology: Topology, flow: Flow, prediction: Prediction, sender: Sender) {
    this.#sender = sender;
    this.#protocol = flow.protocol;
    this.destination = flow.to.namespace ?? endOf(prediction);
    this.needsNoAnswer = flow.protocol === "udp" && flow.query === undefined;
    const { marks } = sender.probe;
    this.#nextHops = [flow.destination, ...nextHopsOf(prediction)];
    const ids = [...new Set([sender.namespace, flow.to.namespace, ...onTheWay(prediction)])];
    if (ids.length > MOST_NAMESPACES)
      this.#blind.push(`of ${ids.length} namespaces that it may come to, ${MOST_NAMESPACES} are watched`);
    this.#vantages = ids.slice(0, MOST_NAMESPACES).flatMap((id) => {
      const namespace = id === undefined ? undefined : topology.namespaces.get(id);
      return namespace ? [new Vantage(namespace, flow.destination.family, marks, this.#table)] : [];
    });
    try {
      this.#drops = new DropWatch(marks.all);
    } catch (thrown) {
      this.#blind.push(`what the kernel drops is not seen: ${messageOf(thrown)}`);
    }
  }

  get answer(): Answer | undefined {
    return this.#answer;
  }

  /** What could not be watched, a sentence each. */
  get blind(): readonly string[] {
    return [...this.#vantages.flatMap(({ blind }) => blind), ...this.#blind];
  }

  /** @returns what kept the probe from being sent */
  send(): unknown {
    this.#offset = monotonicOffset();
    this.#startedAt = monotonicNow();
    try {
      this.#sender.send();
      return undefined;
    } catch (thrown) {
      return thrown;
    }
  }

  /** Look at everything. @returns whether there was something new of the probe */
  look(): boolean {
    const count = () => this.#frames.length + this.#traces.length + this.#dropped.length;
    const before = count();
    for (const vantage of this.#vantages) this.#lookFrom(vantage);
    for (const drop of this.#drops?.read() ?? []) {
      const meaning = meaningAt(this.#sender.probe.marks, drop.pattern);
      if (!this.#isNoise(drop, meaning)) this.#dropped.push({ ...drop, meaning });
    }
    this.#answer ??= this.#sender.heard();
    return count() > before;
  }

  /** Whether nothing more is to be expected, unless it comes soon. */
  settled(): boolean {
    const refused = this.#traces.some(({ message: { verdict } }) => verdict?.code === "drop");
    const arrived = this.#frames.some(
      ({ meaning, way, namespace }) =>
        meaning === "probe" && way === "in" && namespace.id === this.destination,
    );
    // A copy that a bridge flooded ends at whoever it is not for, while the probe goes on.
    const lost = this.#dropped.some(
      ({ reason, namespace }) => reason !== NOT_FOR_IT || namespace === this.destination,
    );
    return lost || refused || (this.needsNoAnswer && arrived);
  }

  /** In the order of time; the answer is heard at the end. */
  seen(): readonly Seen[] {
    const functions = this.#functions();
    const drops = this.#dropped.map((drop) => ({ ...drop, inFunction: functions.get(drop.location) ?? "" }));
    const observed = { frames: withoutCopies(this.#frames, this.#vantages), traces: this.#traces, drops };
    const seen = inOrder(observed, this.#sender.probe.marks, this.#startedAt);
    if (!this.#answer) return seen;
    const { namespace } = this.#sender;
    const at = seen.at(-1)?.at ?? monotonicNow();
    return [...seen, { kind: "answer", at, namespace, direction: "back", what: this.#answer.text }];
  }

  /** Addresses that were asked for in the namespace that the probe came to last, and that nobody has: `10.0.0.7`. */
  unanswered(): readonly string[] {
    const last = this.#frames.findLast(({ meaning }) => meaning === "probe")?.namespace.id;
    const told = this.#asked.filter(({ kind }) => kind === "told");
    const open = this.#asked.filter(
      ({ kind, way, address, namespace }) =>
        kind === "asked" &&
        way === "out" &&
        namespace === (last ?? this.#sender.namespace) &&
        !told.some((one) => sameAddress(one.address, address)),
    );
    // Others ask as well at the same time: those that it is known to depend on come first.
    const expected = open.filter(({ address }) => this.#nextHops.some((one) => sameAddress(one, address)));
    const addresses = expected.length > 0 ? expected : open;
    return [...new Set(addresses.map(({ address }) => formatAddress(address)))];
  }

  async close(): Promise<void> {
    this.#drops?.close();
    this.#drops = undefined;
    await Promise.all(this.#vantages.map((vantage) => vantage.close()));
  }

  #lookFrom(vantage: Vantage): void {
    const { namespace } = vantage;
    for (const one of vantage.read()) {
      if (one.kind === "trace") this.#traces.push({ namespace, message: one.message });
      else if (one.kind !== "frame") this.#asked.push({ ...one, namespace: namespace.id });
      else {
        this.#frames.push({ ...one, at: one.at + this.#offset, namespace });
        this.#answer ??= this.#sender.told(one, namespace.id);
      }
    }
  }

  /**
   * Where the answer has arrived, the kernel finds no program that it is for, and throws its own copy away; of UDP it finds
   * ours. And copies that a bridge floods end wherever nobody is meant.
   */
  #isNoise({ reason, namespace }: Drop, meaning: Meaning): boolean {
    if (reason === NOT_FOR_IT) return !this.#vantages.some((one) => one.namespace.id === namespace);
    const own = meaning === "error" || (meaning === "answer" && this.#protocol !== "udp");
    return own && reason === "NO_SOCKET" && namespace === this.#sender.namespace;
  }

  #functions(): ReadonlyMap<bigint, string> {
    if (this.#dropped.length === 0) return new Map();
    try {
      return functionsAt(this.#dropped.map(({ location }) => location));
    } catch (thrown) {
      this.#blind.push(`which function dropped it is not known: ${messageOf(thrown)}`);
      return new Map();
    }
  }
}

const nextHopsOf = ({ paths }: Prediction): Address[] =>
  paths.flatMap(({ hops }) =>
    hops.flatMap(({ event }) => (event.kind === "neighbour" ? [event.address] : [])),
  );

const onTheWay = ({ paths }: Prediction): NamespaceId[] =>
  paths.flatMap(({ hops }) => hops.map(({ namespace }) => namespace));

function endOf({ paths }: Prediction): NamespaceId | undefined {
  const path = paths.find(({ outcome }) => outcome === "reached");
  return path?.hops.findLast(({ direction }) => direction === "there")?.namespace;
}
