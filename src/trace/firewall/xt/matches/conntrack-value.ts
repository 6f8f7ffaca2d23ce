/** What a conntrack match holds, and its bits: linux/netfilter/xt_conntrack.h. */
export interface Conntrack {
  /** Address and mask of each of SIDES, as union nf_inet_addr. */
  readonly addresses: readonly Uint8Array[];
  /** Seconds, from and to. */
  readonly expires: readonly number[];
  readonly protocol: number;
  readonly ports: readonly number[];
  readonly highPorts: readonly number[];
  readonly flags: number;
  readonly inverted: number;
  readonly state: number;
  readonly status: number;
}

/** XT_CONNTRACK_*: what is asked. */
export const FLAG = {
  state: 1 << 0,
  protocol: 1 << 1,
  status: 1 << 6,
  expires: 1 << 7,
  direction: 1 << 12,
  /** It was written `-m state --state`. */
  stateAlias: 1 << 13,
} as const;

/** In the order in which the structure has them. */
export const SIDES = [
  { name: "ctorigsrc", portName: "ctorigsrcport", address: 1 << 2, port: 1 << 8 },
  { name: "ctorigdst", portName: "ctorigdstport", address: 1 << 3, port: 1 << 9 },
  { name: "ctreplsrc", portName: "ctreplsrcport", address: 1 << 4, port: 1 << 10 },
  { name: "ctrepldst", portName: "ctrepldstport", address: 1 << 5, port: 1 << 11 },
] as const;

/** XT_CONNTRACK_STATE_*, in the order in which iptables-save(8) writes them. */
export const STATE = {
  INVALID: 1 << 0,
  NEW: 1 << 3,
  RELATED: 1 << 2,
  ESTABLISHED: 1 << 1,
  UNTRACKED: 1 << 8,
  SNAT: 1 << 6,
  DNAT: 1 << 7,
} as const;

/** IPS_*, linux/netfilter/nf_conntrack_common.h; none of them is asked for as NONE. */
export const STATUS = { EXPECTED: 1 << 0, SEEN_REPLY: 1 << 1, ASSURED: 1 << 2, CONFIRMED: 1 << 3 } as const;

export const namesOf = (bits: number, names: Readonly<Record<string, number>>): string =>
  Object.keys(names)
    .filter((name) => bits & (names[name] ?? 0))
    .join(",");
