import type { Explanation } from "./lib/explain.ts";

/** What users of Docker 28 see as well. */
export const OWN: readonly Explanation[] = [
  {
    call: "GET /version",
    at: ["body*"],
    reason: "versions are this engine's own; conmon and the OCI runtime are its components",
  },
  {
    call: "GET /info",
    at: ["body.ID", "body.ServerVersion", "body.DriverStatus", "body.OperatingSystem", "body.*Commit*"],
    reason: "what it tells of itself is its own; there is no containerd",
  },
  {
    call: "GET /info",
    at: ["body.Plugins.Network", "body.Plugins.Log"],
    reason: "network drivers are bridge, host, macvlan and null, log drivers json-file, local and none",
  },
  {
    call: "GET /info",
    at: ["body.Runtimes*", "body.DefaultRuntime"],
    reason: "the runtime is crun where it runs, else runc",
  },
  {
    call: "GET /info",
    at: ["body.LiveRestoreEnabled"],
    reason: "containers outlive the engine unless told otherwise",
  },
  {
    call: "GET //info",
    at: ["status", "headers*", "body*"],
    reason: "a doubled slash is read as one instead of redirected",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.GraphDriver.Data*"],
    reason: "directories below the data root have other names",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.HostConfig.Runtime"],
    reason: "the runtime's name is shown from the creation on",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.LogPath", "body.HostsPath", "body.HostnamePath", "body.ResolvConfPath"],
    reason: "paths are told from the creation on; logs lie in `container.log`",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.NetworkSettings.Networks.*.NetworkID"],
    reason: "a network's id is told before the first start",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.NetworkSettings.SandboxID", "body.NetworkSettings.SandboxKey"],
    reason: "a container that does not run has no sandbox",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.Config.Env", "body.HostConfig.PortBindings"],
    ours: /^(\[\]|\{\})$/,
    reason: "an environment or port map that nobody gave is empty, not null",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.HostConfig.SecurityOpt"],
    theirs: /label=disable/,
    reason: "no label is disabled where there are none",
  },
  {
    call: "GET /containers/json",
    at: ["body.*.NetworkSettings.Networks.*.NetworkID", "body.*.Mounts.*.Source", "body.*.SizeRw"],
    reason: "ids and mountpoints are told where dockerd leaves them out",
  },
  {
    call: "*",
    at: ["body.SizeRootFs", "body.*Size", "body*.SizeRootFs", "body.*.VirtualSize", "body.VirtualSize"],
    reason: "sizes are those of files: a symbolic link has none",
  },
  {
    call: "GET /images/{name}/json",
    at: ["body.DockerVersion", "body.GraphDriver.Data*", "body.Config*", "body.ContainerConfig*"],
    reason: "no Docker made it; directories have other names; its config has no container's name",
  },
  {
    call: "POST /containers/create",
    at: ["status", "body*"],
    theirs: /^(201|\[\]|"<id>"|undefined)$/,
    reason: "what could never start is refused at once",
  },
  {
    call: "POST /containers/{id}/wait",
    at: ["status", "body*"],
    ours: /^(400|undefined|"invalid condition)/,
    reason: "an unknown condition is refused",
  },
  {
    call: "GET /containers/{id}/archive",
    at: ["body.*"],
    theirs: /^"[05] 0[01]/,
    reason: "modes in archives are the permission bits",
  },
  {
    call: "GET /containers/{id}/archive",
    at: ["body.message"],
    theirs: /lstat/,
    reason: "the host's paths are not told",
  },
  {
    call: "POST /images/prune",
    at: ["body.ImagesDeleted"],
    reason: "untagged images of one's own go with their last name",
  },
  {
    call: "GET /images/get",
    at: ["status", "headers.content-type", "body*"],
    theirs: /^(200|undefined|"application\/x-tar"|"0 0100644)/,
    reason: "images to save must be named",
  },
  { call: "POST /session", at: ["status", "body.message"], reason: "BuildKit is not built in" },
  {
    call: "POST /exec/{id}/start",
    at: ["status", "headers.content-type", "body*"],
    reason: "an exec that can't start is refused with a status, before the stream",
  },
  {
    call: "POST /commit",
    at: ["status", "body.message"],
    theirs: /^(400|"invalid name or ID supplied)/,
    reason: "a container without a name is not found",
  },
  {
    call: "POST /images/{name}/tag",
    at: ["body.message"],
    ours: /give repo/,
    reason: "a missing name is asked for",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.NetworkSettings.Ports*"],
    theirs: /^undefined$/,
    reason: "ports that are published without being exposed are published",
  },
  {
    call: "POST /containers/{id}/start",
    at: ["status", "body.message", "body", "headers.content-type"],
    theirs: /^(404|500|"No such container: c7"|"application\/json"|\{"message":"failed to create shim)/,
    reason:
      "a working directory that is a file is found out at the start; a privileged container does without devices that are gone",
  },
  {
    call: "POST /containers/create",
    at: ["status", "body*"],
    theirs: /^(500|"Cannot mkdir|undefined)/,
    reason: "a working directory that is a file is found out at the start",
  },
];
