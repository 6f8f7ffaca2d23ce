/** What frames, packets and ports are numbered with: IANA's registries, as far as they are asked for here. */

/** What a frame carries: IEEE 802 numbers. */
export const ETHERTYPE = {
  ip: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  providerVlan: 0x88a8,
  ip6: 0x86dd,
} as const;

/** What a packet carries: protocol of IPv4, next header of IPv6. */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmp6: 58, sctp: 132 } as const;

/** Where name servers are asked, RFC 1035 section 4.2. */
export const DNS_PORT = 53;
