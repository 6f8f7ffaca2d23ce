/** This terminal's streams and a process's, tied together until the process ends or the keys to leave are typed. */
import type { Readable } from "node:stream";
import { DEFAULT_DETACH_KEYS, DetachKeys, parseDetachKeys } from "../lib/detach-keys.ts";
import type { Context } from "./context.ts";
import { type Connection, writeOutput } from "./engine-client.ts";
import { ExitError } from "./errors.ts";
import { rawTerminal } from "./raw-terminal.ts";

export interface SessionOptions {
  /** The process has a terminal: ours goes raw. */
  readonly tty: boolean;
  /** Give it our standard input. */
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys?: string | undefined;
}

/** @throws ExitError 1, as Docker has it: a terminal was asked for, and standard input is none */
export function checkTerminal(options: { readonly tty: boolean; readonly stdin: boolean }): void {
  if (options.tty && options.stdin && !process.stdin.isTTY) {
    throw new ExitError(1, "the input device is not a TTY");
  }
}

/** Columns and rows of our terminal; undefined where there is none. */
export function terminalSize(): { readonly columns: number; readonly rows: number } | undefined {
  const { columns, rows, isTTY } = process.stdout;
  return isTTY && columns && rows ? { columns, rows } : undefined;
}

/**
 * Send our input on; its end is passed on as a half-close, so that `cat` in the container ends. `onInput` hears
 * what is sent.
 */
function feed(input: Readable, connection: Connection, onInput: (data: Buffer) => void): () => void {
  const onData = (data: Buffer) => {
    onInput(data);
    if (!connection.stream.write(data)) {
      input.pause();
      connection.stream.once("drain", () => input.resume());
    }
  };
  const onEnd = () => connection.stream.end();
  input.on("data", onData).once("end", onEnd).once("error", onEnd);
  return () => {
    input.off("data", onData).off("end", onEnd).pause();
  };
}

const detachKeysOf = ({ detachKeys }: SessionOptions): Uint8Array =>
  detachKeys ? parseDetachKeys(detachKeys) : DEFAULT_DETACH_KEYS;

/**
 * @returns `detached` where the keys to leave were typed; else the process's output has come to its end
 */
export async function runSession(
  connection: Connection,
  options: SessionOptions,
): Promise<"ended" | "detached"> {
  // The engine acts on the keys; they are looked for here to know why the connection ends.
  const keys = new DetachKeys(options.tty ? detachKeysOf(options) : new Uint8Array());
  let detached = false;
  const onInput = (data: Buffer) => {
    detached ||= keys.push(data).detached;
  };
  const raw = options.tty && options.stdin && process.stdin.isTTY;
  const giveBack = raw ? rawTerminal() : undefined;
  const stopFeeding = options.stdin ? feed(process.stdin, connection, onInput) : undefined;
  try {
    await writeOutput(connection, {
      stdout: options.stdout ? process.stdout : undefined,
      stderr: options.stderr ? process.stderr : undefined,
    });
  } finally {
    stopFeeding?.();
    giveBack?.();
    connection.stream.destroy();
  }
  return detached ? "detached" : "ended";
}

/** How often a size is offered to a process that isn't there yet. */
const TRIES = 5;

/** Tell the process our terminal's size, now and whenever it changes. @returns what ends it */
export function followSize({ client }: Context, path: string): () => void {
  const send = async () => {
    const size = terminalSize();
    if (size) await client.post(path, { h: size.rows, w: size.columns });
  };
  const first = async () => {
    for (let i = 1; i <= TRIES; i += 1) {
      try {
        return await send();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, i * 10).unref());
      }
    }
  };
  // A process that ends meanwhile has no size: nothing to tell anyone.
  const onResize = () => void send().catch(() => {});
  void first();
  process.stdout.on("resize", onResize);
  return () => void process.stdout.off("resize", onResize);
}

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT"] as const;

/** Signals that we get go to the container. @returns what ends it */
export function forwardSignals({ client, err }: Context, killPath: string): () => void {
  const onSignal = (signal: NodeJS.Signals) => {
    client.post(killPath, { signal: signal.replace(/^SIG/, "") }).catch((thrown: Error) => {
      if (!/is not running|No such container/.test(thrown.message)) err(`${thrown.message}\n`);
    });
  };
  for (const name of FORWARDED) process.on(name, onSignal);
  return () => {
    for (const name of FORWARDED) process.off(name, onSignal);
  };
}
