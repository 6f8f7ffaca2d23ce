import { containerPath } from "./container-path.ts";
import { forEach } from "./each.ts";
import { ExitError } from "./errors.ts";
import { flag, verb } from "./verb.ts";

export default verb<{ force: boolean; volumes: boolean; link: boolean }>({
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
      // A leading slash is how the API writes names; a name that is only that is no name.
      const name = word.replace(/^\/+/, "");
      if (!name) throw new ExitError(1, "Container name cannot be empty");
      await context.client.remove(containerPath(name), { force, v: volumes, link });
      return word;
    });
  },
});
