/**
 * Where other ends of links are. A link names the index of its other end, and a number for the namespace that it is in: one
 * that only its own namespace knows. Most other ends are the reader's namespace's or lead to it, and that number is asked for
 * as each is read; of what is left, those are asked about in which a link could be the one.
 */
import { closeSync } from "node:fs";
import { codeOf } from "../lib/errors.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "../linux/netlink/socket.ts";
import { openNamespace, within } from "../linux/netns.ts";
import { askNamespaceId } from "../linux/rtnetlink/dump/nsid.ts";
import type { FoundNamespace } from "./find-namespaces.ts";
import type { Reading, ReadLink } from "./read-inside.ts";
import type { NamespaceId, ObservedLink } from "./types.ts";

/** By namespace: what it calls which others. */
export type Numbers = ReadonlyMap<NamespaceId, ReadonlyMap<number, NamespaceId>>;

export interface Read {
  readonly found: FoundNamespace;
  readonly reading: Reading;
}

/** The numbers that links use and `known` has not, found by asking. What can't be asked stays unknown. */
export function findNumbers(all: ReadonlyMap<NamespaceId, Read>, known: Numbers): Numbers {
  const numbers = new Map([...known].map(([id, some]) => [id, new Map(some)]));
  for (const [id, { found, reading }] of all) {
    const own = numbers.get(id) ?? new Map<number, NamespaceId>();
    numbers.set(id, own);
    const open = reading.links.filter(({ peer }) => peer?.nsid !== undefined && !own.has(peer.nsid));
    if (open.length === 0) continue;
    const candidates = candidatesFor(id, open, all);
    for (const [nsid, other] of ask(found, candidates)) own.set(nsid, other);
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
  const opened: number[] = [];
  try {
    const own = open(from);
    if (own === undefined) return told;
    opened.push(own);
    const socket = within(own, from.path, () => new NetlinkSocket(NETLINK_ROUTE));
    try {
      for (let at = 0; at < others.length; at += AT_ONCE) {
        const requests = others.slice(at, at + AT_ONCE).flatMap((other) => {
          const fd = open(other);
          if (fd === undefined) return [];
          opened.push(fd);
          const hear = (nsid: number | undefined) => void (nsid !== undefined && told.set(nsid, other.id));
          return [askNamespaceId("ask what a namespace is called", fd, hear)];
        });
        socket.transact(requests);
        for (const fd of opened.splice(1)) closeSync(fd);
      }
    } finally {
      socket.close();
    }
  } finally {
    for (const fd of opened) closeSync(fd);
  }
  return told;
}

/** So many descriptors are open at a time. */
const AT_ONCE = 64;

/** Undefined where it went since it was read. */
function open({ path }: FoundNamespace): number | undefined {
  try {
    return openNamespace(path);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT" || codeOf(thrown) === "ESRCH") return undefined;
    throw thrown;
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
