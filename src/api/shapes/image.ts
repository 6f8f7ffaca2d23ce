/** Images in Docker's JSON (Engine API, ImageInspect, ImageSummary, ImageHistoryResponseItem). */
import type { Image, ImageConfig, Removed } from "../../image/types.ts";
import type { Minor } from "../version.ts";
import { NEVER, unixSeconds } from "./time.ts";

/** A reference as people write it, with its tag: `docker.io/library/busybox` is `busybox:latest`. */
export function familiar(reference: string): string {
  const short = reference.replace(/^(index\.)?docker\.io\//, "").replace(/^library\//, "");
  const last = short.slice(short.lastIndexOf("/") + 1);
  return last.includes(":") || short.includes("@") ? short : `${short}:latest`;
}

export function imageSummary(image: Image, minor: Minor, containers = -1) {
  const untagged = image.tags.length === 0 && minor < 43;
  return {
    Containers: containers,
    Created: unixSeconds(image.created),
    Id: image.id,
    Labels: image.config.Labels ?? null,
    ParentId: "",
    RepoDigests: untagged ? ["<none>@<none>"] : [],
    RepoTags: untagged ? ["<none>:<none>"] : image.tags,
    SharedSize: -1,
    Size: image.size,
    ...(minor < 44 && { VirtualSize: image.size }),
  };
}

/** `driver`: the storage driver's name. */
export function imageInspect(image: Image, driver: string, minor: Minor) {
  return {
    Id: image.id,
    RepoTags: image.tags,
    RepoDigests: [],
    Parent: "",
    Comment: image.comment,
    Created: image.created,
    ...(minor < 45 && { Container: "" }),
    // Gone with 1.45, but docker-compose 1 reads it of every version.
    ContainerConfig: imageConfig({}, minor),
    DockerVersion: "",
    Author: image.author,
    Config: imageConfig(image.config, minor),
    Architecture: image.architecture,
    Os: image.os,
    Size: image.size,
    ...(minor < 44 && { VirtualSize: image.size }),
    GraphDriver: { Data: null, Name: driver },
    RootFS: { Type: "layers", Layers: image.layers.map((layer) => layer.diffId) },
    Metadata: { LastTagTime: NEVER },
  };
}

/** Before 1.50 an image's config was a container's, with fields that no image sets. */
function imageConfig(config: ImageConfig, minor: Minor) {
  const containersOwn = {
    Hostname: "",
    Domainname: "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Image: "",
  };
  return {
    ...(minor < 50 && containersOwn),
    User: "",
    Env: null,
    Cmd: null,
    Volumes: null,
    WorkingDir: "",
    Entrypoint: null,
    OnBuild: null,
    Labels: null,
    ...config,
  };
}

/** Newest first; the topmost step bears the image's id and tags. */
export function imageHistory(image: Image) {
  const sizes = image.layers.map((layer) => layer.size);
  const steps = image.history.map((entry) => ({
    Comment: entry.comment,
    Created: unixSeconds(entry.created),
    CreatedBy: entry.createdBy,
    Id: "<missing>",
    Size: entry.emptyLayer ? 0 : (sizes.shift() ?? 0),
    Tags: null as readonly string[] | null,
  }));
  const last = steps.at(-1);
  if (last) Object.assign(last, { Id: image.id, Tags: image.tags.length > 0 ? image.tags : null });
  return steps.reverse();
}

export const removedImage = (removed: Removed) =>
  removed.untagged === undefined ? { Deleted: removed.deleted } : { Untagged: removed.untagged };
