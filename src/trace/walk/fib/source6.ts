/** Which of a machine's IPv6 addresses it speaks under: ipv6_dev_get_saddr (net/ipv6/addrconf.c), RFC 6724 section 5. */
import { type Address, contains, parsePrefix } from "../../../lib/ip.ts";
import { isLinkLocal, isLoopback, isMulticast } from "../../../lib/ip-kinds.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace, ObservedAddress } from "../../../observe/types.ts";

const SITE_LOCAL = parsePrefix("fec0::/10");

/** RFC 4007's scopes: 2 link, 5 site, 14 global. */
function scopeOf(address: Address): number {
  if (isMulticast(address)) return Number((address.bits >> 112n) & 0xfn);
  if (isLinkLocal(address) || isLoopback(address)) return 2;
  return contains(SITE_LOCAL, address) ? 5 : 14;
}

/** RFC 6724 section 2.1, as net/ipv6/addrlabel.c has it by default; the first that contains an address is the longest. */
const LABELS: readonly (readonly [prefix: string, label: number])[] = [
  ["::1/128", 0],
  ["::ffff:0:0/96", 4],
  ["::/96", 3],
  ["2001::/32", 6],
  ["2001:10::/28", 7],
  ["3ffe::/16", 12],
  ["2002::/16", 2],
  ["fec0::/10", 11],
  ["fc00::/7", 5],
  ["::/0", 1],
];
const PARSED = LABELS.map(([prefix, label]) => ({ prefix: parsePrefix(prefix), label }));

const labelOf = (address: Address): number =>
  PARSED.find(({ prefix }) => contains(prefix, address))?.label ?? 1;

/** How many leading bits are the same, no further than the prefix. */
function common(held: ObservedAddress, to: Address): number {
  const difference = held.address.address.bits ^ to.bits;
  const same = difference === 0n ? 128 : 128 - difference.toString(2).length;
  return Math.min(same, held.address.length);
}

/** One number a rule of RFC 6724, in its order: the larger is preferred. */
function ranks(held: ObservedAddress, ifindex: number, to: Address): readonly number[] {
  const own = scopeOf(held.address.address);
  const wanted = scopeOf(to);
  return [
    held.address.address.bits === to.bits ? 1 : 0,
    // Rule 2: the narrowest scope that is wide enough; below that, the widest.
    own >= wanted ? -own : own - 128,
    held.deprecated ? 0 : 1,
    held.ifindex === ifindex ? 1 : 0,
    labelOf(held.address.address) === labelOf(to) ? 1 : 0,
    common(held, to),
  ];
}

function prefers(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((rank, i) => rank !== b[i]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
}

/** @param ifindex the link that it leaves by */
export function selectAddress6(namespace: Namespace, ifindex: number, to: Address): Address | undefined {
  const place = placeOf(namespace);
  const bound = isLinkLocal(to) || isMulticast(to);
  const all = bound ? place.addressesOn(ifindex) : place.links().flatMap((l) => place.addressesOn(l.ifindex));
  let best: { readonly held: ObservedAddress; readonly ranks: readonly number[] } | undefined;
  for (const held of all) {
    if (held.address.address.family !== 6 || held.tentative || held.duplicate) continue;
    if (isLoopback(held.address.address) && !isLoopback(to)) continue;
    const own = ranks(held, ifindex, to);
    if (!best || prefers(own, best.ranks)) best = { held, ranks: own };
  }
  return best?.held.address.address;
}
