import { messageOf } from "../lib/errors.ts";
import { runAttached } from "./attached.ts";
import { containerPath } from "./container-path.ts";
import type { Context } from "./context.ts";
import { ExitError } from "./errors.ts";
import { checkTerminal } from "./session.ts";
import { flag, verb } from "./verb.ts";
import type { ContainerInspect } from "./wire.ts";

interface Options {
  readonly attach: boolean;
  readonly detachKeys?: string;
  readonly interactive: boolean;
}

async function startAll(context: Context, words: readonly string[]): Promise<void> {
  const failed: string[] = [];
  for (const word of words) {
    try {
      await context.client.post(containerPath(word, "start"));
      context.out(`${word}\n`);
    } catch (thrown) {
      context.err(`${messageOf(thrown)}\n`);
      failed.push(word);
    }
  }
  if (failed.length > 0) throw new ExitError(1, `Error: failed to start containers: ${failed.join(", ")}`);
}

async function startAttached(context: Context, reference: string, options: Options): Promise<number> {
  const {
    Id: id,
    Config: config,
    ...container
  } = await context.client.get<ContainerInspect & { HostConfig: { AutoRemove: boolean } }>(
    containerPath(reference, "json"),
  );
  const stdin = options.interactive && config.OpenStdin;
  checkTerminal({ tty: config.Tty, stdin });
  const ended = await runAttached(
    context,
    id,
    {
      tty: config.Tty,
      stdin,
      stdout: true,
      stderr: true,
      detachKeys: options.detachKeys,
      sigProxy: true,
      condition: container.HostConfig.AutoRemove ? "removed" : "next-exit",
    },
    async () => {
      await context.client.post(containerPath(id, "start"));
    },
  );
  return ended === "detached" ? 0 : ended;
}

export default verb<Options>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  about: "Start one or more stopped containers",
  flags: [
    flag("-a, --attach", "bool", "Attach STDOUT/STDERR and forward signals"),
    flag("--detach-keys", "string", "Override the key sequence for detaching a container"),
    flag("-i, --interactive", "bool", "Attach container's STDIN"),
  ],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, options) {
    if (!options.attach && !options.interactive) {
      await startAll(context, words);
      return 0;
    }
    if (words.length > 1) throw new ExitError(1, "you cannot start and attach multiple containers at once");
    return startAttached(context, words[0] ?? "", options);
  },
});
