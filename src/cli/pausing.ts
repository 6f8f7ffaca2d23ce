import { containerPath } from "./container-path.ts";
import { forEach } from "./each.ts";
import { verb } from "./verb.ts";

/** `pause` and `unpause`: what they ask of the engine differs by its name alone. */
export const pausing = (action: "pause" | "unpause", about: string) =>
  verb({
    usage: "CONTAINER [CONTAINER...]",
    about,
    flags: [],
    least: 1,
    most: Number.POSITIVE_INFINITY,
    async run(context, words) {
      await forEach(context, words, async (word) => {
        await context.client.post(containerPath(word, action));
        return word;
      });
    },
  });
