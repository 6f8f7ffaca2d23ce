import { type InspectOptions, inspectAll } from "./inspecting.ts";
import { flag, verb } from "./verb.ts";
import { volumePath } from "./volume-path.ts";

export default verb<InspectOptions>({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  about: "Display detailed information on one or more volumes",
  flags: [flag("-f, --format", "string", "Format output: json, or a Go template")],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { format }) {
    await inspectAll(context, words, format, (word) => context.client.get(volumePath(word)));
  },
});
