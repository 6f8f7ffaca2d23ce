/**
 * Containers in the store. What a container is was said at its creation and changes rarely; what becomes of it
 * changes at each step. They have a key each, so that a step writes little: `container/<id>/config`, `container/<id>/state`.
 */

import type { ContainerID } from "../lib/ids.ts";
import { isObject } from "../lib/is-object.ts";
import { cgroupVersion } from "../linux/host.ts";
import type { Change, Json, Store } from "../store/kv.ts";
import { NOTHING_ASKED } from "./defaults.ts";
import { formerBind } from "./mounts/former-binds.ts";
import { containerOfMode } from "./spec/namespaces.ts";
import type { Container, HostConfig, State } from "./types.ts";

/** What changes with each step of a container's life. */
export type Changing = Pick<
  Container,
  "name" | "state" | "restartCount" | "stoppedByUser" | "monitor" | "bootId"
>;

/** What changes where a user changes it, and where a container joins networks. */
export type Described = Pick<Container, "config" | "hostConfig" | "endpoints">;

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

export function description(container: Container): Change {
  const { id, created, image, config, hostConfig, endpoints, mounts, path, args } = container;
  const fixed = { id, created, image, config, hostConfig, endpoints, mounts, path, args };
  return { key: `${PREFIX}${id}/config`, value: fixed as unknown as Json };
}

/** A new container, whole. */
export const creation = (container: Container): readonly Change[] => [
  description(container),
  stateChange(container),
];

export const deletion = (id: ContainerID): readonly Change[] => [
  { key: `${PREFIX}${id}/config` },
  { key: `${PREFIX}${id}/state` },
  over(id, "thaw"),
  over(id, "limits"),
];

/**
 * What is noted before the kernel is changed, and no more once the record tells of the change: that it is frozen, or
 * no longer, though nobody was told; what files of its cgroup had before.
 */
export interface Underway {
  readonly thaw: true;
  /** By their paths. */
  readonly limits: Readonly<Record<string, string>>;
}

export const underway = <Kind extends keyof Underway>(
  id: ContainerID,
  kind: Kind,
  value: Underway[Kind],
): Change => ({ key: `${PREFIX}${id}/${kind}`, value });

export const over = (id: ContainerID, kind: keyof Underway): Change => ({ key: `${PREFIX}${id}/${kind}` });

/** By container, what an earlier engine did not come to the end of. */
export async function readUnderway(store: Store): Promise<ReadonlyMap<string, Partial<Underway>>> {
  const found = new Map<string, Partial<Underway>>();
  for (const key of await store.keys(PREFIX)) {
    const [, id = "", kind] = key.split("/");
    if (kind !== "thaw" && kind !== "limits") continue;
    found.set(id, { ...found.get(id), [kind]: await store.get(key) });
  }
  return found;
}

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
    return [{ ...whole(fixed), ...(isChanging(changing) ? changing : unknownState(id)) }];
  });
}

/** Ids that the store has something of, damaged or not: what lies on disk for them is nobody's leftover. */
export async function recordedIds(store: Store): Promise<ReadonlySet<string>> {
  return new Set((await store.keys(PREFIX)).map((key) => key.split("/")[1] ?? ""));
}

type Fixed = Omit<Container, keyof Changing>;

/** A record of an engine that carried out less than this one says nothing of the rest. */
function whole(fixed: Fixed): Fixed {
  const CgroupnsMode = cgroupVersion() === "2" ? "private" : "host";
  const known = withMounts(withPorts(fixed));
  const written: Partial<HostConfig> & Fixed["hostConfig"] = known.hostConfig;
  return {
    ...known,
    hostConfig: {
      ...NOTHING_ASKED,
      ...written,
      CgroupnsMode: written.CgroupnsMode || CgroupnsMode,
      // What was let pass because it asks for nothing was kept as it came.
      MemorySwappiness: written.MemorySwappiness === -1 ? null : (written.MemorySwappiness ?? null),
    },
  };
}

/** From before there were volumes, binds were all that there was. */
function withMounts(fixed: Fixed): Fixed {
  if (Array.isArray(fixed.mounts)) return fixed;
  return { ...fixed, mounts: (fixed.hostConfig.Binds ?? []).map(formerBind) };
}

/** From before there were published ports, it named no network where it meant its mode's. */
function withPorts(fixed: Fixed): Fixed {
  const { hostConfig, endpoints } = fixed;
  if (Object.hasOwn(hostConfig, "PortBindings")) return fixed;
  const mode = hostConfig.NetworkMode;
  const shared = containerOfMode(mode) !== undefined;
  return {
    ...fixed,
    hostConfig: { ...hostConfig, PortBindings: {}, PublishAllPorts: false, Links: [] },
    endpoints: shared ? {} : { [mode]: {}, ...endpoints },
  };
}

// As deep as damage is likely to leave traces: both are our own writing.
const isFixed = (id: string, value: unknown): value is object & Fixed =>
  isObject(value) && value.id === id && isObject(value.config) && isObject(value.hostConfig);
const isChanging = (value: unknown): value is Changing =>
  isObject(value) && typeof value.name === "string" && isObject(value.state);

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
