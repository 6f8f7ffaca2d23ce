import type { Readable } from "node:stream";
import { ExitError } from "./errors.ts";
import { lines } from "./lines.ts";
import { openLocal } from "./local-file.ts";
import { flag, verb } from "./verb.ts";

interface Progress {
  readonly status?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

interface Options {
  readonly change: readonly string[];
  readonly message?: string;
  readonly platform?: string;
}

async function source(file: string): Promise<Readable> {
  if (file === "-") {
    if (process.stdin.isTTY)
      throw new ExitError(1, "import: standard input is a terminal; pipe a tar into it");
    return process.stdin;
  }
  return openLocal(file);
}

export default verb<Options>({
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  about: "Import the contents from a tarball to create a filesystem image",
  flags: [
    flag("-c, --change", "list", "Apply Dockerfile instruction to the created image"),
    flag("-m, --message", "string", "Set commit message for imported image"),
    flag("--platform", "string", "Set platform if server is multi-platform capable"),
  ],
  least: 1,
  most: 2,
  async run({ client, out }, [file = "", reference], { change, message, platform }) {
    const isUrl = /^https?:\/\//.test(file);
    const stream = await client.stream("POST", "/images/create", {
      query: { fromSrc: isUrl ? file : "-", repo: reference, changes: change, message, platform },
      ...(!isUrl && { body: await source(file) }),
    });
    for await (const line of lines(stream)) {
      const { status, error, errorDetail } = JSON.parse(line) as Progress;
      if (error || errorDetail) throw new ExitError(1, errorDetail?.message ?? error ?? "");
      if (status) out(`${status}\n`);
    }
  },
});
