/** The images that a build begins with: from the engine's store, and what is missing through its registry. */
import type { Image, Images } from "../image/types.ts";
import { kindOf } from "../lib/errors.ts";
import { canonical, familiar, parseReference, withDefaultTag } from "../lib/reference.ts";
import type { Credentials, Registry } from "../registry/types.ts";
import type { BuildMessage } from "./types.ts";

export interface BaseOptions {
  readonly images: Images;
  readonly registry: Registry;
  readonly pull: boolean;
  readonly credentials: Readonly<Record<string, Credentials>>;
  readonly onMessage: (message: BuildMessage) => Promise<void> | void;
  readonly signal: AbortSignal;
}

/** @throws not-found, and what the registry says, in Docker's words */
export async function baseImage(name: string, platform: string, options: BaseOptions): Promise<Image> {
  const { images, registry, pull, onMessage, signal } = options;
  const known = images.find(name);
  if (known && !pull) return known;
  // An id names what is here, and no registry knows it.
  if (known && !known.tags.includes(familiar(withDefaultTag(parseReference(name))))) return known;
  try {
    return await registry.pull(name, {
      ...credentialsFor(name, options.credentials),
      ...(platform !== "" && { platform }),
      onProgress: ({ aux: _, ...progress }) => void onMessage(progress),
      signal,
    });
  } catch (thrown) {
    // The machine's own busybox serves where no registry does.
    if (signal.aborted) throw thrown;
    return images.resolve(name).catch((missing: unknown) => {
      throw kindOf(missing) === "not-found" ? thrown : missing;
    });
  }
}

const HUB: ReadonlySet<string> = new Set(["docker.io", "index.docker.io"]);

/** X-Registry-Config is by registry; Docker's own goes by the address of its first version. */
function credentialsFor(
  name: string,
  all: Readonly<Record<string, Credentials>>,
): { readonly credentials?: Credentials } {
  const { domain } = parseReference(name);
  const bare = (address: string) => address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  const entry = Object.entries(all).find(
    ([address]) => bare(address) === domain || (HUB.has(domain) && HUB.has(bare(address))),
  );
  return entry ? { credentials: entry[1] } : {};
}

/** As the image's name is kept: `docker.io/library/app:latest`. @throws invalid */
export function tagOf(text: string): string {
  return canonical(withDefaultTag(parseReference(text)));
}
