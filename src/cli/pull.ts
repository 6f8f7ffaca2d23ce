import { canonical, familiar, parseReference, withDefaultTag } from "../lib/reference.ts";
import type { Context } from "./context.ts";
import { ExitError } from "./errors.ts";
import { showProgress } from "./progress.ts";
import { authHeaders } from "./registry-auth.ts";
import { flag, verb } from "./verb.ts";

/** `repository`, `repository:tag` or `repository@digest`, with Docker's default tag. */
export function splitReference(image: string): { readonly repository: string; readonly tag: string } {
  const at = image.indexOf("@");
  if (at >= 0) return { repository: image.slice(0, at), tag: image.slice(at + 1) };
  const colon = image.lastIndexOf(":");
  // A colon before a slash belongs to the registry's port.
  if (colon > image.lastIndexOf("/"))
    return { repository: image.slice(0, colon), tag: image.slice(colon + 1) };
  return { repository: image, tag: "latest" };
}

/** Have the engine fetch an image; what it tells goes to standard error, so that the container's output stays clean. */
export async function pullImage(
  { client, err }: Context,
  image: string,
  options: { readonly quiet: boolean; readonly platform?: string; readonly announce?: boolean },
): Promise<void> {
  const { repository, tag } = splitReference(image);
  const stream = await client.stream("POST", "/images/create", {
    query: { fromImage: repository, tag, platform: options.platform },
    headers: authHeaders(image),
  });
  if (options.announce && !options.quiet) {
    const name = image.includes("@") ? image : `${repository}:${tag}`;
    err(`Unable to find image '${name}' locally\n`);
  }
  await showProgress(stream, options.quiet ? () => {} : err);
}

interface Options {
  readonly allTags: boolean;
  readonly platform?: string;
  readonly quiet: boolean;
}

export default verb<Options>({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  about: "Download an image from a registry",
  flags: [
    flag("-a, --all-tags", "bool", "Download all tagged images in the repository"),
    flag("--platform", "string", "Set platform if server is multi-platform capable"),
    flag("-q, --quiet", "bool", "Suppress verbose output"),
  ],
  least: 1,
  most: 1,
  async run({ client, out }, [image = ""], { allTags, platform, quiet }) {
    const given = parseReference(image);
    const named = given.tag !== undefined || given.digest !== undefined;
    if (allTags && named) throw new ExitError(1, "tag can't be used with --all-tags/-a");
    const whole = allTags ? given : withDefaultTag(given);
    if (!allTags && !named && !quiet) out("Using default tag: latest\n");
    const { domain, path, tag, digest } = whole;
    const stream = await client.stream("POST", "/images/create", {
      query: { fromImage: familiar({ domain, path }), tag: digest ?? tag, platform },
      headers: authHeaders(image),
    });
    await showProgress(stream, quiet ? () => {} : out);
    out(`${canonical(whole)}\n`);
  },
});
