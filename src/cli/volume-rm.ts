import { forEach } from "./each.ts";
import { flag, verb } from "./verb.ts";
import { volumePath } from "./volume-path.ts";

export default verb<{ force: boolean }>({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  about: "Remove one or more volumes",
  flags: [flag("-f, --force", "bool", "Force the removal of one or more volumes")],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { force }) {
    await forEach(context, words, async (word) => {
      await context.client.remove(volumePath(word), { force });
      return word;
    });
  },
});
