/**
 * Queries over TCP, those of clients that came by it: a connection each, as not every server takes more than one
 * query on one. Only so many stand at a time in a sandbox; others wait.
 */
import { closeSync } from "node:fs";
import { KernelError } from "../../linux/ffi.ts";
import { READABLE, WRITABLE } from "../../linux/poller.ts";
import { connectStream, readStream, writeStream } from "../../linux/stream.ts";
import { FrameReader, frame } from "./frames.ts";
import { answers, messageId, setMessageId } from "./message.ts";
import { randomU16 } from "./random.ts";
import { type Attempt, attempt, type Loop, type Outcome, type Question, type Server } from "./upstream.ts";

const CONNECTIONS = 64;

const chunk = Buffer.alloc(65536);

export class TcpServers {
  readonly #loop: Loop;
  readonly #open = new Set<Connection>();
  /** In the order of their coming. */
  readonly #waiting = new Set<() => void>();

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  ask(server: Server, question: Question, outcome: Outcome): Attempt {
    let begun: Attempt | undefined;
    const begin = () => {
      this.#waiting.delete(begin);
      begun = attempt(this.#loop, outcome, () => this.#connect(server, question, outcome));
    };
    if (this.#open.size < CONNECTIONS) begin();
    else this.#waiting.add(begin);
    return {
      cancel: () => {
        this.#waiting.delete(begin);
        begun?.cancel();
      },
    };
  }

  /** Tells no outcome. */
  close(): void {
    this.#waiting.clear();
    for (const connection of [...this.#open]) connection.cancel();
  }

  /** @throws KernelError */
  #connect(server: Server, question: Question, outcome: Outcome): Connection {
    const connection = new Connection(this.#loop, server, question, outcome, () => {
      if (!this.#open.delete(connection)) return;
      const [next] = this.#waiting;
      next?.();
    });
    this.#open.add(connection);
    return connection;
  }
}

class Connection implements Attempt {
  readonly #loop: Loop;
  readonly #question: Question;
  readonly #outcome: Outcome;
  readonly #onClose: () => void;
  readonly #id = randomU16();
  readonly #fd: number;
  readonly #frames = new FrameReader();
  #unsent: Buffer;
  #open = true;

  /** @throws KernelError where it can't be begun */
  constructor(loop: Loop, { peer, open }: Server, question: Question, outcome: Outcome, onClose: () => void) {
    this.#loop = loop;
    this.#question = question;
    this.#outcome = outcome;
    this.#onClose = onClose;
    setMessageId(question.message, this.#id);
    this.#unsent = frame(question.message);
    this.#fd = open(() => connectStream(peer));
    loop.poller.add(this.#fd, READABLE | WRITABLE, () => this.#orFail(() => this.#serve()));
  }

  cancel(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#loop.poller.remove(this.#fd);
    closeSync(this.#fd);
    this.#onClose();
  }

  #serve(): void {
    const fd = this.#fd;
    if (this.#unsent.length > 0) {
      this.#unsent = this.#unsent.subarray(writeStream(fd, this.#unsent));
      if (this.#unsent.length === 0) this.#loop.poller.modify(fd, READABLE);
    }
    const length = readStream(fd, chunk);
    if (length === undefined) return;
    this.#frames.push(chunk.subarray(0, length));
    const answer = this.#frames.take();
    if (answer) this.#take(answer);
    else if (length === 0) this.#fail();
  }

  #take(answer: Buffer): void {
    const { message, end } = this.#question;
    const ours = messageId(answer) === this.#id && answers(answer, answer.length, message, end);
    this.cancel();
    if (ours) this.#outcome.answered(answer);
    else this.#outcome.failed();
  }

  #fail(): void {
    this.cancel();
    this.#outcome.failed();
  }

  #orFail(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      if (!(thrown instanceof KernelError)) throw thrown;
      this.#fail();
    }
  }
}
