/**
 * Containers in the store. What a container is was said once, at its creation; what becomes of it changes at
 * each step. They have a key each, so that a step writes little: `container/<id>/config`, `container/<id>/state`.
 */
import type { ContainerID } from "../lib/ids.ts";
import type { Change, Json, Store } from "../store/kv.ts";
import type { Container, State } from "./types.ts";

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

/**
 * Both halves of each are written in one commit. Where damage took what changes, the container is `exited` under its
 * short id, so that it can be looked at, started, or removed; without the other half there is nothing to show.
 */
export async function readContainers(store: Store): Promise<readonly Container[]> {
  const values = new Map((await store.list(PREFIX)).map(({ key, value }) => [key, value]));
  return [...values].flatMap(([key, value]): Container[] => {
    const [, id = "", half] = key.split("/");
    const fixed: unknown = value;
    if (half !== "config" || !isFixed(id, fixed)) return [];
    const changing: unknown = values.get(`${PREFIX}${id}/state`);
    return [{ ...fixed, ...(isChanging(changing) ? changing : unknownState(id)) }];
  });
}

/** Ids that the store has something of, damaged or not: what lies on disk for them is nobody's leftover. */
export async function recordedIds(store: Store): Promise<ReadonlySet<string>> {
  return new Set((await store.keys(PREFIX)).map((key) => key.split("/")[1] ?? ""));
}

type Fixed = Omit<Container, keyof Changing>;

// As deep as damage is likely to leave traces: both are our own writing.
const isFixed = (id: string, value: unknown): value is object & Fixed =>
  isObject(value) && value.id === id && isObject(value.config) && isObject(value.hostConfig);
const isChanging = (value: unknown): value is Changing =>
  isObject(value) && typeof value.name === "string" && isObject(value.state);
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function unknownState(id: string): Changing {
  const never = "0001-01-01T00:00:00Z";
  const state: State = {
    status: "exited",
    pid: 0,
    exitCode: 255,
    error: "its record was damaged: whether it ran, and how it ended, is not known",
    oomKilled: false,
    startedAt: never,
    finishedAt: never,
  };
  return { name: id.slice(0, 12), state, restartCount: 0, stoppedByUser: false };
}
