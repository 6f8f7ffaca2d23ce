import { containerPath } from "./container-path.ts";
import { forEach } from "./each.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly signal?: string;
  readonly timeout?: number;
  /** The name that `--timeout` had until Docker 28. */
  readonly time?: number;
}

/** `stop` and `restart`: what they ask of the engine differs by its name alone. */
export const stopping = (action: "stop" | "restart", about: string) =>
  verb<Options>({
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about,
    flags: [
      flag("-s, --signal", "string", "Signal to send to the container"),
      flag("-t, --timeout", "int", "Seconds to wait before killing the container"),
      flag("--time", "int", "Seconds to wait before killing the container").hideHelp(),
    ],
    least: 1,
    most: Number.POSITIVE_INFINITY,
    async run(context, words, { signal, timeout, time }) {
      await forEach(context, words, async (word) => {
        await context.client.post(containerPath(word, action), { signal, t: timeout ?? time });
        return word;
      });
    },
  });
