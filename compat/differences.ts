/**
 * Where this engine answers otherwise than Debian's dockerd (20.10) does, and why. A difference that is not here
 * fails `npm run compat`, and so does a reason that no difference needs any more.
 */
import type { Explanation } from "./lib/explain.ts";

/** Where 28 does as this engine: nothing that a user of it would see. */
const AS_28: readonly Explanation[] = [
  {
    call: "*",
    at: ["status"],
    theirs: /^500$/,
    ours: /^(400|403|404|409|501)$/,
    older: true,
    reason: "a fault of the request is told as one",
  },
  {
    call: "*",
    at: ["body.message", "body.errorDetail.message", "body.error"],
    theirs: /EOF|json:|strconv|invalid character|unmarshal/,
    older: true,
    reason: "what can't be read is told in 28's words, or plainer ones",
  },
  {
    call: "*",
    at: ["body.message"],
    theirs: /^"[A-Z]/,
    ours: /^"[a-z]/,
    older: true,
    reason: "messages begin small",
  },
  {
    call: "*",
    at: ["headers.docker-experimental", "headers.ostype"],
    theirs: /^undefined$/,
    older: true,
    reason: "errors have these headers as well",
  },
  {
    call: "*",
    at: ["body.message", "headers.content-type", "body"],
    theirs: /too (new|old)|text\/plain/,
    older: true,
    reason: "the versions spoken",
  },
  {
    call: "*",
    at: ["body.message"],
    theirs: /must be lowercase/,
    older: true,
    reason: "the repository is named",
  },
  {
    call: "*",
    at: ["headers.builder-version", "headers.swarm"],
    theirs: /^undefined$/,
    older: true,
    reason: "ping tells of the builder and of swarm",
  },
  {
    call: "GET /containers/{id}/json",
    at: [
      "body.HostConfig.KernelMemory",
      "body.HostConfig.KernelMemoryTCP",
      "body.HostConfig.OomKillDisable",
      "body.HostConfig.MaskedPaths",
      "body.HostConfig.NetworkMode",
      "body.HostConfig.RestartPolicy.Name",
    ],
    older: true,
    reason: "defaults of newer versions",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.NetworkSettings.Networks.*.Aliases"],
    older: true,
    reason: "the short id is an alias from the beginning",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.NetworkSettings.Networks.two.Gateway"],
    older: true,
    reason: "an internal network has no gateway",
  },
  {
    call: "GET /containers/{id}/json",
    at: ["body.State.Error"],
    theirs: /shim task|Unable/,
    older: true,
    reason: "a start's failure in newer words",
  },
  {
    call: "POST /containers/{id}/start",
    at: ["body.message"],
    theirs: /shim task|Unable|not running/,
    older: true,
    reason: "a start's failure in newer words",
  },
  {
    call: "GET /containers/json",
    at: ["body.*.HostConfig.NetworkMode"],
    older: true,
    reason: "the default network by its name",
  },
  {
    call: "GET /containers/{id}/logs",
    at: ["headers.content-type"],
    theirs: /^undefined$/,
    older: true,
    reason: "logs have a media type",
  },
  {
    call: "POST /containers/{id}/wait",
    at: ["body.Error"],
    theirs: /null/,
    older: true,
    reason: "no error is no member",
  },
  {
    call: "DELETE /containers/{id}",
    at: ["body.message"],
    theirs: /You cannot remove/,
    older: true,
    reason: "newer words",
  },
  {
    call: "DELETE /networks/{id}",
    at: ["body.message"],
    theirs: /active endpoints/,
    older: true,
    reason: "whose endpoints they are is said",
  },
  {
    call: "GET /events",
    at: ["body*.Actor.Attributes.execDuration"],
    older: true,
    reason: "how long it ran is told",
  },
  {
    call: "GET /images/{name}/json",
    at: ["body.message"],
    theirs: /no such image: /,
    older: true,
    reason: "newer words",
  },
  {
    call: "GET /images/{name}/get",
    at: ["body.message"],
    theirs: /No such image/,
    older: true,
    reason: "newer words",
  },
  {
    call: "GET /images/get",
    at: ["body.message"],
    theirs: /No such image/,
    older: true,
    reason: "newer words",
  },
  {
    call: "GET /images/json",
    at: ["body.*.RepoDigests"],
    older: true,
    reason: "no digests are an empty list",
  },
  {
    call: "GET /system/df",
    at: ["body.Images.*.RepoDigests", "body.BuildCache", "body.BuilderSize"],
    older: true,
    reason: "nothing is an empty list",
  },
  {
    call: "GET /networks",
    at: ["body.*.IPAM.Config*"],
    older: true,
    reason: "gateways are told, and no pools are null",
  },
  {
    call: "GET /networks/{id}",
    at: ["body.IPAM.Config*"],
    older: true,
    reason: "gateways are told, and no pools are null",
  },
  {
    call: "GET /volumes",
    at: ["body.Volumes*"],
    older: true,
    reason: "anonymous volumes have a label that says so",
  },
  {
    call: "POST /images/{name}/push",
    at: ["status", "body"],
    older: true,
    reason: "credentials may be left out",
  },
  {
    call: "GET /info",
    at: [
      "body.KernelMemory",
      "body.BridgeNfIptables",
      "body.BridgeNfIp6tables",
      "body.CDISpecDirs",
      "body.ExecutionDriver",
      "body.RegistryConfig.InsecureRegistryCIDRs",
      "body.SecurityOptions.0",
    ],
    older: true,
    reason: "fields of newer versions",
  },
  {
    call: "POST /networks/create",
    at: ["status", "body*"],
    older: true,
    reason: "settings are checked whole before anything is made",
  },
  {
    call: "POST /volumes/create",
    at: ["status", "body*"],
    older: true,
    reason: "no body asks for a volume with a name of the engine's own",
  },
  {
    call: "POST /volumes/prune",
    at: ["body.VolumesDeleted"],
    older: true,
    reason: "volumes that the other engine did not make",
  },
  {
    call: "POST /containers/create",
    at: ["body.message"],
    theirs:
      /restart policy|retry count|isolation|Config cannot be empty|Content-Type|network endpoints|IPv4 address|runtime|cpuset|^undefined$/,
    older: true,
    reason: "newer words",
  },
  {
    call: "POST /containers/{id}/update",
    at: ["body.message"],
    theirs: /restart policy/,
    older: true,
    reason: "newer words",
  },
];

/** What users of Docker 28 see as well. */
const OWN: readonly Explanation[] = [
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
    theirs: /^"[05] 0[14]0/,
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
    call: "POST /containers/{id}/exec",
    at: ["status", "body*"],
    theirs: /^(201|"<id>"|undefined|"Invalid escape|"got EOF|"Container web)/,
    reason: "a user that isn't there is refused at once",
  },
];

export const DIFFERENCES: readonly Explanation[] = [...AS_28, ...OWN];
