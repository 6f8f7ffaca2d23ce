/** Volumes: directories with a name that outlive containers (Docker API, "Volumes"). */
import type { ContainerID } from "../lib/ids.ts";

export interface Volume {
  readonly name: string;
  readonly driver: "local";
  /** Absolute; with mount options it holds the mounted file system while a container uses it. */
  readonly mountpoint: string;
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `type`, `device`, `o`, as given to mount(8). */
  readonly options: Readonly<Record<string, string>>;
  /** Nobody named it: it goes with `docker rm -v` and with `volume prune`. */
  readonly anonymous: boolean;
  /** The container with whose creation it was made: where that was cut short, it is no more than half filled. */
  readonly madeWith?: ContainerID;
}

export interface VolumeRequest {
  /** 64 hex digits are drawn where absent. */
  readonly name?: string;
  /** `local` where absent. */
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly anonymous?: boolean;
  readonly madeWith?: ContainerID;
}

/** Ids of containers, whatever their state, that a volume belongs to. */
export type VolumeUsers = (volume: string) => readonly string[];

export interface Volumes {
  /** Read the records; finish what a crash left half-done, find again what is mounted. */
  start(): Promise<void>;
  /** By name. */
  list(): readonly Volume[];
  find(name: string): Volume | undefined;
  /** @throws not-found: `get x: no such volume` */
  get(name: string): Volume;
  /**
   * Made, or the one there is by that name, whatever options and labels it has, as with Docker.
   * @throws invalid: name, options; not-found: driver
   */
  create(request: VolumeRequest): Promise<Volume>;
  /** @throws not-found (but with `force`); conflict: `remove x: volume is in use - [ids]` */
  remove(name: string, options: { readonly force: boolean; readonly usedBy: VolumeUsers }): Promise<void>;
  /** Remove those of `candidates` that nobody uses. @returns names, and bytes made free */
  prune(
    candidates: readonly Volume[],
    usedBy: VolumeUsers,
  ): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }>;
  /** Bytes in its files. */
  size(name: string): Promise<number>;
  /**
   * Ready for a container to use: with mount options it is mounted by the first user and unmounted with the last.
   * @param user the container's id; twice is no failure
   * @returns the directory to bind. @throws with mount(2)'s errno
   */
  mount(name: string, user: string): Promise<string>;
  unmount(name: string, user: string): Promise<void>;
  stop(): Promise<void>;
}
