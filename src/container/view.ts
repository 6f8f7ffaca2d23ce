/** What is told of containers: their records, with what others know of them. */
import type { Images } from "../image/types.ts";
import { kindOf } from "../lib/errors.ts";
import type { ContainerID } from "../lib/ids.ts";
import type { Entry } from "./entry.ts";
import { linkNames, shownLinks } from "./network/links.ts";
import { filesOf } from "./network/sandbox-request.ts";
import type { Context } from "./options.ts";
import { logPathOf } from "./paths.ts";
import type { ContainerView } from "./types.ts";

/** All of them, newest first. */
export function listed(context: Context): readonly ContainerView[] {
  const { registry } = context;
  const linked = linkNames(registry);
  return registry
    .all()
    .toReversed()
    .map((entry) => viewOf(context, entry, linked.get(entry.container.id)));
}

/** @param linkedAs by lists alone: the names that other containers' links give it */
export function viewOf(context: Context, entry: Entry, linkedAs?: readonly string[]): ContainerView {
  const { images, networks, registry } = context;
  const { hostConfig } = entry.container;
  const Links = shownLinks(entry.container, registry);
  const container = { ...entry.container, hostConfig: { ...hostConfig, Links } };
  const image = images.find(container.image);
  const sandbox = entry.active ? networks.sandboxOf(container.id) : undefined;
  return {
    container,
    ...(image && { image }),
    ...(sandbox && { sandbox }),
    ...(linkedAs && { linkedAs }),
    execs: [...entry.execs.values()].filter(({ exitCode }) => exitCode === null).map(({ id }) => id),
    // A list of hundreds asks for neither.
    get paths() {
      const logs = container.hostConfig.LogConfig.Type !== "none";
      return {
        log: logs ? logPathOf(context, container.id) : "",
        ...filesOf(container, registry, context),
      };
    },
    get graphDriver() {
      return graphDriverOf(images, container.id);
    },
  };
}

/** While a container is being removed, and after a removal that failed, it may have no layer any more. */
function graphDriverOf(images: Images, id: ContainerID): ContainerView["graphDriver"] {
  try {
    return images.filesystemOf(id).driver;
  } catch (thrown) {
    if (kindOf(thrown) !== "not-found") throw thrown;
    return { name: images.storageDriver, data: {} };
  }
}
