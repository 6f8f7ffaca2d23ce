import { UsageError } from "./errors.ts";

/** `--link container[:alias]`. @throws UsageError in Docker's words */
export function checkLink(link: string): void {
  const why =
    link === ""
      ? "empty string specified for links"
      : link.split(":").length > 2
        ? `bad format for links: ${link}`
        : undefined;
  if (why) throw new UsageError(`invalid argument "${link}" for "--link" flag: ${why}`);
}
