/** `Mounts` of a create request: their schema, and what older API versions made of them (Engine API, Mount). */
import type { HostConfig, MountRequest } from "../container/types.ts";
import { invalid } from "../lib/errors.ts";
import { boolean, integer, list, map, object, type Schema, text, withoutNulls } from "./schema.ts";
import type { Minor } from "./version.ts";

export const mountsSchema: Schema = list({
  ...object({
    Type: text,
    Source: text,
    Target: text,
    ReadOnly: boolean,
    Consistency: text,
    BindOptions: object({
      Propagation: text,
      NonRecursive: boolean,
      CreateMountpoint: boolean,
      ReadOnlyNonRecursive: boolean,
      ReadOnlyForceRecursive: boolean,
    }),
    VolumeOptions: object({
      NoCopy: boolean,
      Labels: map({ type: "string" }),
      DriverConfig: object({ Name: text, Options: map({ type: "string" }) }),
      Subpath: text,
    }),
    TmpfsOptions: object({
      SizeBytes: integer,
      Mode: { ...integer, minimum: 0, maximum: 0xffffffff },
      Options: list({ type: "array", items: { type: "string" } }),
    }),
  }),
  type: "object",
});

/** As that version had it. @throws invalid in Docker's words */
export const mountRequests = (mounts: readonly MountRequest[], minor: Minor): readonly MountRequest[] =>
  mounts.map((given) => {
    const mount = {
      ...withoutNulls(given),
      Type: given.Type ?? "",
      Target: given.Target ?? "",
    } as MountRequest;
    refuse(mount, minor);
    return inVersion(mount, minor);
  });

/** Each kind of options belongs to one type. */
const OPTIONS = [
  ["VolumeOptions", "volume"],
  ["BindOptions", "bind"],
  ["TmpfsOptions", "tmpfs"],
] as const;

function refuse(mount: MountRequest, minor: Minor): void {
  const misplaced = OPTIONS.find(([name, type]) => mount[name] && mount.Type !== type);
  if (minor >= 42 && misplaced) {
    throw invalid(`${misplaced[0]} must not be specified on mount type ${JSON.stringify(mount.Type ?? "")}`);
  }
  if (minor < 44 && mount.Type === "bind" && mount.BindOptions?.ReadOnlyForceRecursive) {
    throw invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
  }
  if (minor < 45 && mount.VolumeOptions?.Subpath) {
    throw invalid("VolumeOptions.Subpath needs API v1.45 or newer");
  }
  if (minor < 48 && mount.Type === "image") {
    throw invalid('Mount type "Image" needs API v1.48 or newer');
  }
}

/** What it did not know, or did not look at. */
function inVersion(mount: MountRequest, minor: Minor): MountRequest {
  if (minor >= 42) return mount;
  const { VolumeOptions, TmpfsOptions, BindOptions, ...rest } = mount;
  return {
    ...rest,
    ...(VolumeOptions && mount.Type === "volume" && { VolumeOptions }),
    ...(TmpfsOptions && mount.Type === "tmpfs" && { TmpfsOptions }),
    ...(BindOptions && {
      BindOptions: {
        ...BindOptions,
        CreateMountpoint: false,
        ...(minor < 40 && { NonRecursive: false }),
      },
    }),
  };
}

/** One driver for all volumes is not what mounts go by. */
export function volumeDriverWarning(
  { VolumeDriver, Mounts = [] }: Partial<HostConfig>,
  minor: Minor,
): string | undefined {
  if (!VolumeDriver || minor < 48) return undefined;
  const isOpen = Mounts.some(
    ({ Type, VolumeOptions }) => Type === "volume" && !VolumeOptions?.DriverConfig?.Name,
  );
  return isOpen
    ? "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead"
    : undefined;
}
