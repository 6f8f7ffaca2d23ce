import type { HostConfig } from "../../container/types.ts";

/** `Mounts` of inspect and list (Engine API, MountPoint), of `source:destination[:options]`. */
export function mountsOf(config: HostConfig) {
  return config.Binds.map((bind) => {
    const [source = "", destination = "", mode = ""] = bind.split(":");
    const options = mode.split(",");
    const propagation = options.find((option) => /^r?(private|shared|slave)$/.test(option));
    return {
      Type: "bind",
      Source: source,
      Destination: destination,
      Mode: mode,
      RW: !options.includes("ro"),
      Propagation: propagation ?? "rprivate",
    };
  });
}
