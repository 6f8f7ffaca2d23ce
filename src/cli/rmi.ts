import { messageOf } from "../lib/errors.ts";
import { isNotFound } from "./engine-client.ts";
import { ExitError } from "./errors.ts";
import { imagePath } from "./image-path.ts";
import { flag, verb } from "./verb.ts";

interface Deleted {
  readonly Untagged?: string;
  readonly Deleted?: string;
}

export default verb<{ force: boolean; noPrune: boolean }>({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  about: "Remove one or more images",
  flags: [
    flag("-f, --force", "bool", "Force removal of the image"),
    flag("--no-prune", "bool", "Do not delete untagged parents"),
  ],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { force, noPrune }) {
    const errors: string[] = [];
    let fatal = false;
    // One after another: several names of one image must not race for its last tag.
    for (const word of words) {
      try {
        const done = await context.client.remove<readonly Deleted[]>(imagePath(word), {
          force,
          noprune: noPrune,
        });
        for (const { Untagged, Deleted } of done) {
          context.out(Deleted === undefined ? `Untagged: ${Untagged}\n` : `Deleted: ${Deleted}\n`);
        }
      } catch (thrown) {
        errors.push(messageOf(thrown));
        fatal ||= !(force && isNotFound(thrown));
      }
    }
    if (errors.length === 0) return;
    if (fatal) throw new ExitError(1, errors.join("\n"));
    context.err(`${errors.join("\n")}\n`);
  },
});
