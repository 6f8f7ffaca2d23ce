/** What a packet's route is looked up by: ip_route_input's and ip_route_me_harder's flowi. */
import type { Address } from "../../../lib/ip.ts";
import { addressOf, familyOf, portOf } from "../../packet/packet.ts";
import type { Packet } from "../../packet/types.ts";
import type { Query } from "../fib/query.ts";

type Arrived = Query & { readonly from: Address; readonly in: number };

/** Undefined for what is not IP. */
export function queryOf(packet: Packet, ifindex: number): Arrived | undefined {
  const query = sentQueryOf(packet);
  return query && { ...query, in: ifindex };
}

/** The same for what is sent from here. */
export function sentQueryOf(packet: Packet): (Query & { readonly from: Address }) | undefined {
  const family = familyOf(packet);
  const from = addressOf(packet, "source");
  const to = addressOf(packet, "destination");
  if (!family || !from || !to) return undefined;
  const sourcePort = portOf(packet, "source");
  const destinationPort = portOf(packet, "destination");
  return {
    family,
    from,
    to,
    mark: packet.mark,
    // IPTOS_RT_MASK: what is left of TOS for routes.
    tos: family === 4 ? (packet.bytes[packet.network + 1] ?? 0) & 0x1c : 0,
    ...(packet.protocol !== undefined && { protocol: packet.protocol }),
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
  };
}
