/** The flags word of an enhanced packet block, draft-ietf-opsawg-pcapng: bit 0 is the least. */
import type { PacketType } from "../../linux/packet-socket.ts";
import type { Captured } from "../types.ts";

const DIRECTION = { in: 0b01, out: 0b10 } as const;

/** Bits 2 to 4: how it was received. Not told of what is sent. */
const RECEPTION: Readonly<Record<PacketType, number>> = {
  outgoing: 0,
  host: 1 << 2,
  multicast: 2 << 2,
  broadcast: 3 << 2,
  otherhost: 4 << 2,
};

const CHECKSUM_NOT_READY = 1 << 9;

export const flagsOf = ({ way, type, checksumPending }: Captured): number =>
  DIRECTION[way] | RECEPTION[type] | (checksumPending ? CHECKSUM_NOT_READY : 0);
