/** A process's streams over a client's connection, at the pace of the slower side. */
import type { Duplex, Readable } from "node:stream";
import type { Session } from "../container/types.ts";
import type { TakenConnection } from "./request.ts";
import { frameHeader, type OutputStream } from "./stdcopy.ts";

/** How long a client may go on sending after all was said, milliseconds. */
const LINGER = 10_000;

/**
 * Carry a session's streams until both sides are done. A client that went is no failure.
 * Without `stdin`, what the client sends is read and dropped.
 */
export async function carry(
  connection: TakenConnection,
  session: Session,
  options: {
    readonly stdin: boolean /** Never in frames, though without a terminal. */;
    readonly raw?: boolean;
  },
): Promise<void> {
  const { stream, input } = connection;
  stream.once("close", () => session.close());
  if (stream.destroyed) session.close();
  let over = false;
  const sending = sendInput(input, session, () => options.stdin && !over);
  try {
    await writeOutput(stream, session, options.raw ?? session.terminal);
  } finally {
    over = true;
    session.close();
    lingerThenClose(stream);
  }
  await sending;
}

/** Not faster than the process takes it; what is not `wanted` (any more) is read and dropped. Never rejects. */
async function sendInput(input: Readable, session: Session, wanted: () => boolean): Promise<void> {
  try {
    for await (const piece of input.iterator({ destroyOnReturn: false })) {
      if (wanted()) await session.write(piece);
    }
    if (wanted()) await session.endInput();
  } catch {
    // The connection broke: its "close" ends the session. Or the process's input broke: it has ended.
    input.resume();
  }
}

async function writeOutput(stream: Duplex, session: Session, raw: boolean): Promise<void> {
  for await (const frame of session.output) {
    if (!stream.writable) break;
    const ready = raw ? stream.write(frame.data) : writeFrame(stream, frame.stream, frame.data);
    if (!ready) await drained(stream);
  }
}

/** Header and data in one system call. @returns false where the caller should wait for `drained` */
export function writeFrame(stream: Duplex, output: OutputStream, data: Uint8Array): boolean {
  stream.cork();
  stream.write(frameHeader(output, data.length));
  const ready = stream.write(data);
  stream.uncork();
  return ready;
}

/** Resolves when more can be written, or the other side has gone. */
export const drained = (stream: NodeJS.EventEmitter & { readonly destroyed: boolean }): Promise<void> =>
  new Promise((resolve) => {
    if (stream.destroyed) return resolve();
    const wake = () => {
      stream.removeListener("drain", wake);
      stream.removeListener("close", wake);
      resolve();
    };
    stream.once("drain", wake);
    stream.once("close", wake);
  });

/**
 * End our half. Closing at once while the client still sends would make the kernel reset the connection,
 * and the client lose the end of the output: so read on until it closes, for a while.
 */
export function lingerThenClose(stream: Duplex): void {
  if (stream.destroyed || stream.writableEnded) return;
  stream.end();
  const timer = setTimeout(() => stream.destroy(), LINGER);
  timer.unref();
  stream.once("close", () => clearTimeout(timer));
  if (stream.readableFlowing === null) stream.resume();
  if (stream.readableEnded) stream.once("finish", () => stream.destroy());
}
