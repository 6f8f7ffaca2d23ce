import type { Context } from "./context.ts";
import { lines } from "./lines.ts";

interface Progress {
  readonly status?: string;
  readonly id?: string;
  readonly progress?: string;
  readonly error?: string;
}

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
  });
  if (options.announce && !options.quiet) {
    const name = image.includes("@") ? image : `${repository}:${tag}`;
    err(`Unable to find image '${name}' locally\n`);
  }
  for await (const line of lines(stream)) {
    const { status, id, progress, error } = JSON.parse(line) as Progress;
    if (error) throw new Error(error);
    if (status && !progress && !options.quiet) err(`${id ? `${id}: ` : ""}${status}\n`);
  }
}
