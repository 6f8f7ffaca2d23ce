import { existsSync, writeFileSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";
import { runAttached } from "./attached.ts";
import { containerPath } from "./container-path.ts";
import type { Context } from "./context.ts";
import { attachedStreams, createBody } from "./create-request.ts";
import { isNotBuiltIn } from "./engine-client.ts";
import { ExitError, UsageError } from "./errors.ts";
import { pullImage } from "./pull.ts";
import { type RunOptions, runFlags } from "./run-flags.ts";
import { checkTerminal, terminalSize } from "./session.ts";
import { verb } from "./verb.ts";

interface Created {
  readonly Id: string;
  readonly Warnings?: readonly string[] | null;
}

/** Docker's statuses of `run`: 127 for a command that isn't there, 126 for one that can't be run, 125 for the rest. */
export function startStatus(message: string): number {
  if (/executable file not found|no such file or directory/.test(message)) return 127;
  if (/permission denied|is a directory/.test(message)) return 126;
  return 125;
}

const failure = (message: string, status = 125): ExitError =>
  new ExitError(status, `drawbridge: ${message}\n\nRun 'drawbridge run --help' for more information`);

async function create(context: Context, options: RunOptions, words: readonly string[]): Promise<Created> {
  const size = terminalSize();
  const body = createBody(options, words, size ? [size.rows, size.columns] : [0, 0]);
  const post = () =>
    context.client.post<Created>(
      "/containers/create",
      { name: options.name, platform: options.platform },
      body,
    );
  const [image = ""] = words;
  if (options.pull === "always") await pullImage(context, image, options);
  try {
    return await post();
  } catch (thrown) {
    if (options.pull === "never" || !/No such image/i.test(messageOf(thrown))) throw thrown;
    await pullMissing(context, image, options, thrown);
    return await post();
  }
}

/** @throws what creating said, where the engine pulls no images: that tells what to do instead */
async function pullMissing(
  context: Context,
  image: string,
  options: RunOptions,
  refusal: unknown,
): Promise<void> {
  try {
    await pullImage(context, image, { ...options, announce: true });
  } catch (thrown) {
    throw isNotBuiltIn(thrown) ? refusal : thrown;
  }
}

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
  const { cidfile, detach, detachKeys, rm, sigProxy, tty } = options;
  const streams = attachedStreams(options);
  checkTerminal({ tty, stdin: streams.stdin });
  if (cidfile && existsSync(cidfile)) {
    throw new Error(
      `container ID file found, make sure the other container isn't running or delete ${cidfile}`,
    );
  }
  const { Id: id, Warnings: warnings } = await create(context, options, words);
  for (const warning of warnings ?? []) context.err(`WARNING: ${warning}\n`);
  if (cidfile) writeFileSync(cidfile, id);
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
