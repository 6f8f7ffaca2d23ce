import { createHash } from "node:crypto";

/** `sha256:` and 64 hex digits (OCI image spec, "Descriptor", "Digests"). */
export const sha256 = (data: string | Uint8Array): string =>
  `sha256:${createHash("sha256").update(data).digest("hex")}`;
