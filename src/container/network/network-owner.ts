/** `--network container:x`: whose network that is. */
import { conflict, invalid } from "../../lib/errors.ts";
import type { ContainerID } from "../../lib/ids.ts";
import type { Registry } from "../registry.ts";
import { containerOfMode } from "../spec/namespaces.ts";
import type { Container } from "../types.ts";

/** Through others that share it in their turn, the container itself at last; undefined where one is gone, or in a circle. */
export function networkOwner(container: Container, registry: Registry): Container | undefined {
  const seen = new Set<ContainerID>();
  for (let at: Container | undefined = container; at && !seen.has(at.id); ) {
    const reference = containerOfMode(at.hostConfig.NetworkMode);
    if (reference === undefined) return at;
    seen.add(at.id);
    at = registry.lookUp(reference)?.container;
  }
  return undefined;
}

/** @throws conflict where it does not run, invalid where it is the container itself, in Docker's words; not-found */
export function joinable(reference: string, joining: ContainerID, registry: Registry): ContainerID {
  const { container, active } = registry.find(reference);
  if (container.id === joining) throw invalid("cannot join own network namespace");
  if (container.state.status === "restarting") {
    throw conflict(`Container ${container.id} is restarting, wait until the container is running`);
  }
  if (!active) throw conflict(`cannot join network of a non running container: ${container.id}`);
  return container.id;
}
