/** Protocols' names as protocols(5) has them: those that rules are written with. */
const NUMBERS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  "ipv6-icmp": 58,
  ospf: 89,
  ipip: 94,
  pim: 103,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
};
const NAMES = new Map(Object.entries(NUMBERS).map(([name, number]) => [number, name]));
/** Other names that people write. */
const ALSO: Readonly<Record<string, number>> = { icmpv6: 58, all: 0 };

export const protocolName = (number: number): string => NAMES.get(number) ?? `${number}`;

/** Undefined for what is no name of one. */
export const protocolNumber = (name: string): number | undefined =>
  NUMBERS[name.toLowerCase()] ?? ALSO[name.toLowerCase()];
