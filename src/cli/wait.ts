import { containerPath } from "./container-path.ts";
import { forEach } from "./each.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "CONTAINER [CONTAINER...]",
  about: "Block until one or more containers stop, then print their exit codes",
  flags: [],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words) {
    await forEach(context, words, async (word) => {
      const { StatusCode } = await context.client.post<{ StatusCode: number }>(containerPath(word, "wait"));
      return String(StatusCode);
    });
  },
});
