/** What a link's frames begin with, by its kind of hardware. */
import { invalid } from "../lib/errors.ts";

export interface LinkType {
  /** LINKTYPE_*, as files name it: draft-ietf-opsawg-pcaplinktype. */
  readonly inFiles: number;
  /** DLT_*, as libpcap's compiler takes it. */
  readonly dlt: number;
}

const ETHERNET: LinkType = { inFiles: 1, dlt: 1 };
/** No header: the frame is an IP packet. */
export const RAW_IP: LinkType = { inFiles: 101, dlt: 12 };

/** ARPHRD_*, linux/if_arp.h. The loopback's frames have an Ethernet header of zeros. */
const TYPES: ReadonlyMap<number, LinkType> = new Map([
  [1, ETHERNET],
  [772, ETHERNET],
  [519, RAW_IP], // RAWIP
  [768, RAW_IP], // TUNNEL: IP in IP
  [769, RAW_IP], // TUNNEL6
  [776, RAW_IP], // SIT
  [65534, RAW_IP], // NONE: tun, WireGuard
]);

/** Whether frames of such a link can be written and read. */
export const isUnderstood = (hardware: number): boolean => TYPES.has(hardware);

/** @throws invalid for hardware whose frames nobody here reads */
export function linkTypeOf(hardware: number, name: string): LinkType {
  const found = TYPES.get(hardware);
  if (!found)
    throw invalid(`cannot capture on ${name}: frames of hardware type ${hardware} are not understood`);
  return found;
}
