import type { Container, MountRequest } from "../../container/types.ts";

/** `Mounts` of inspect and list (Engine API, MountPoint). A tmpfs of `--tmpfs` is shown in HostConfig alone. */
export const mountsOf = ({ mounts }: Container) =>
  mounts.map(({ Type, Name, Source, Destination, Driver, Mode, RW, Propagation }) => ({
    Type,
    ...(Name !== undefined && { Name }),
    Source,
    Destination,
    ...(Driver !== undefined && { Driver }),
    Mode,
    RW,
    Propagation,
  }));

const isNothing = (value: unknown): boolean =>
  !value || (typeof value === "object" && Object.keys(value).length === 0);

const withoutNothing = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => !isNothing(each)));

/** One of HostConfig's `Mounts`: what was asked for, without what was not; options that were given stay, if empty. */
export function mountRequest({ BindOptions, VolumeOptions, TmpfsOptions, ...rest }: MountRequest): object {
  return {
    ...withoutNothing(rest),
    ...(BindOptions && { BindOptions: withoutNothing(BindOptions) }),
    ...(VolumeOptions && { VolumeOptions: withoutNothing(VolumeOptions) }),
    ...(TmpfsOptions && { TmpfsOptions: withoutNothing(TmpfsOptions) }),
  };
}
