import { canonical, familiar, parseReference, withDefaultTag } from "../lib/reference.ts";
import { ExitError } from "./errors.ts";
import { imagePath } from "./image-path.ts";
import { showProgress } from "./progress.ts";
import { authHeaders } from "./registry-auth.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly allTags: boolean;
  readonly quiet: boolean;
}

export default verb<Options>({
  usage: "[OPTIONS] NAME[:TAG]",
  about: "Upload an image to a registry",
  flags: [
    flag("-a, --all-tags", "bool", "Push all tags of an image to the repository"),
    flag("-q, --quiet", "bool", "Suppress verbose output"),
  ],
  least: 1,
  most: 1,
  async run({ client, out }, [image = ""], { allTags, quiet }) {
    const given = parseReference(image);
    if (allTags && given.tag !== undefined) {
      throw new ExitError(1, "tag can't be used with --all-tags/-a");
    }
    if (!allTags && given.tag === undefined && !quiet) out("Using default tag: latest\n");
    const { domain, path, tag } = allTags ? given : withDefaultTag(given);
    const stream = await client.stream("POST", `${imagePath(familiar({ domain, path }))}/push`, {
      query: { tag },
      headers: authHeaders(image),
    });
    await showProgress(stream, quiet ? () => {} : out);
    if (quiet) out(`${canonical({ domain, path, ...(tag !== undefined && { tag }) })}\n`);
  },
});
