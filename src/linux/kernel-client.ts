/** `Kernel` on a thread of its own, seen from the main thread. */
import { Worker } from "node:worker_threads";
import { asError, EngineError, unavailable } from "../lib/errors.ts";
import type { Kernel } from "./kernel.ts";
import { type Answered, type Asked, type Call, type Given, KERNEL_THREAD } from "./kernel-protocol.ts";
import { closeContext, type NftContext, openContext } from "./nftables/library.ts";
import { errorFromWire } from "./wire.ts";

/** How long `close` waits for what was asked for before it ends the thread. */
const CLOSE_PATIENCE_MS = 10_000;

// The sources run as they are, or as the JavaScript that they were built to.
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const WORKER = new URL(`./kernel-worker.${extension}`, import.meta.url);

export interface KernelOptions {
  /** Told of a thread that died; the next call starts another. */
  readonly onDeath?: (cause: Error) => void;
  /** The thread's program, `kernel-worker` unless said otherwise: for tests of how its death is met. */
  readonly program?: URL;
}

/**
 * Start the kernel's thread. It acts on the network namespace that the caller's thread is in.
 * @throws unavailable where it can't open its sockets, and as `openContext`
 */
export async function startKernel(options: KernelOptions = {}): Promise<Kernel> {
  const client = new KernelClient(options, openContext());
  try {
    await client.start();
    return client;
  } catch (thrown) {
    await client.close();
    throw thrown;
  }
}

/** One life of the thread. */
class Thread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #alive = true;
  readonly ready: Promise<void>;
  /** Why it ended: nothing where it was asked to. */
  readonly ended: Promise<Error | undefined>;

  constructor(program: URL, given: Given) {
    // Flags of the main thread (test runner, inspector, heap sizes) are not for this one.
    this.#worker = new Worker(program, { name: KERNEL_THREAD, execArgv: [], workerData: given });
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<Error | undefined>();
    this.ready = ready.promise;
    this.ended = ended.promise;
    let cause: Error | undefined;
    this.#worker.on("error", (error) => {
      cause = asError(error);
    });
    this.#worker.on("message", (message: Answered) => {
      if ("ready" in message) ready.resolve();
      else this.#settle(message);
    });
    this.#worker.on("exit", (code) => {
      this.#alive = false;
      const why = cause ?? (code === 0 ? undefined : new Error(`exit code ${code}`));
      const lost = unavailable(`the kernel's thread ended${why ? `: ${why.message}` : ""}`, why);
      for (const { reject } of this.#pending.values()) reject(lost);
      this.#pending.clear();
      ready.reject(lost);
      ended.resolve(why);
    });
    // Whoever calls hears of it through the call.
    this.ready.catch(() => {});
  }

  /** A message to a thread that is not would be lost, and its caller would wait for ever. */
  get alive(): boolean {
    return this.#alive;
  }

  ask(call: Call, args: readonly unknown[]): Promise<unknown> {
    this.#lastId += 1;
    const waiting = Promise.withResolvers<unknown>();
    this.#pending.set(this.#lastId, waiting);
    this.#worker.postMessage({ id: this.#lastId, call, args } satisfies Asked);
    return waiting.promise;
  }

  /** At once, whatever it is doing. */
  terminate(): void {
    void this.#worker.terminate();
  }

  #settle(message: Exclude<Answered, { ready: true }>): void {
    const waiting = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if ("error" in message) waiting?.reject(errorFromWire(message.error));
    else waiting?.resolve(message.result);
  }
}

class KernelClient implements Kernel {
  readonly #options: KernelOptions;
  readonly #nft: NftContext;
  #thread: Thread | undefined;
  #closing: Promise<void> | undefined;

  /** @param nft outlives every thread that works with it, and is closed with this */
  constructor(options: KernelOptions, nft: NftContext) {
    this.#options = options;
    this.#nft = nft;
  }

  start(): Promise<void> {
    return this.#living().ready;
  }

  apply: Kernel["apply"] = (plan) => this.#ask("apply", [plan]);
  dismantle: Kernel["dismantle"] = (plan) => this.#ask("dismantle", [plan]);
  deleteLinks: Kernel["deleteLinks"] = (names) => this.#ask("deleteLinks", [names]);
  links: Kernel["links"] = (netns) => this.#ask("links", [netns]);
  traffic: Kernel["traffic"] = (netns) => this.#ask("traffic", [netns]);
  addresses: Kernel["addresses"] = (netns) => this.#ask("addresses", [netns]);
  routes: Kernel["routes"] = (netns) => this.#ask("routes", [netns]);
  neighbours: Kernel["neighbours"] = (netns) => this.#ask("neighbours", [netns]);
  nft: Kernel["nft"] = (commands, output) => this.#ask("nft", [commands, output]);
  forgetConnections: Kernel["forgetConnections"] = (filters) => this.#ask("forgetConnections", [filters]);
  readSysctl: Kernel["readSysctl"] = (key, netns) => this.#ask("readSysctl", [key, netns]);

  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => closeContext(this.#nft));
    return this.#closing;
  }

  async #close(): Promise<void> {
    const thread = this.#thread;
    if (!thread?.alive) return;
    const patience = setTimeout(() => thread.terminate(), CLOSE_PATIENCE_MS);
    try {
      await thread.ask("close", []);
    } catch (thrown) {
      // A thread that died meanwhile is closed too.
      if (!(thrown instanceof EngineError && thrown.kind === "unavailable")) throw thrown;
    } finally {
      await thread.ended;
      clearTimeout(patience);
    }
  }

  /** The thread, or a new one where the last has died. */
  #living(): Thread {
    if (this.#thread?.alive) return this.#thread;
    const thread = new Thread(this.#options.program ?? WORKER, { nft: this.#nft });
    this.#thread = thread;
    void thread.ended.then((cause) => {
      if (cause && !this.#closing) this.#options.onDeath?.(cause);
    });
    return thread;
  }

  async #ask<Name extends Call>(
    call: Name,
    args: Parameters<Kernel[Name]>,
  ): Promise<Awaited<ReturnType<Kernel[Name]>>> {
    if (this.#closing) throw unavailable("the kernel's thread is closed");
    // The thread answers each call with what its method returns: see `kernel-worker.ts`.
    return (await this.#living().ask(call, args)) as Awaited<ReturnType<Kernel[Name]>>;
  }
}
