import { ExitError } from "./errors.ts";
import { flag, verb } from "./verb.ts";

interface Options {
  readonly author?: string;
  readonly change: readonly string[];
  readonly message?: string;
  readonly pause?: boolean;
}

/** `team/app:1` as repository and tag: a colon before the last slash is a registry's port. */
function named(reference: string): { readonly repo: string; readonly tag: string | undefined } {
  if (reference.includes("@")) throw new ExitError(1, "cannot commit to digest reference");
  const colon = reference.lastIndexOf(":");
  if (colon <= reference.lastIndexOf("/")) return { repo: reference, tag: undefined };
  return { repo: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

export default verb<Options>({
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  about: "Create a new image from a container's changes",
  flags: [
    flag("-a, --author", "string", 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    flag("-c, --change", "list", "Apply Dockerfile instruction to the created image"),
    flag("-m, --message", "string", "Commit message"),
    flag("-p, --pause", "bool", "Pause container during commit (default true)").default(true),
  ],
  least: 1,
  most: 2,
  async run({ client, out }, [container = "", reference], { author, change, message, pause = true }) {
    const { Id } = await client.post<{ readonly Id: string }>("/commit", {
      container: container.replace(/^\/+/, ""),
      ...(reference !== undefined && named(reference)),
      author,
      comment: message,
      changes: change,
      // What is false is left out otherwise, and left out it means yes.
      pause: pause ? "1" : "0",
    });
    out(`${Id}\n`);
  },
});
