/** A packet as people see it. */
import type { Address } from "../../lib/ip.ts";
import type { Sight } from "../types.ts";
import { addressOf, echoIdentifierOf, familyOf, macOfPacket, portOf, ttlOf } from "./packet.ts";
import type { Packet } from "./types.ts";

const NOWHERE: Address = { family: 4, bits: 0n };

/** Of ARP: protocol 0, and the sender's and target's addresses. Of an echo, `sourcePort` is its identifier. */
export function sightOf(packet: Packet): Sight {
  const sourcePort = portOf(packet, "source") ?? echoIdentifierOf(packet);
  const destinationPort = portOf(packet, "destination");
  const sourceMac = macOfPacket(packet, "source");
  const destinationMac = macOfPacket(packet, "destination");
  return {
    family: familyOf(packet) ?? 4,
    protocol: packet.protocol ?? 0,
    source: addressOf(packet, "source") ?? NOWHERE,
    destination: addressOf(packet, "destination") ?? NOWHERE,
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
    ...(sourceMac !== undefined && { sourceMac }),
    ...(destinationMac !== undefined && { destinationMac }),
    ttl: ttlOf(packet) ?? 0,
    mark: packet.mark,
  };
}
