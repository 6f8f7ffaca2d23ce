/**
 * How a packet of ours is known wherever it is met, whatever its addresses are by then: by bytes of its transport header
 * and what follows. The same patterns are compiled for taps (`classic.ts`), for nftables (`nftables/trace-table.ts`) and for
 * the tracepoint of drops (`drops.ts`).
 */
export interface Pattern {
  /** Next header of IP: 1, 6, 17, 58. */
  readonly protocol: number;
  /** All of them have to be there. */
  readonly fields: readonly {
    /** From the transport header on. */
    readonly offset: number;
    /** One, two or four. */
    readonly bytes: Uint8Array;
  }[];
}

/** The number that these bytes make in network order. */
export const networkNumber = (bytes: Uint8Array): number =>
  bytes.reduce((number, byte) => number * 256 + byte, 0);

/** Whether a packet matches, of which `transport` are the bytes from the transport header on. */
export const matches = ({ protocol, fields }: Pattern, of: number, transport: Uint8Array): boolean =>
  protocol === of &&
  fields.every(({ offset, bytes }) => bytes.every((byte, i) => transport[offset + i] === byte));
