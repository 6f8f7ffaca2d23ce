import { runAttached } from "./attached.ts";
import { containerPath } from "./container-path.ts";
import { ExitError } from "./errors.ts";
import { checkTerminal, terminalSize } from "./session.ts";
import { flag, verb } from "./verb.ts";
import type { ContainerInspect } from "./wire.ts";

interface Options {
  readonly detachKeys?: string;
  readonly noStdin: boolean;
  readonly sigProxy: boolean;
}

function refusal({ State }: ContainerInspect): string | undefined {
  if (State.Paused) return "cannot attach to a paused container, unpause it first";
  if (State.Restarting) return "cannot attach to a restarting container, wait until it is running";
  return State.Running ? undefined : "cannot attach to a stopped container, start it first";
}

export default verb<Options>({
  usage: "[OPTIONS] CONTAINER",
  about: "Attach local standard input, output, and error streams to a running container",
  flags: [
    flag("--detach-keys", "string", "Override the key sequence for detaching a container"),
    flag("--no-stdin", "bool", "Do not attach STDIN"),
    flag("--sig-proxy", "bool", "Proxy all received signals to the process (default true)").default(true),
  ],
  least: 1,
  most: 1,
  async run(context, [reference = ""], { detachKeys, noStdin, sigProxy }) {
    const container = await context.client.get<ContainerInspect>(containerPath(reference, "json"));
    const refused = refusal(container);
    if (refused) throw new ExitError(1, refused);
    const { Id: id, Config: config } = container;
    const tty = config.Tty;
    const stdin = !noStdin && config.OpenStdin;
    checkTerminal({ tty, stdin });
    const options = {
      tty,
      stdin,
      stdout: true,
      stderr: true,
      detachKeys,
      sigProxy,
      condition: "not-running" as const,
    };
    const ended = await runAttached(context, id, options, async () => {
      const size = tty ? terminalSize() : undefined;
      // A program draws anew only when its size changes: one more, and then (by following ours) the right one.
      if (size)
        await context.client.post(containerPath(id, "resize"), { h: size.rows + 1, w: size.columns + 1 });
    });
    if (ended === "detached") throw new ExitError(1, "read escape sequence");
    return ended;
  },
});
