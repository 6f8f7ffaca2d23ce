/** Volumes in Docker's JSON (Engine API, Volume). */
import type { Engine } from "../../engine/types.ts";
import type { Volume } from "../../volume/types.ts";

/** What a volume takes of the disk, and how many containers it belongs to; in `df` alone. */
export interface VolumeUsage {
  readonly size: number;
  readonly containers: number;
}

const nullWhenEmpty = (map: Readonly<Record<string, string>>) => (Object.keys(map).length > 0 ? map : null);

export const volumeShape = (volume: Volume, usage?: VolumeUsage) => ({
  CreatedAt: volume.created.replace(/\.\d+/, ""),
  Driver: volume.driver,
  Labels: nullWhenEmpty(volume.labels),
  Mountpoint: volume.mountpoint,
  Name: volume.name,
  Options: nullWhenEmpty(volume.options),
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
