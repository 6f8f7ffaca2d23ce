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

/** 0 where an image does not say it. */
const secondsOf = (created: string): number => (created === NEVER ? 0 : unixSeconds(created));

/** What an image's summary says besides the image; -1 where it was not counted. */
export interface Counted {
  readonly containers?: number;
  readonly sharedSize?: number;
}

export function imageSummary(image: Image, minor: Minor, { containers = -1, sharedSize = -1 }: Counted = {}) {
  const unnamed = image.tags.length === 0 && image.digests.length === 0 && minor < 43;
  return {
    Containers: containers,
    Created: secondsOf(image.created),
    Id: image.id,
    Labels: image.config.Labels ?? null,
    ParentId: image.parent ?? "",
    RepoDigests: unnamed ? ["<none>@<none>"] : image.digests,
    RepoTags: unnamed ? ["<none>:<none>"] : image.tags,
    SharedSize: sharedSize,
    Size: image.size,
    ...(minor < 44 && { VirtualSize: image.size }),
  };
}

/** Bytes of each image's layers that other images have too. */
export function sharedSizes(images: readonly Image[]): (image: Image) => number {
  const users = new Map<string, number>();
  for (const { layers } of images) {
    for (const { diffId } of layers) users.set(diffId, (users.get(diffId) ?? 0) + 1);
  }
  return ({ layers }) =>
    layers.reduce((sum, { diffId, size }) => sum + ((users.get(diffId) ?? 0) > 1 ? size : 0), 0);
}

type GraphDriver = { readonly name: string; readonly data: Readonly<Record<string, string>> };

export function imageInspect(image: Image, driver: GraphDriver, minor: Minor) {
  return {
    Id: image.id,
    RepoTags: image.tags,
    RepoDigests: image.digests,
    Parent: image.parent ?? "",
    Comment: image.comment || (image.history.at(-1)?.comment ?? ""),
    ...((minor < 44 || image.created !== NEVER) && { Created: image.created }),
    ...(minor < 45 && { Container: image.container ?? "" }),
    // Gone with 1.45, but docker-compose 1 reads it of every version.
    ContainerConfig: { ...imageConfig({}, minor), ...image.containerConfig },
    DockerVersion: "",
    Author: image.author,
    Config: imageConfig(image.config, minor),
    Architecture: image.architecture,
    ...(image.variant && { Variant: image.variant }),
    Os: image.os,
    Size: image.size,
    ...(minor < 44 && { VirtualSize: image.size }),
    GraphDriver: {
      Data: Object.keys(driver.data).length > 0 ? driver.data : null,
      Name: driver.name,
    },
    RootFS: { Type: "layers", Layers: image.layers.map((layer) => layer.diffId) },
    Metadata: { LastTagTime: image.tagged ?? NEVER },
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

/** Newest first; the topmost steps bear the ids and tags of the image and those it was made from, as far as they are here. */
export function imageHistory(image: Image, find: (id: string) => Image | undefined) {
  const sizes = image.layers.map((layer) => layer.size);
  const steps = image.history.map((entry) => ({
    Comment: entry.comment,
    Created: secondsOf(entry.created),
    CreatedBy: entry.createdBy,
    Id: "<missing>",
    Size: entry.emptyLayer ? 0 : (sizes.shift() ?? 0),
    Tags: null as readonly string[] | null,
  }));
  steps.reverse();
  let at: Image | undefined = image;
  for (const step of steps) {
    if (!at) break;
    Object.assign(step, { Id: at.id, Tags: at.tags.length > 0 ? at.tags : null });
    at = at.parent && find(at.parent);
  }
  return steps;
}

export const removedImage = (removed: Removed) =>
  removed.untagged === undefined ? { Deleted: removed.deleted } : { Untagged: removed.untagged };
