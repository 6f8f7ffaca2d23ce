/** Images to and from registries (OCI distribution spec; Docker API, "Create an image", "Push an image"). */
import type { Image } from "../image/types.ts";

/** X-Registry-Auth, decoded (Docker API, "Authentication"). */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
  readonly serverAddress?: string;
}

/** A line of Docker's progress stream (JSONMessage). */
export interface Progress {
  readonly status: string;
  /** Of a layer: the first 12 digits of its digest. */
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly aux?: object;
}

export interface TransferOptions {
  readonly credentials?: Credentials;
  /** `linux/arm64/v8`; the host's own by default. */
  readonly platform?: string;
  readonly onProgress: (progress: Progress) => void;
  /** The client went: what is half-done is given up, blobs that are whole stay for the next try. */
  readonly signal: AbortSignal;
}

export interface Registry {
  /** Free what an interrupted pull left, but whole blobs of the last day. */
  start(): Promise<void>;
  /**
   * @param reference `busybox`, `busybox:1.36`, `r.example:5000/a/b@sha256:…`
   * @throws not-found, forbidden, invalid, unavailable in Docker's words
   */
  pull(reference: string, options: TransferOptions): Promise<Image>;
  /** All tags of a repository (`docker pull -a`). */
  pullAll(repository: string, options: TransferOptions): Promise<readonly Image[]>;
  /** @throws not-found where there is no such tag here; what the registry says */
  push(
    reference: string,
    options: TransferOptions,
  ): Promise<{ readonly tag: string; readonly digest: string; readonly size: number }>;
  /** `docker login`: are these good? @returns an identity token, or the empty string */
  login(credentials: Credentials): Promise<{ readonly status: string; readonly identityToken: string }>;
  /** What a registry has by that name (Docker API, "Distribution"). */
  inspect(
    reference: string,
    options: Pick<TransferOptions, "credentials" | "signal">,
  ): Promise<{
    readonly descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
    readonly platforms: readonly {
      readonly architecture: string;
      readonly os: string;
      readonly variant?: string;
    }[];
  }>;
  stop(): Promise<void>;
}
