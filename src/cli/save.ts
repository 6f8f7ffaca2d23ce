import { pipeline } from "node:stream/promises";
import { outputFile } from "./output-file.ts";
import { platformParameter } from "./platform-parameter.ts";
import { flag, verb } from "./verb.ts";

export default verb<{ output?: string; platform?: string }>({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  about: "Save one or more images to a tar archive (streamed to STDOUT by default)",
  flags: [
    flag("-o, --output", "string", "Write to a file, instead of STDOUT"),
    flag("--platform", "string", "Save only the given platform variant. Formatted as os[/arch[/variant]]"),
  ],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run({ client }, names, { output, platform }) {
    const target = outputFile(output, "save image");
    const tar = await client.stream("GET", "/images/get", {
      query: { names, platform: platformParameter(platform) },
    });
    await pipeline(tar, target());
  },
});
