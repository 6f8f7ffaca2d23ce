/** What `run` and `create` share: the container made, its image pulled where it is missing. */
import { existsSync, writeFileSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";
import type { Context } from "./context.ts";
import { createBody } from "./create-request.ts";
import { pullImage } from "./pull.ts";
import type { RunOptions } from "./run-flags.ts";
import { terminalSize } from "./session.ts";

interface Created {
  readonly Id: string;
  readonly Warnings?: readonly string[] | null;
}

/** @returns its id, which is in the `--cidfile` as well; the engine's warnings are told */
export async function createContainer(
  context: Context,
  options: RunOptions,
  words: readonly string[],
): Promise<string> {
  const { cidfile } = options;
  if (cidfile && existsSync(cidfile)) {
    throw new Error(
      `container ID file found, make sure the other container isn't running or delete ${cidfile}`,
    );
  }
  const { Id: id, Warnings: warnings } = await create(context, options, words);
  for (const warning of warnings ?? []) context.err(`WARNING: ${warning}\n`);
  if (cidfile) writeFileSync(cidfile, id);
  return id;
}

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
    await pullImage(context, image, { ...options, announce: true });
    return await post();
  }
}
