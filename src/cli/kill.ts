import { containerPath } from "./container-path.ts";
import { forEach } from "./each.ts";
import { flag, verb } from "./verb.ts";

export default verb<{ signal?: string }>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  about: "Kill one or more running containers",
  flags: [flag("-s, --signal", "string", "Signal to send to the container")],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { signal }) {
    await forEach(context, words, async (word) => {
      await context.client.post(containerPath(word, "kill"), { signal });
      return word;
    });
  },
});
