/** A packet as it stands at a point of its way: the frame's bytes, and what the kernel notes beside them. */

/** Immutable: changing one gives another (`trace/packet/packet.ts`). */
export interface Packet {
  /**
   * From the Ethernet header on; of links without one (loopback has one, of zeros; tun has none) `network` is 0. Checksums are
   * correct when it is made and are not kept correct.
   */
  readonly bytes: Uint8Array;
  /** Where the network header begins: 14, or 18 behind a VLAN tag. */
  readonly network: number;
  /** Where the transport header begins; undefined for ARP, and for fragments but the first. */
  readonly transport?: number;
  /** 6, 17, 1, 58 …; undefined for ARP. */
  readonly protocol?: number;
  /** EtherType of what lies at `network`: 0x0800, 0x86dd, 0x0806. */
  readonly etherType: number;
  readonly mark: number;
  readonly priority: number;
}
