import { pipeline } from "node:stream/promises";
import { containerPath } from "./container-path.ts";
import { outputFile } from "./output-file.ts";
import { flag, verb } from "./verb.ts";

export default verb<{ output?: string }>({
  usage: "[OPTIONS] CONTAINER",
  about: "Export a container's filesystem as a tar archive",
  flags: [flag("-o, --output", "string", "Write to a file, instead of STDOUT")],
  least: 1,
  most: 1,
  async run({ client }, [name = ""], { output }) {
    const target = outputFile(output, "export container");
    const tar = await client.stream("GET", `${containerPath(name)}/export`, {});
    await pipeline(tar, target());
  },
});
