/** Images built from a Dockerfile, carried out by buildah (Docker API, "Build an image"). */
import type { Readable } from "node:stream";
import type { Credentials } from "../registry/types.ts";

export interface BuildRequest {
  /** A tar, plain or compressed; absent with `remote`. */
  readonly context?: Readable;
  /** The address of a Dockerfile or of a tar, which goes before `context`; a git repository's is refused. */
  readonly remote?: string;
  /** In the context; `Dockerfile` by default. */
  readonly dockerfile: string;
  readonly tags: readonly string[];
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string;
  readonly cacheFrom: readonly string[];
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly squash: boolean;
  readonly platform: string;
  readonly networkMode: string;
  readonly extraHosts: readonly string[];
  readonly shmSize: number;
  readonly memory: number;
  readonly memorySwap: number;
  readonly cpuShares: number;
  readonly cpuPeriod: number;
  readonly cpuQuota: number;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly cgroupParent: string;
  readonly ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  /** By registry, from X-Registry-Config. */
  readonly credentials: Readonly<Record<string, Credentials>>;
}

/** A line of the build's stream: `{"stream": "Step 1/2 : FROM busybox\n"}`, `{"aux": {"ID": "sha256:…"}}`. */
export type BuildMessage =
  | { readonly stream: string }
  | { readonly status: string; readonly id?: string; readonly progressDetail?: object }
  | { readonly aux: { readonly ID: string } };

export interface Builder {
  start(): Promise<void>;
  /** @returns the image's id. @throws invalid (Dockerfile), not-built-in where there is no buildah, with what to install */
  build(
    request: BuildRequest,
    options: {
      /** Where it gives a promise, the build waits for that before it writes more. */
      readonly onMessage: (message: BuildMessage) => Promise<void> | void;
      readonly signal: AbortSignal;
    },
  ): Promise<string>;
  /** `docker builder prune`. */
  prune(options: { readonly all: boolean }): Promise<{
    readonly deleted: readonly string[];
    readonly reclaimed: number;
  }>;
  usage(): Promise<CacheUsage>;
  stop(): Promise<void>;
}

/** What the builds' cache takes. */
export interface CacheUsage {
  readonly bytes: number;
  /** Absent where no build has made one yet. */
  readonly createdAt?: Date;
}
