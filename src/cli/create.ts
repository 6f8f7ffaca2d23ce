import { createContainer } from "./creating.ts";
import { type RunOptions, runFlags } from "./run-flags.ts";
import { verb } from "./verb.ts";

/** Those that speak of the container's run. */
const OF_RUN = new Set(["detach", "detach-keys", "sig-proxy"]);

export default verb<Omit<RunOptions, "detach" | "detachKeys" | "sigProxy">>({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  about: "Create a new container",
  flags: runFlags().filter((option) => !OF_RUN.has(option.name())),
  least: 1,
  most: Number.POSITIVE_INFINITY,
  flagsFirst: true,
  async run(context, words, options) {
    const id = await createContainer(context, { ...options, detach: false, sigProxy: false }, words);
    context.out(`${id}\n`);
  },
});
