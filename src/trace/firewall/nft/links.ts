/** Links by index, found once for a namespace. */
import type { Namespace, ObservedLink } from "../../../observe/types.ts";

const indices = new WeakMap<Namespace, ReadonlyMap<number, ObservedLink>>();

export function linkAt(namespace: Namespace, ifindex: number | undefined): ObservedLink | undefined {
  if (ifindex === undefined) return undefined;
  let index = indices.get(namespace);
  if (!index) {
    index = new Map(namespace.links.map((link) => [link.ifindex, link]));
    indices.set(namespace, index);
  }
  return index.get(ifindex);
}
