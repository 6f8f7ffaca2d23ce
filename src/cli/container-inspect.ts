import { containerPath } from "./container-path.ts";
import { type InspectOptions, inspectAll } from "./inspecting.ts";
import { flag, verb } from "./verb.ts";

export default verb<InspectOptions & { size: boolean }>({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  about: "Display detailed information on one or more containers",
  flags: [
    flag("-f, --format", "string", "Format output: json, or a Go template"),
    flag("-s, --size", "bool", "Display total file sizes"),
  ],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { format, size }) {
    await inspectAll(context, words, format, (word) =>
      context.client.get(containerPath(word, "json"), { size }),
    );
  },
});
