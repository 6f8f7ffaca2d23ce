/** What every rule can ask without a match: ip_packet_match and ip6_packet_match of net/ipv4 and net/ipv6. */
import { type Family, widthOf } from "../../../lib/ip.ts";
import type { XtAddresses, XtSelector } from "../../../linux/xtables/types.ts";
import type { Packet } from "../../packet/types.ts";
import type { Surroundings } from "../types.ts";
import { addressBits, familyOf, fitsPattern, fragmentOffset, linkName } from "./look.ts";

/** A packet at a hook, looked at once for a thousand rules. */
export interface Look {
  readonly family: Family;
  readonly source: bigint;
  readonly destination: bigint;
  /** "" where the hook has none. */
  readonly in: string;
  readonly out: string;
  readonly protocol: number | undefined;
  readonly fragment: boolean;
}

export const lookAt = (packet: Packet, around: Surroundings): Look => ({
  family: familyOf(packet),
  source: addressBits(packet, "source"),
  destination: addressBits(packet, "destination"),
  in: linkName(around.namespace, around.in),
  out: linkName(around.namespace, around.out),
  protocol: packet.protocol,
  fragment: fragmentOffset(packet) > 0,
});

export function selects(selector: XtSelector, look: Look): boolean {
  const { source, destination, in: into, out, protocol, fragment } = selector;
  // Addresses last: numbers of any length are slow.
  return (
    (!protocol || (protocol.number === look.protocol) !== protocol.not) &&
    (!into || fitsPattern(into.pattern, look.in) !== into.not) &&
    (!out || fitsPattern(out.pattern, look.out) !== out.not) &&
    (!fragment || look.fragment !== fragment.not) &&
    (!source || isAmong(source, look.source, look.family)) &&
    (!destination || isAmong(destination, look.destination, look.family))
  );
}

function isAmong({ prefix, mask, not }: XtAddresses, bits: bigint, family: Family): boolean {
  if (prefix.address.family !== family) return false;
  if (mask === undefined && prefix.length === widthOf(family)) return (bits === prefix.address.bits) !== not;
  const differs = bits ^ prefix.address.bits;
  const counts = mask === undefined ? differs >> BigInt(widthOf(family) - prefix.length) : differs & mask;
  return (counts === 0n) !== not;
}
