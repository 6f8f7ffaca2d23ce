/** `docker rm --link` (Docker API, "Remove a container", `link`). */
import { internal, notFound } from "../../lib/errors.ts";
import type { Entry } from "../entry.ts";
import type { Registry } from "../registry.ts";
import { legacyLinksOf, parseLink } from "./links.ts";

/**
 * The container that has the link does without it from its next start on.
 * @param name `/web/db`: of the container that has it, and its alias
 * @throws not-found; internal for a name that is no link's, in Docker's words
 */
export async function removeLink(registry: Registry, name: string): Promise<void> {
  const whole = name.replace(/^\/*/, "/");
  const slash = whole.lastIndexOf("/");
  if (slash === 0) {
    registry.find(whole.slice(1));
    throw internal("Conflict, cannot remove the default link name of the container");
  }
  const [parent, alias] = [whole.slice(1, slash), whole.slice(slash + 1)];
  const entry = registry.lookUp(parent);
  if (!entry || !hasLink(entry, alias, registry)) throw notFound(`No such container: ${name}`);
  await entry.mutex.run(async () => {
    const { hostConfig } = entry.container;
    const Links = hostConfig.Links.filter((text) => parseLink(text).alias !== alias);
    await registry.save(entry, { hostConfig: { ...hostConfig, Links } });
  });
}

const hasLink = ({ container }: Entry, alias: string, registry: Registry): boolean =>
  legacyLinksOf(container, registry).some((link) => link.alias === alias);
