/** Image references: a word that images and registries share. */
export { canonical, familiar, parseReference, type Reference, withDefaultTag } from "../lib/reference.ts";

import type { Reference } from "../lib/reference.ts";

/** Without tag and digest: `docker.io/library/busybox`. */
export const repositoryOf = ({ domain, path }: Reference): string => `${domain}/${path}`;
