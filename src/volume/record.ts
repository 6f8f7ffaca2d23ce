/** Volumes in the store, a key each: `volume/<name>`. */
import { isObject } from "../lib/is-object.ts";
import type { Change, Json, Store } from "../store/kv.ts";
import type { Volume } from "./types.ts";

const PREFIX = "volume/";

/** All but where it lies, which follows from its name. */
type Recorded = Omit<Volume, "mountpoint">;

export function addition({ mountpoint: _, ...recorded }: Volume): Change {
  return { key: `${PREFIX}${recorded.name}`, value: recorded as unknown as Json };
}

export const deletion = (name: string): Change => ({ key: `${PREFIX}${name}` });

export async function readVolumes(
  store: Store,
  mountpointOf: (name: string) => string,
): Promise<readonly Volume[]> {
  return (await store.list(PREFIX)).flatMap(({ key, value }): readonly Volume[] => {
    const name = key.slice(PREFIX.length);
    const recorded: unknown = value;
    return isRecorded(name, recorded) ? [{ ...recorded, mountpoint: mountpointOf(name) }] : [];
  });
}

// As deep as damage is likely to leave traces: the rest is our own writing.
const isRecorded = (name: string, value: unknown): value is Recorded =>
  isObject(value) && value.name === name && isObject(value.labels) && isObject(value.options);
