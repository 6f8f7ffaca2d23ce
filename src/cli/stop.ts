import { containerPath, type StopOptions, stopFlags } from "./container-path.ts";
import { forEach } from "./each.ts";
import { verb } from "./verb.ts";

export default verb<StopOptions>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  about: "Stop one or more running containers",
  flags: stopFlags(),
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { signal, timeout, time }) {
    await forEach(context, words, async (word) => {
      await context.client.post(containerPath(word, "stop"), { signal, t: timeout ?? time });
      return word;
    });
  },
});
