import { forEach } from "./each.ts";
import { isNotFound } from "./engine-client.ts";
import { networkPath } from "./network-path.ts";
import { flag, verb } from "./verb.ts";

export default verb<{ force: boolean }>({
  usage: "NETWORK [NETWORK...]",
  about: "Remove one or more networks",
  flags: [flag("-f, --force", "bool", "Do not error if the network does not exist")],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { force }) {
    await forEach(context, words, async (word) => {
      try {
        await context.client.remove(networkPath(word));
        return word;
      } catch (thrown) {
        if (force && isNotFound(thrown)) return undefined;
        throw thrown;
      }
    });
  },
});
