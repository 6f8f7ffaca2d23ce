/** A client at a process's streams, perhaps before that process exists (Docker API, "Attach to a container"). */
import { DetachKeys } from "../../lib/detach-keys.ts";
import { onceSettled } from "../../lib/once-settled.ts";
import type { Attachment, AttachOptions, OutputFrame, Supervised } from "../process/monitor-types.ts";
import type { Session } from "../types.ts";

export interface StreamSessionOptions {
  readonly attach: AttachOptions;
  readonly terminal: boolean;
  /** Empty for none. Only a terminal's keystrokes are watched. */
  readonly detachKeys: Uint8Array;
  /** What comes before the process's own output: the log until now. */
  readonly before?: AsyncIterable<OutputFrame>;
  /** The client typed its detach keys. */
  readonly onDetach: () => void;
  /** The client has gone, or the process has ended. */
  readonly onEnd: () => void;
}

/**
 * Waits for `bind`: what is written until then is delivered then, and nothing of the process's output is
 * missed. `abandon` ends it where there will be no process.
 */
export class StreamSession implements Session {
  readonly terminal: boolean;
  readonly ended: Promise<"exited" | "detached">;
  readonly output: AsyncIterable<OutputFrame>;
  readonly #options: StreamSessionOptions;
  readonly #keys: DetachKeys;
  readonly #attachment = Promise.withResolvers<Attachment | undefined>();
  readonly #ended = Promise.withResolvers<"exited" | "detached">();
  #bound: Attachment | undefined;
  #over = false;
  #forget = () => {};

  constructor(options: StreamSessionOptions) {
    this.#options = options;
    this.terminal = options.terminal;
    this.ended = this.#ended.promise;
    this.#keys = new DetachKeys(options.terminal ? options.detachKeys : new Uint8Array());
    this.output = this.#frames();
  }

  /** Here is the process. */
  bind(supervised: Supervised): void {
    if (this.#over) return;
    this.#bound = supervised.attach(this.#options.attach);
    this.#attachment.resolve(this.#bound);
    this.#forget = onceSettled(supervised.exited, () => this.#end("exited"));
  }

  /** There will be none. */
  abandon(): void {
    this.#end("exited");
  }

  async write(data: Uint8Array): Promise<void> {
    if (this.#over || !this.#options.attach.stdin) return;
    const { forward, detached } = this.#keys.push(data);
    if (forward.length > 0) await (await this.#attachment.promise)?.write(forward);
    if (!detached || this.#over) return;
    this.#options.onDetach();
    this.#end("detached");
    this.#bound?.close();
  }

  async endInput(): Promise<void> {
    if (!this.#options.attach.stdin) return;
    const held = this.#keys.flush();
    const attachment = await this.#attachment.promise;
    if (held.length > 0) await attachment?.write(held);
    await attachment?.endInput();
  }

  close(): void {
    this.#end("detached");
    this.#bound?.close();
  }

  #end(how: "exited" | "detached"): void {
    if (this.#over) return;
    this.#over = true;
    this.#forget();
    this.#ended.resolve(how);
    this.#attachment.resolve(undefined);
    this.#options.onEnd();
  }

  async *#frames(): AsyncGenerator<OutputFrame> {
    if (this.#options.before) yield* this.#options.before;
    const attachment = await this.#attachment.promise;
    if (attachment) yield* attachment.output;
  }
}
