import { messageOf } from "../lib/errors.ts";
import { containerPath } from "./container-path.ts";
import type { Context } from "./context.ts";
import { readEnvironment } from "./environment.ts";
import { ExitError } from "./errors.ts";
import { startStatus } from "./run.ts";
import { checkTerminal, followSize, runSession, terminalSize } from "./session.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly detach: boolean;
  readonly detachKeys?: string;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly interactive: boolean;
  readonly privileged: boolean;
  readonly tty: boolean;
  readonly user?: string;
  readonly workdir?: string;
}

interface ExecInspect {
  readonly Running: boolean;
  readonly ExitCode: number | null;
}

const consoleSize = (): readonly [number, number] | undefined => {
  const size = terminalSize();
  return size && [size.rows, size.columns];
};

/** Docker's status of a command that isn't there or can't be run is 126 here, where `run` tells the two apart. */
function cannotStart(thrown: unknown): ExitError {
  const message = messageOf(thrown);
  return new ExitError(startStatus(message) === 125 ? 1 : 126, message);
}

async function interact(context: Context, id: string, options: Options): Promise<number> {
  const { interactive, tty, detachKeys } = options;
  const connection = await context.client
    .connect(`/exec/${id}/start`, {
      body: { Detach: false, Tty: tty, ...(tty && { ConsoleSize: consoleSize() }) },
    })
    .catch((thrown: unknown) => {
      throw cannotStart(thrown);
    });
  const stopResizing = tty ? followSize(context, `/exec/${id}/resize`) : undefined;
  const ended = await runSession(connection, {
    tty,
    stdin: interactive,
    stdout: true,
    stderr: true,
    detachKeys,
  });
  stopResizing?.();
  if (ended === "detached") throw new ExitError(1, "read escape sequence");
  const { ExitCode } = await context.client.get<ExecInspect>(`/exec/${id}/json`);
  return ExitCode ?? 0;
}

export default verb<Options>({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  about: "Execute a command in a running container",
  flags: [
    flag("-d, --detach", "bool", "Detached mode: run command in the background"),
    flag("--detach-keys", "string", "Override the key sequence for detaching a container"),
    flag("-e, --env", "list", "Set environment variables"),
    flag("--env-file", "list", "Read in a file of environment variables"),
    flag("-i, --interactive", "bool", "Keep STDIN open even if not attached"),
    flag("--privileged", "bool", "Give extended privileges to the command"),
    flag("-t, --tty", "bool", "Allocate a pseudo-TTY"),
    flag("-u, --user", "string", 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    flag("-w, --workdir", "string", "Working directory inside the container"),
  ],
  least: 2,
  most: Number.POSITIVE_INFINITY,
  flagsFirst: true,
  async run(context, [container = "", ...command], options) {
    const { detach, interactive, tty } = options;
    checkTerminal({ tty: tty && !detach, stdin: interactive });
    const { Id: id } = await context.client.post<{ Id: string }>(
      containerPath(container, "exec"),
      {},
      {
        Cmd: command,
        Env: readEnvironment(options.env, options.envFile),
        User: options.user,
        WorkingDir: options.workdir,
        Privileged: options.privileged,
        Tty: tty,
        AttachStdin: interactive && !detach,
        AttachStdout: !detach,
        AttachStderr: !detach,
        DetachKeys: options.detachKeys,
        ...(tty && { ConsoleSize: consoleSize() }),
      },
    );
    if (!detach) return await interact(context, id, options);
    await context.client
      .post(`/exec/${id}/start`, {}, { Detach: true, Tty: tty })
      .catch((thrown: unknown) => {
        throw cannotStart(thrown);
      });
    return 0;
  },
});
