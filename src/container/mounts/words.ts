/** Words that all kinds of mounts share. */
import { posix } from "node:path";

/** mount_namespaces(7). */
export const PROPAGATIONS = ["private", "rprivate", "shared", "rshared", "slave", "rslave"] as const;
export type Propagation = (typeof PROPAGATIONS)[number];

export const isPropagation = (text: string): text is Propagation =>
  PROPAGATIONS.some((known) => known === text);

/** Without `.`, `..`, doubled or trailing slashes. */
export const cleanPath = (path: string): string => posix.normalize(path).replace(/(.)\/$/, "$1");
