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
  readonly author?: string;
  readonly comment: string;
  readonly emptyLayer: boolean;
}

export interface Image {
  readonly id: ImageID;
  /** `busybox:latest`, `example.org/team/app:1`: familiar form, in order. */
  readonly tags: readonly string[];
  /** `busybox@sha256:…`: names by a manifest's digest, from the registries it came from or went to. */
  readonly digests: readonly string[];
  /** Of a commit or a build step: what it stands on, where that is known here. */
  readonly parent?: ImageID;
  /** RFC 3339: when it was tagged last here. */
  readonly tagged?: string;
  readonly variant?: string;
  /** Of a commit, the container; with it the config that it had, in Docker's shape. */
  readonly container?: string;
  readonly containerConfig?: object;
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

/** A layer as it comes from elsewhere. */
export interface IncomingLayer {
  /** Known beforehand from the config; what comes must have it. */
  readonly diffId: DiffID;
  /** Bytes of what `open` gives, where they are known. */
  readonly size?: number;
  /** Its tar, compressed or not. Called only where the layer is not here. @throws what reading throws */
  open(): Promise<Readable>;
}

/** An image as it comes from an archive, a registry or a builder. */
export interface IncomingImage {
  /** The config's bytes, whose sha256 is the image's id: kept as they are. */
  readonly config: Uint8Array;
  /** Bottom first. */
  readonly layers: readonly IncomingLayer[];
  /** Tags, and names by digest. */
  readonly references: readonly string[];
  readonly parent?: ImageID;
  readonly onLayer?: OnLayer;
}

/** Told of each layer as it is taken: `exists` where it is here already. `bytes` of `total` are read. */
export type OnLayer = (
  diffId: DiffID,
  step: "exists" | "extracting" | "complete",
  bytes: number,
  total?: number,
) => void;

/** An image that `load` brought. */
export interface Loaded {
  readonly image: Image;
  /** Tags that it was given, familiar form. */
  readonly references: readonly string[];
  /** Of these, what other images had until now. */
  readonly replaced: readonly { readonly reference: string; readonly image: ImageID }[];
}

/** An image as it goes elsewhere: bit for bit what it was made of. */
export interface OutgoingImage {
  readonly image: Image;
  readonly config: Uint8Array;
  readonly layers: readonly {
    readonly diffId: DiffID;
    /** Bytes of its tar. */
    readonly size: number;
    /** Its tar, uncompressed, with the digest that `diffId` says. */
    open(): Readable;
  }[];
}

export interface CommitRequest {
  readonly container: ContainerID;
  /** What the container was made from. */
  readonly base: ImageID;
  readonly config: ImageConfig;
  /** `docker commit -c`: Dockerfile instructions over it. */
  readonly changes: readonly string[];
  /** The container's own config as it was, for inspect. */
  readonly containerConfig: object;
  /** The command that made the layer: history's `created_by`. */
  readonly createdBy: string;
  readonly comment: string;
  readonly author: string;
  readonly reference?: string;
}

/** A path that a container changed (Docker API, "Get changes"). */
export interface FilesystemChange {
  readonly path: string;
  readonly kind: "modified" | "added" | "deleted";
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
   * Take in an image: layers that are here are not read, each other is verified by its digest and unpacked.
   * All of it, or nothing. Two that bring the same layer at the same time share the work.
   * @throws invalid for what is damaged, or does not have the digest it should
   */
  add(incoming: IncomingImage): Promise<Image>;
  /** @throws not-found; internal where a layer's files are damaged (told while reading) */
  contents(image: ImageID): Promise<OutgoingImage>;
  /** `docker save`: Docker's archive and an OCI layout in one tar. @throws not-found before the first byte */
  save(references: readonly string[], options?: { readonly platform?: string }): Promise<Readable>;
  /** `docker load`: Docker's archive or an OCI layout, compressed or not. */
  load(
    tar: Readable,
    options?: { readonly platform?: string; readonly onLayer?: OnLayer },
  ): Promise<readonly Loaded[]>;
  /** What the container wrote becomes a layer on its image's. The container must stand still meanwhile. */
  commit(request: CommitRequest): Promise<Image>;
  /** What the container changed, in order of path. */
  changes(container: ContainerID): Promise<readonly FilesystemChange[]>;
  /** The container's whole root filesystem as a tar (mounted for as long as it is read). */
  export(container: ContainerID): Promise<Readable>;
  /** Remove those of `candidates` that no container stands on (`usedBy`), untagging them first. */
  prune(
    candidates: readonly ImageID[],
    usedBy: UsedBy,
  ): Promise<{ readonly removed: readonly Removed[]; readonly reclaimed: number }>;
  /**
   * Untag, and delete with the last tag. @throws not-found; conflict where `usedBy` names containers and
   * not `force`, in Docker's words
   */
  remove(
    reference: string,
    options: {
      readonly force: boolean;
      /** Untagged parents stay. */
      readonly noprune?: boolean;
      readonly usedBy: UsedBy;
    },
  ): Promise<readonly Removed[]>;
  /** GraphDriver of an image's inspect: where its layers are. @throws not-found */
  driverOf(image: ImageID): RootFilesystem["driver"];
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
