/** What `run`, `start -a` and `attach` share: streams, size, signals and exit status of a container. */
import { containerPath } from "./container-path.ts";
import type { Context } from "./context.ts";
import { followSize, forwardSignals, runSession, type SessionOptions } from "./session.ts";

export interface AttachedOptions extends SessionOptions {
  readonly sigProxy: boolean;
}

interface WaitAnswer {
  readonly StatusCode: number;
  readonly Error?: { readonly Message?: string } | null;
}

/** Ask for the exit status; the engine has taken note on return. */
async function startWaiting(
  { client }: Context,
  id: string,
  condition: "next-exit" | "removed" | "not-running",
): Promise<{ readonly status: () => Promise<number> }> {
  const answer = await client.stream("POST", containerPath(id, "wait"), { query: { condition } });
  return {
    async status() {
      let text = "";
      for await (const piece of answer.setEncoding("utf8")) text += piece;
      const { StatusCode, Error: failure } = JSON.parse(text) as WaitAnswer;
      if (failure?.Message) throw new Error(failure.Message);
      return StatusCode;
    },
  };
}

/**
 * Attach, then let `begin` start the container, and stay with it.
 * @returns how it ended; with the status of its process where it did
 */
export async function runAttached(
  context: Context,
  id: string,
  options: AttachedOptions & { readonly condition: "next-exit" | "removed" | "not-running" },
  begin: () => Promise<void>,
): Promise<number | "detached"> {
  const { stdin, stdout, stderr, detachKeys } = options;
  const connection = await context.client.connect(containerPath(id, "attach"), {
    query: { stream: true, stdin, stdout, stderr, detachKeys: detachKeys || undefined },
  });
  const stops: (() => void)[] = [];
  try {
    const waiting = await startWaiting(context, id, options.condition);
    // At a terminal, keys make signals; one that comes otherwise (it was closed) is for this command, as Docker has it.
    if (options.sigProxy && !options.tty) stops.push(forwardSignals(context, containerPath(id, "kill")));
    // The streams run while the container starts: what it says first is not lost.
    const session = runSession(connection, options);
    session.catch(() => {});
    try {
      await begin();
    } catch (thrown) {
      connection.stream.destroy();
      throw thrown;
    }
    if (options.tty) stops.push(followSize(context, containerPath(id, "resize")));
    if ((await session) === "detached") return "detached";
    return await waiting.status();
  } finally {
    for (const stop of stops) stop();
    connection.stream.destroy();
  }
}
