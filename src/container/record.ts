/**
 * Containers in the store. What a container is was said once, at its creation; what becomes of it changes at
 * each step. They have a key each, so that a step writes little: `container/<id>/config`, `container/<id>/state`.
 */
import type { ContainerID } from "../lib/ids.ts";
import type { Change, Json, Store } from "../store/kv.ts";
import type { Container } from "./types.ts";

/** What changes over a container's life. */
export type Changing = Pick<
  Container,
  "name" | "state" | "restartCount" | "stoppedByUser" | "monitor" | "bootId"
>;

const PREFIX = "container/";

export function stateChange(container: Container): Change {
  const { name, state, restartCount, stoppedByUser, monitor, bootId } = container;
  const changing: Changing = {
    name,
    state,
    restartCount,
    stoppedByUser,
    ...(monitor && { monitor }),
    ...(bootId !== undefined && { bootId }),
  };
  return { key: `${PREFIX}${container.id}/state`, value: changing as unknown as Json };
}

/** A new container, whole. */
export function creation(container: Container): readonly Change[] {
  const { id, created, image, config, hostConfig, endpoints, path, args } = container;
  const fixed = { id, created, image, config, hostConfig, endpoints, path, args };
  return [{ key: `${PREFIX}${id}/config`, value: fixed as unknown as Json }, stateChange(container)];
}

export const deletion = (id: ContainerID): readonly Change[] => [
  { key: `${PREFIX}${id}/config` },
  { key: `${PREFIX}${id}/state` },
];

export async function readContainers(store: Store): Promise<readonly Container[]> {
  const halves = new Map<string, object>();
  for (const { key, value } of await store.list(PREFIX)) {
    const id = key.split("/")[1] ?? "";
    // Written by `creation` and `stateChange`, always both in one commit.
    halves.set(id, { ...halves.get(id), ...(value as object) });
  }
  return [...halves.values()] as Container[];
}
