import { imagePath } from "./image-path.ts";
import { type InspectOptions, inspectAll } from "./inspecting.ts";
import { flag, verb } from "./verb.ts";

export default verb<InspectOptions>({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  about: "Display detailed information on one or more images",
  flags: [flag("-f, --format", "string", "Format output: json, or a Go template")],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { format }) {
    await inspectAll(context, words, format, (word) => context.client.get(imagePath(word, "json")));
  },
});
