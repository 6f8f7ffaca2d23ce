import { messageOf } from "../lib/errors.ts";
import { containerPath } from "./container-path.ts";
import { forEach } from "./each.ts";
import { isNotFound } from "./engine-client.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly force: boolean;
  readonly volumes: boolean;
  readonly link: boolean;
}

export default verb<Options>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  about: "Remove one or more containers",
  flags: [
    flag("-f, --force", "bool", "Force the removal of a running container (uses SIGKILL)"),
    flag("-l, --link", "bool", "Remove the specified link"),
    flag("-v, --volumes", "bool", "Remove anonymous volumes associated with the container"),
  ],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { force, volumes, link }) {
    await forEach(context, words, async (word) => {
      // A leading slash is how the API writes names.
      const name = word.replace(/^\/+/, "");
      if (!name) throw new Error("Container name cannot be empty");
      try {
        await context.client.remove(containerPath(name), { force, v: volumes, link });
        return word;
      } catch (thrown) {
        // To force is to want it gone: what isn't there is told, and no failure.
        if (!force || !isNotFound(thrown)) throw thrown;
        context.err(`${messageOf(thrown)}\n`);
        return undefined;
      }
    });
  },
});
