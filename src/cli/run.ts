import { messageOf } from "../lib/errors.ts";
import { runAttached } from "./attached.ts";
import { containerPath } from "./container-path.ts";
import type { Context } from "./context.ts";
import { attachedStreams } from "./create-request.ts";
import { createContainer } from "./creating.ts";
import { ExitError, UsageError } from "./errors.ts";
import { type RunOptions, runFlags } from "./run-flags.ts";
import { checkTerminal } from "./session.ts";
import { verb } from "./verb.ts";

/** Docker's statuses of `run`: 127 for a command that isn't there, 126 for one that can't be run, 125 for the rest. */
export function startStatus(message: string): number {
  if (/executable file not found|no such file or directory/.test(message)) return 127;
  if (/permission denied|is a directory/.test(message)) return 126;
  return 125;
}

const failure = (message: string, status = 125): ExitError =>
  new ExitError(status, `drawbridge: ${message}\n\nRun 'drawbridge run --help' for more information`);

async function start(context: Context, id: string): Promise<void> {
  try {
    await context.client.post(containerPath(id, "start"));
  } catch (thrown) {
    const message = messageOf(thrown);
    throw failure(message, startStatus(message));
  }
}

export default verb<RunOptions>({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  about: "Create and run a new container from an image",
  flags: runFlags(),
  least: 1,
  most: Number.POSITIVE_INFINITY,
  flagsFirst: true,
  failure: 125,
  async run(context, words, options) {
    try {
      return await run(context, words, options);
    } catch (thrown) {
      throw thrown instanceof ExitError || thrown instanceof UsageError ? thrown : failure(messageOf(thrown));
    }
  },
});

async function run(context: Context, words: readonly string[], options: RunOptions): Promise<number> {
  const { detach, detachKeys, rm, sigProxy, tty } = options;
  const streams = attachedStreams(options);
  checkTerminal({ tty, stdin: streams.stdin });
  const id = await createContainer(context, options, words);
  if (detach) {
    await start(context, id);
    context.out(`${id}\n`);
    return 0;
  }
  const condition = rm ? "removed" : "next-exit";
  const ended = await runAttached(context, id, { ...streams, tty, detachKeys, sigProxy, condition }, () =>
    start(context, id),
  );
  return ended === "detached" ? 0 : ended;
}
