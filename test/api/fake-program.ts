/** Small programs that only read and write streams, for containers that are none. */
import { EventEmitter, once } from "node:events";
import type { OutputFrame } from "../../src/container/process/monitor-types.ts";
import type { Session } from "../../src/container/types.ts";

/** Frames in order, for one reader; `push` resolves when it was taken. */
export class Output implements AsyncIterable<OutputFrame> {
  readonly #frames: { readonly frame: OutputFrame; readonly taken: () => void }[] = [];
  readonly #bell = new EventEmitter();
  #ended = false;
  /** Bytes that were taken. */
  taken = 0;

  push(stream: OutputFrame["stream"], data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) return resolve();
      this.#frames.push({ frame: { stream, data: Buffer.from(data) }, taken: resolve });
      this.#bell.emit("ring");
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  end(): void {
    this.#ended = true;
    this.#bell.emit("ring");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputFrame> {
    for (;;) {
      const next = this.#frames.shift();
      if (next) {
        next.taken();
        this.taken += next.frame.data.length;
        yield next.frame;
      } else if (this.#ended) return;
      else await once(this.#bell, "ring");
    }
  }
}

/** A running program of this file. */
export class Program {
  readonly output = new Output();
  readonly ended: Promise<number>;
  readonly sessions: FakeSession[] = [];
  readonly received: Buffer[] = [];
  /** While set, nothing is read: `write` waits. */
  stopped: Promise<void> | undefined;
  #settle: (code: number) => void = () => {};
  readonly #command: readonly string[];

  constructor(command: readonly string[]) {
    this.#command = command;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** `sh -c 'exit 7'` ends with 7, `echo …` prints, `cat` gives back, `yes` never stops, `sleep` does nothing. */
  start(): void {
    const line = this.#command.join(" ").replace(/^(\/bin\/)?sh -c /, "");
    const [word = "", ...rest] = line.split(" ");
    if (word === "exit") this.exit(Number(rest[0]));
    else if (word === "true") this.exit(0);
    else if (word === "echo") void this.output.push("stdout", `${rest.join(" ")}\n`).then(() => this.exit(0));
    else if (word === "both") {
      void this.output
        .push("stdout", "out\n")
        .then(() => this.output.push("stderr", "err\n"))
        .then(() => this.exit(3));
    } else if (word === "yes") void this.#yes();
  }

  async #yes(): Promise<void> {
    const data = Buffer.alloc(16 << 10, "y\n");
    while (!this.output.ended) await this.output.push("stdout", data);
  }

  async write(data: Uint8Array): Promise<void> {
    await this.stopped;
    if (this.output.ended) return;
    this.received.push(Buffer.from(data));
    if (/^cat|sh$/.test(this.#command[0] ?? "")) await this.output.push("stdout", Buffer.from(data));
  }

  endInput(): void {
    if (/^cat|sh$/.test(this.#command[0] ?? "")) this.exit(0);
  }

  exit(code: number): void {
    this.output.end();
    this.#settle(code);
  }
}

export class FakeSession implements Session {
  readonly terminal: boolean;
  readonly ended: Promise<"exited" | "detached">;
  closed = false;
  inputEnded = false;
  readonly program: Program;
  readonly output: AsyncIterable<OutputFrame>;

  constructor(program: Program, terminal: boolean) {
    this.program = program;
    this.terminal = terminal;
    this.output = program.output;
    this.ended = program.ended.then(() => "exited" as const);
    program.sessions.push(this);
  }
  write(data: Uint8Array): Promise<void> {
    return this.program.write(data);
  }
  async endInput(): Promise<void> {
    this.inputEnded = true;
    this.program.endInput();
  }
  close(): void {
    this.closed = true;
    this.program.output.end();
  }
}
