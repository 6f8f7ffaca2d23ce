/** A container's mounts, settled as the engine settles them, on a host that has every path. */
import { settleMounts } from "../../src/container/mounts/settling.ts";
import type { CreateRequest, MountPoint } from "../../src/container/types.ts";
import type { Volumes } from "../../src/volume/types.ts";

export function fakeMounts({ hostConfig, config }: CreateRequest, volumes: Volumes): Promise<MountPoint[]> {
  const { Binds = [], Mounts = [], VolumeDriver = "", Tmpfs = {} } = hostConfig;
  const drafts = settleMounts({
    hostConfig: { Binds, Mounts, VolumesFrom: [], VolumeDriver, Tmpfs },
    volumes: Object.keys(config.Volumes ?? {}),
    readonlyNonRecursive: false,
    dataRoot: "/var/lib/drawbridge",
    mountsOf: () => [],
    exists: () => true,
  });
  return Promise.all(
    drafts.map(async ({ point, volume }) => {
      if (!volume) return point;
      const made = await volumes.create(volume);
      return { ...point, Name: made.name, Source: made.mountpoint };
    }),
  );
}
