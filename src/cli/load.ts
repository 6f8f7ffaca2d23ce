import type { Readable } from "node:stream";
import { ExitError } from "./errors.ts";
import { lines } from "./lines.ts";
import { openLocal } from "./local-file.ts";
import { platformParameter } from "./platform-parameter.ts";
import { flag, verb } from "./verb.ts";

interface Line {
  readonly stream?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

async function source(path: string | undefined): Promise<Readable> {
  if (path !== undefined) return openLocal(path);
  if (process.stdin.isTTY) throw new ExitError(1, "requested load from stdin, but stdin is empty");
  return process.stdin;
}

export default verb<{ input?: string; platform?: string; quiet: boolean }>({
  usage: "[OPTIONS]",
  about: "Load an image from a tar archive or STDIN",
  flags: [
    flag("-i, --input", "string", "Read from tar archive file, instead of STDIN"),
    flag("--platform", "string", "Load only the given platform variant. Formatted as os[/arch[/variant]]"),
    flag("-q, --quiet", "bool", "Suppress the load output"),
  ],
  least: 0,
  most: 0,
  async run({ client, out }, _, { input, platform }) {
    const stream = await client.stream("POST", "/images/load", {
      query: { quiet: true, platform: platformParameter(platform) },
      body: await source(input),
    });
    for await (const line of lines(stream)) {
      const told = JSON.parse(line) as Line;
      if (told.error ?? told.errorDetail)
        throw new ExitError(1, told.errorDetail?.message ?? told.error ?? "");
      // Docker's too says what was loaded, however quiet it is to be.
      if (told.stream) out(told.stream);
    }
  },
});
