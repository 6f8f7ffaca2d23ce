/** Manifests and configs of a registry, by way of a session. */
import { sha256 } from "../lib/digest.ts";
import { canonical, type Reference } from "../lib/reference.ts";
import { type ImageManifest, type Index, parseManifest, verified } from "./manifest.ts";
import type { Session } from "./skopeo.ts";

export interface Fetched {
  readonly bytes: Uint8Array;
  readonly digest: string;
  readonly manifest: ImageManifest | Index;
}

/** The same repository's image by digest; a tag beside it says nothing more. */
export const byDigest = ({ domain, path }: Reference, digest: string): Reference => ({
  domain,
  path,
  digest,
});

const from = (session: Session, reference: Reference): readonly string[] => {
  const { digest } = reference;
  const exact = digest === undefined ? reference : byDigest(reference, digest);
  return ["--authfile", session.authFile, `docker://${canonical(exact)}`];
};

/** A registry that says nothing for so long is none. */
const PATIENCE = "60s";

/** @throws SkopeoError; invalid for what is no image; internal where it isn't what its digest says */
export async function fetchManifest(
  session: Session,
  reference: Reference,
  signal: AbortSignal,
  patience = PATIENCE,
): Promise<Fetched> {
  const args = ["inspect", "--raw", "--command-timeout", patience, ...from(session, reference)];
  const bytes = await session.run(args, { signal });
  const { digest = sha256(bytes) } = reference;
  verified(bytes, digest, "manifest");
  return { bytes, digest, manifest: parseManifest(bytes, canonical(reference)) };
}

/** Of the image that `manifest` is of. @throws as above */
export async function fetchConfig(
  session: Session,
  reference: Reference,
  manifest: ImageManifest,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const args = ["inspect", "--raw", "--config", "--command-timeout", PATIENCE, ...from(session, reference)];
  const bytes = await session.run(args, { signal });
  return verified(bytes, manifest.config.digest, "image config");
}
