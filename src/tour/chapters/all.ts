/** The lesson, in order. A new chapter is a file, and a line here. */
import type { Chapter } from "../types.ts";
import { bareNamespaces } from "./bare-namespaces.ts";
import { namedNamespace } from "./named-namespace.ts";
import { otherEnd } from "./other-end.ts";
import { twoContainers } from "./two-containers.ts";
import { wayOut } from "./way-out.ts";
import { whyNot } from "./why-not.ts";

export const CHAPTERS: readonly Chapter[] = [
  twoContainers,
  otherEnd,
  namedNamespace,
  bareNamespaces,
  wayOut,
  whyNot,
];
