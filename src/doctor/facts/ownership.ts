/** Who has an address, or a MAC, on a segment. */
import { formatAddress } from "../../lib/ip.ts";
import type { Topology } from "../../observe/types.ts";
import { addressesOf } from "./namespace.ts";
import { type Member, type Segment, segmentsOf } from "./segments.ts";

/** Members that have the same, by what they have: where more than one has it. */
function shared(
  segment: Segment,
  keysOf: (member: Member) => readonly string[],
): ReadonlyMap<string, readonly Member[]> {
  const found = new Map<string, Member[]>();
  for (const member of segment.members)
    for (const key of new Set(keysOf(member))) found.set(key, [...(found.get(key) ?? []), member]);
  return new Map([...found].filter(([, members]) => members.length > 1));
}

export interface Shared {
  readonly segment: Segment;
  /** The address or MAC, as text. */
  readonly what: string;
  readonly members: readonly Member[];
}

const sharedIn = (topology: Topology, keysOf: (member: Member) => readonly string[]): readonly Shared[] =>
  segmentsOf(topology).all.flatMap((segment) =>
    [...shared(segment, keysOf)].map(([what, members]) => ({ segment, what, members })),
  );

/** Addresses that several links of one segment have. */
export const sharedAddresses = (topology: Topology): readonly Shared[] =>
  sharedIn(topology, ({ namespace, link }) =>
    addressesOf(namespace, link).map(({ address }) => formatAddress(address.address)),
  );

export const sharedMacs = (topology: Topology): readonly Shared[] =>
  sharedIn(topology, ({ link }) => (link.mac === undefined ? [] : [link.mac]));
