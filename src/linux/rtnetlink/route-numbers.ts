/** What a route is, which table it stands in and how far it reaches: linux/rtnetlink.h. */

/** RTN_*: the type of a route, and of an address by the route to it. */
export const RTN = {
  unspecified: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const;

/** RT_TABLE_*: those that have names in the kernel; rules may name any other. */
export const RT_TABLE = { default: 253, main: 254, local: 255 } as const;

/** RT_SCOPE_*: of an address and of a route; the larger the number, the nearer. */
export const RT_SCOPE = { universe: 0, link: 253 } as const;
