import type { Readable } from "node:stream";
import type { Brand, ContainerID, ImageID } from "../lib/ids.ts";

/** `sha256:` and 64 hex digits, of a layer's uncompressed tar (OCI image spec, "Layer DiffID"). */
export type DiffID = Brand<"DiffID">;

/** What an image says of the containers made from it: Docker's names and shape (Engine API, ImageConfig). */
export interface ImageConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly Healthcheck?: {
    readonly Test?: readonly string[];
    readonly Interval?: number;
    readonly Timeout?: number;
    readonly Retries?: number;
    readonly StartPeriod?: number;
    readonly StartInterval?: number;
  };
  readonly Shell?: readonly string[];
  readonly OnBuild?: readonly string[];
}

export interface HistoryEntry {
  /** RFC 3339. */
  readonly created: string;
  readonly createdBy: string;
  readonly comment: string;
  readonly emptyLayer: boolean;
}

export interface Image {
  readonly id: ImageID;
  /** `busybox:latest`, `example.org/team/app:1`: familiar form, in order. */
  readonly tags: readonly string[];
  /** RFC 3339. */
  readonly created: string;
  readonly architecture: string;
  readonly os: string;
  readonly author: string;
  readonly comment: string;
  readonly config: ImageConfig;
  /** Bottom first. */
  readonly layers: readonly { readonly diffId: DiffID; readonly size: number }[];
  readonly history: readonly HistoryEntry[];
  /** Bytes of all layers, unpacked. */
  readonly size: number;
}

export interface ImportRequest {
  /** A tar, plain or compressed with gzip, zstd, xz or bzip2. */
  readonly tar: Readable;
  /** `repository[:tag]`; an image without one is known by its id alone. */
  readonly reference?: string;
  /** Dockerfile instructions, as `docker import --change`: `CMD ["sh"]`, `ENV a=b` … */
  readonly changes: readonly string[];
  readonly message: string;
  /** `linux`, `linux/arm64` …; the host's own by default. */
  readonly platform?: string;
}

export interface Removed {
  readonly untagged?: string;
  readonly deleted?: string;
}

/** A container's root filesystem: the image's layers with a writable one on top. */
export interface RootFilesystem {
  /** Absolute path, mounted. */
  readonly path: string;
  /** GraphDriver of inspect: overlay2's `LowerDir`, `UpperDir`, `WorkDir`, `MergedDir`. */
  readonly driver: { readonly name: string; readonly data: Readonly<Record<string, string>> };
}

export interface Images {
  /** Read the index and free what a crash left half-made. */
  start(): Promise<void>;
  list(): readonly Image[];
  /** By reference, id or prefix of an id; undefined where there is none. @throws invalid for what can't be a reference */
  find(reference: string): Image | undefined;
  /**
   * As `find`, and `busybox` is made from the machine's static busybox where there is none by that name.
   * @throws not-found: `No such image: x`, with what to do
   */
  resolve(reference: string): Promise<Image>;
  import(request: ImportRequest): Promise<Image>;
  tag(image: ImageID, reference: string): Promise<void>;
  /**
   * Untag, and delete with the last tag. @throws not-found; conflict where `usedBy` names containers and
   * not `force`, in Docker's words
   */
  remove(
    reference: string,
    options: { readonly force: boolean; readonly usedBy: UsedBy },
  ): Promise<readonly Removed[]>;
  /** The container's writable layer, made. */
  createLayer(container: ContainerID, image: ImageID): Promise<void>;
  /** Mounted; mounted already is no failure. */
  mount(container: ContainerID): Promise<RootFilesystem>;
  /** Where `mount` would put it, and its layers, whether mounted or not. */
  filesystemOf(container: ContainerID): RootFilesystem;
  unmount(container: ContainerID): Promise<void>;
  removeLayer(container: ContainerID): Promise<void>;
  /** Containers that have a writable layer: those that no record speaks of are a crash's, for `removeLayer`. */
  layerOwners(): readonly ContainerID[];
  /** Bytes that the container has written, and those with its image's; for `ps -s`. */
  layerUsage(container: ContainerID): Promise<{ readonly writable: number; readonly total: number }>;
  /** `vfs` (copies) where overlayfs can't be mounted under the data root; known from `start` on. */
  readonly storageDriver: "overlay2" | "vfs";
  stop(): Promise<void>;
}

/** Which containers stand on an image. */
export type UsedBy = (image: ImageID) => readonly { readonly id: ContainerID; readonly running: boolean }[];
