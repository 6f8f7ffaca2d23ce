import { type InspectOptions, inspectAll } from "./inspecting.ts";
import { networkPath } from "./network-path.ts";
import { flag, verb } from "./verb.ts";

export default verb<InspectOptions & { verbose: boolean }>({
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  about: "Display detailed information on one or more networks",
  flags: [
    flag("-f, --format", "string", "Format output: json, or a Go template"),
    flag("-v, --verbose", "bool", "Verbose output for diagnostics"),
  ],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { format, verbose }) {
    await inspectAll(context, words, format, (word) => context.client.get(networkPath(word), { verbose }));
  },
});
