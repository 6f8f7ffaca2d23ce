/** Volumes in Docker's JSON (Engine API, Volume). */
import type { Engine } from "../../engine/types.ts";
import type { Volume } from "../../volume/types.ts";

/** What a volume takes of the disk, and how many containers it belongs to; in `df` alone. */
export interface VolumeUsage {
  readonly size: number;
  readonly containers: number;
}

/** In the order of their keys, as Go writes a map; `null` where there are none. */
const mapOf = (map: Readonly<Record<string, string>>) => {
  const entries = Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length > 0 ? Object.fromEntries(entries) : null;
};

export const volumeShape = (volume: Volume, usage?: VolumeUsage) => ({
  CreatedAt: volume.created.replace(/\.\d+/, ""),
  Driver: volume.driver,
  Labels: mapOf(volume.labels),
  Mountpoint: volume.mountpoint,
  Name: volume.name,
  Options: mapOf(volume.options),
  Scope: "local",
  ...(usage && { UsageData: { RefCount: usage.containers, Size: usage.size } }),
});

/** Those of `df`: on this disk, so none that are mounted from elsewhere. */
export async function volumesUsage({ volumes, containers }: Pick<Engine, "volumes" | "containers">) {
  const local = volumes.list().filter(({ options }) => Object.keys(options).length === 0);
  return Promise.all(
    local.map(async (volume) =>
      volumeShape(volume, {
        size: volumes.find(volume.name) ? await volumes.size(volume.name) : 0,
        containers: containers.usersOf(volume.name).length,
      }),
    ),
  );
}
