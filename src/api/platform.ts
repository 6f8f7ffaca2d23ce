/** `platform` in a query: an OCI platform as JSON, from API 1.48 on (moby, httputils.DecodePlatform). */
import type { Image } from "../image/types.ts";
import { invalid, notFound } from "../lib/errors.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** @throws invalid */
export function decodePlatform(json: string): Platform {
  let given: unknown;
  try {
    given = JSON.parse(json);
  } catch (thrown) {
    throw invalid(`failed to parse platform: ${json}`, thrown);
  }
  const { os, architecture, variant } = (given ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof os !== "string" || typeof architecture !== "string" || !os || !architecture) {
    throw invalid(
      variant && !os && !architecture
        ? "optional platform fields provided, but OS and Architecture are missing"
        : "both OS and Architecture must be provided",
    );
  }
  return { os, architecture, ...(typeof variant === "string" && variant && { variant }) };
}

export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant ? [variant] : [])].join("/");

/** What a machine of a kind is by default (containerd, platforms). */
const PLAIN: Readonly<Record<string, string>> = { amd64: "v1", arm: "v7", arm64: "v8" };

/** @throws not-found where the image is for another */
export function mustBeFor(wanted: Platform, image: Image, name: string): void {
  const variant = ({ architecture, variant: given }: Platform) => given || PLAIN[architecture];
  const same =
    image.os === wanted.os &&
    image.architecture === wanted.architecture &&
    variant(wanted) === (image.variant || PLAIN[image.architecture]);
  if (same) return;
  const { os, architecture } = image;
  const own = formatPlatform({ os, architecture, ...(image.variant && { variant: image.variant }) });
  throw notFound(
    `image with reference ${name} was found but its platform (${own}) does not match the specified platform (${formatPlatform(wanted)})`,
  );
}
