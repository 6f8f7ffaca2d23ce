/**
 * Where other ends of links are. A link names the index of its other end, and a number for the namespace that it is in: one
 * that only its own namespace knows. Most other ends are the reader's namespace's or lead to it, and that number is asked for
 * as each is read; of what is left, those are asked about in which a link could be the one.
 */
import { closeSync } from "node:fs";
import { KernelError } from "../linux/ffi.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../linux/netlink/socket.ts";
import { openNamespace, within } from "../linux/netns.ts";
import type { FoundNamespace } from "./find-namespaces.ts";
import { nsidOf, type Reading, type ReadLink } from "./read-inside.ts";
import type { NamespaceId, ObservedLink } from "./types.ts";

/** By namespace: what it calls which others. */
export type Numbers = ReadonlyMap<NamespaceId, ReadonlyMap<number, NamespaceId>>;

export interface Read {
  readonly found: FoundNamespace;
  readonly reading: Reading;
}

/**
 * The numbers that links use and `known` has not, found by asking. What can't be asked stays unknown.
 * @param host the reader's own, which was asked about each as that was read
 */
export function findNumbers(all: ReadonlyMap<NamespaceId, Read>, known: Numbers, host: NamespaceId): Numbers {
  const numbers = new Map([...known].map(([id, some]) => [id, new Map(some)]));
  for (const [id, { found, reading }] of all) {
    const own = numbers.get(id) ?? new Map<number, NamespaceId>();
    numbers.set(id, own);
    if (id === host) continue;
    const open = reading.links.filter(({ peer }) => peer?.nsid !== undefined && !own.has(peer.nsid));
    if (open.length === 0) continue;
    for (const [nsid, other] of ask(found, candidatesFor(id, open, all))) own.set(nsid, other);
  }
  return numbers;
}

/** Namespaces that could hold one of the other ends: where a link has that index and, of a pair, names this one's back. */
function candidatesFor(
  id: NamespaceId,
  links: readonly ReadLink[],
  all: ReadonlyMap<NamespaceId, Read>,
): FoundNamespace[] {
  return [...all]
    .filter(([other, { reading }]) => other !== id && links.some((link) => couldHold(reading, link)))
    .map(([, { found }]) => found);
}

const couldHold = (reading: Reading, { ifindex, kind, peer }: ReadLink): boolean =>
  reading.links.some(
    (there) => there.ifindex === peer?.ifindex && (kind !== "veth" || there.peer?.ifindex === ifindex),
  );

function ask(from: FoundNamespace, others: readonly FoundNamespace[]): Map<number, NamespaceId> {
  const told = new Map<number, NamespaceId>();
  if (others.length === 0) return told;
  const socket = unlessGone(from, (fd) => within(fd, from.path, () => new NetlinkSocket(NETLINK_ROUTE)));
  if (!socket) return told;
  try {
    for (const other of others) {
      const nsid = unlessGone(other, (fd) => nsidOf(socket, fd));
      if (nsid !== undefined) told.set(nsid, other.id);
    }
  } finally {
    socket.close();
  }
  return told;
}

/** What `work` gives with the namespace open; undefined where that went since it was read. */
function unlessGone<T>({ path }: FoundNamespace, work: (fd: number) => T): T | undefined {
  let fd: number | undefined;
  try {
    fd = openNamespace(path);
    return work(fd);
  } catch (thrown) {
    if (thrown instanceof KernelError) return undefined;
    throw thrown;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The links with their other ends, as far as they are known. */
export const withOtherEnds = (
  id: NamespaceId,
  links: readonly ReadLink[],
  numbers: Numbers,
): readonly ObservedLink[] =>
  links.map(({ peer, ...link }) => {
    if (!peer) return link;
    const namespace = peer.nsid === undefined ? id : numbers.get(id)?.get(peer.nsid);
    return { ...link, other: { ifindex: peer.ifindex, ...(namespace !== undefined && { namespace }) } };
  });
