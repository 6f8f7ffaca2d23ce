/** Which names an endpoint answers to. */
import { shortId } from "../../lib/ids.ts";
import type { SandboxRequest } from "../types.ts";

/** Docker's DNSNames: the container's name, its aliases, its short id, and its hostname where that is another. */
export function endpointNames({
  container,
  containerName,
  hostname,
  aliases,
}: Pick<SandboxRequest, "container" | "containerName" | "hostname"> & {
  readonly aliases: readonly string[];
}): readonly string[] {
  const names = [containerName, ...aliases, shortId(container), hostname];
  return [...new Set(names)].filter((name) => name !== "");
}
