/**
 * Queries for names that nobody here has are passed on, as they came, to the servers of the sandbox in their order:
 * to the next where one refuses, fails, or takes too long; whoever answers first is believed.
 */
import type { NetnsPath } from "../../linux/plan.ts";
import { messageId, Rcode, rcodeOf, setMessageId } from "./message.ts";
import type { Upstream } from "./types.ts";
import {
  type Attempt,
  isSelf,
  type Loop,
  type Outcome,
  type Question,
  type Server,
  serverKey,
  serverOf,
} from "./upstream.ts";
import { TcpServers } from "./upstream-tcp.ts";
import { UdpServer } from "./upstream-udp.ts";

/** Queries that may be on their way for a sandbox. */
const MOST_OUTSTANDING = 1024;

/** Milliseconds after which the next server is asked as well; one that was too late last time has less. */
const PATIENCE = 2000;
const PATIENCE_WITH_LATE = 500;
/** When the last has been asked, before the asker is told that nobody answers. Docker's for each. */
const LAST_PATIENCE = 4000;

/** Who asked: told once. */
export interface Asker {
  readonly transport: "udp" | "tcp";
  /** Good until it returns. */
  answer(message: Buffer): void;
  /** No server gave an answer. */
  fail(): void;
}

interface Known {
  readonly server: Server;
  readonly udp: UdpServer;
  late: boolean;
}

export class Forwarder {
  readonly #loop: Loop;
  readonly #tcp: TcpServers;
  readonly #exchanges = new Set<Exchange>();
  #servers: ReadonlyMap<string, Known> = new Map();
  /** Those that are not asked any more, and may still have sockets. */
  #former: readonly Known[] = [];

  constructor(loop: Loop) {
    this.#loop = loop;
    this.#tcp = new TcpServers(loop);
  }

  /**
   * Ask these from now on, by the ways that the sandbox has now: its networks may be others. What was asked of others may
   * still be answered.
   */
  use(upstreams: readonly Upstream[], netns: NetnsPath): void {
    const before = this.#servers;
    for (const { udp } of before.values()) udp.renew();
    this.#servers = new Map(
      upstreams
        .filter((upstream) => !isSelf(upstream))
        .map((upstream) => {
          const key = serverKey(upstream);
          return [key, before.get(key) ?? this.#known(serverOf(upstream, netns))] as const;
        }),
    );
    const current = new Set(this.#servers.values());
    this.#former = [...this.#former, ...before.values()].filter(
      (known) => known.udp.open && !current.has(known),
    );
  }

  /** False where no server may be asked. */
  get able(): boolean {
    return this.#servers.size > 0;
  }

  get full(): boolean {
    return this.#exchanges.size >= MOST_OUTSTANDING;
  }

  forward(question: Question, asker: Asker): void {
    const exchange = new Exchange(this.#loop, [...this.#servers.values()], question, asker, this.#tcp, () =>
      this.#exchanges.delete(exchange),
    );
    this.#exchanges.add(exchange);
    exchange.askNext();
  }

  /** Tells no asker. */
  close(): void {
    for (const exchange of [...this.#exchanges]) exchange.cancel();
    for (const { udp } of [...this.#servers.values(), ...this.#former]) udp.close();
    this.#tcp.close();
  }

  #known(server: Server): Known {
    return { server, udp: new UdpServer(this.#loop, server), late: false };
  }
}

/** One query, until it is answered. */
class Exchange {
  readonly #loop: Loop;
  readonly #servers: readonly Known[];
  readonly #question: Question;
  readonly #asker: Asker;
  readonly #id: number;
  readonly #tcp: TcpServers;
  readonly #onEnd: () => void;
  readonly #attempts = new Set<Attempt>();
  #asked = 0;

  constructor(
    loop: Loop,
    servers: readonly Known[],
    question: Question,
    asker: Asker,
    tcp: TcpServers,
    onEnd: () => void,
  ) {
    this.#loop = loop;
    this.#servers = servers;
    this.#question = question;
    this.#asker = asker;
    this.#id = messageId(question.message);
    this.#tcp = tcp;
    this.#onEnd = onEnd;
  }

  /** The next server; where all have been asked, those that were late may still answer until the time is up. */
  askNext(): void {
    const known = this.#servers[this.#asked];
    if (!known) {
      if (this.#attempts.size === 0) this.#fail();
      return;
    }
    this.#asked += 1;
    const outcome: Outcome = {
      answered: (answer) => this.#answered(known, attempt, answer),
      failed: () => this.#failed(attempt),
    };
    const attempt =
      this.#asker.transport === "udp"
        ? known.udp.ask(this.#question, outcome)
        : this.#tcp.ask(known.server, this.#question, outcome);
    this.#attempts.add(attempt);
    const last = this.#asked === this.#servers.length;
    const patience = known.late ? PATIENCE_WITH_LATE : PATIENCE;
    this.#loop.deadlines.set(this, last ? LAST_PATIENCE : patience, () => {
      known.late = true;
      if (last) this.#fail();
      else this.askNext();
    });
  }

  /** Tells the asker nothing. */
  cancel(): void {
    this.#loop.deadlines.clear(this);
    for (const attempt of this.#attempts) attempt.cancel();
    this.#attempts.clear();
    this.#onEnd();
  }

  #answered(known: Known, attempt: Attempt, answer: Buffer): void {
    known.late = false;
    const rcode = rcodeOf(answer);
    if (rcode === Rcode.SERVFAIL || rcode === Rcode.REFUSED) {
      this.#failed(attempt);
      return;
    }
    this.#attempts.delete(attempt);
    this.cancel();
    setMessageId(answer, this.#id);
    this.#asker.answer(answer);
  }

  /** One that was late and fails now has its follower already. */
  #failed(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    if (this.#attempts.size === 0) this.askNext();
  }

  #fail(): void {
    this.cancel();
    this.#asker.fail();
  }
}
