import { containerPath } from "./container-path.ts";
import type { Context } from "./context.ts";
import { isInvalid, isNotFound } from "./engine-client.ts";
import { ExitError } from "./errors.ts";
import { imagePath } from "./image-path.ts";
import { type InspectOptions, inspectAll } from "./inspecting.ts";
import { networkPath } from "./network-path.ts";
import { flag, verb } from "./verb.ts";
import { volumePath } from "./volume-path.ts";

const PATHS: Readonly<Record<string, (reference: string) => string>> = {
  container: (reference) => containerPath(reference, "json"),
  image: (reference) => imagePath(reference, "json"),
  network: networkPath,
  volume: volumePath,
};

async function lookUp(
  { client }: Context,
  reference: string,
  types: readonly string[],
  size: boolean,
): Promise<unknown> {
  for (const type of types) {
    const path = PATHS[type];
    if (!path) continue;
    try {
      return await client.get(path(reference), type === "container" ? { size } : {});
    } catch (thrown) {
      // A network may have a name that no image can have.
      if (types.length === 1 || !(isNotFound(thrown) || isInvalid(thrown))) throw thrown;
    }
  }
  throw new Error(`Error: No such object: ${reference}`);
}

export default verb<InspectOptions & { size: boolean; type?: string }>({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  about: "Return low-level information on Drawbridge objects",
  flags: [
    flag("-f, --format", "string", "Format output: json, or a Go template"),
    flag("-s, --size", "bool", "Display total file sizes if the type is container"),
    flag("--type", "string", "Only inspect objects of the given type"),
  ],
  least: 1,
  most: Number.POSITIVE_INFINITY,
  async run(context, words, { format, size, type }) {
    const types = type ? [type] : Object.keys(PATHS);
    if (type && !PATHS[type]) {
      throw new ExitError(
        1,
        `unknown type: ${JSON.stringify(type)}: must be one of ${Object.keys(PATHS)
          .map((one) => `"${one}"`)
          .join(", ")}`,
      );
    }
    await inspectAll(context, words, format, (word) => lookUp(context, word, types, size));
  },
});
