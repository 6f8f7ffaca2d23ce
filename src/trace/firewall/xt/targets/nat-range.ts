/**
 * To what addresses and ports: linux/netfilter/nf_nat.h. One value for the three structures; ports are in network order.
 * ```
 * struct nf_nat_ipv4_multi_range_compat {
 *   unsigned int rangesize;                                         // 1
 *   struct nf_nat_ipv4_range { unsigned int flags; __be32 min_ip, max_ip; __be16 min, max; } range[1];
 * };
 * struct nf_nat_range  { unsigned int flags; union nf_inet_addr min_addr, max_addr; __be16 min_proto, max_proto; };
 * struct nf_nat_range2 { … __be16 base_proto; };
 * ```
 */
import type { Family } from "../../../../lib/ip.ts";
import { be16, inetAddress, octets, struct, u32 } from "../../../../linux/xtables/struct.ts";
import { padded } from "../matches/inet-prefix.ts";
import type { Options } from "../options.ts";
import { inet, range } from "../words.ts";

export interface NatRange {
  readonly flags: number;
  /** As union nf_inet_addr. */
  readonly low: Uint8Array;
  readonly high: Uint8Array;
  readonly lowPort: number;
  readonly highPort: number;
  /** The first port of those that are shifted to the range. */
  readonly basePort: number;
}

/** NF_NAT_RANGE_*. */
export const NAT = {
  ADDRESSES: 1 << 0,
  PORTS: 1 << 1,
  RANDOM: 1 << 2,
  PERSISTENT: 1 << 3,
  RANDOM_FULLY: 1 << 4,
  OFFSET: 1 << 5,
  NETMAP: 1 << 6,
};

const four = octets(4, 4);
const COMPAT = struct({ count: u32, flags: u32, low: four, high: four, lowPort: be16, highPort: be16 });
const RANGE = struct({ flags: u32, low: inetAddress, high: inetAddress, lowPort: be16, highPort: be16 });
const RANGE2 = struct({
  flags: u32,
  low: inetAddress,
  high: inetAddress,
  lowPort: be16,
  highPort: be16,
  basePort: be16,
});

export const NOWHERE: NatRange = {
  flags: 0,
  low: new Uint8Array(16),
  high: new Uint8Array(16),
  lowPort: 0,
  highPort: 0,
  basePort: 0,
};

export type NatLayout = "compat" | "range" | "range2";

export function decodeRange(layout: NatLayout, info: Uint8Array): NatRange | undefined {
  if (layout === "range2") return RANGE2.decode(info);
  if (layout === "range") return withBase(RANGE.decode(info));
  const old = COMPAT.decode(info);
  return old?.count === 1 ? { ...old, basePort: 0, low: padded(old.low), high: padded(old.high) } : undefined;
}

const withBase = (value: Omit<NatRange, "basePort"> | undefined): NatRange | undefined =>
  value && { ...value, basePort: 0 };

export function encodeRange(layout: NatLayout, value: NatRange): Uint8Array {
  if (layout === "range2") return RANGE2.encode(value);
  if (layout === "range") return RANGE.encode(value);
  return COMPAT.encode({ ...value, count: 1 });
}

/** What the structure that a family's targets of revision 0 have is called. */
export const plainLayout = (family: Family): NatLayout => (family === 4 ? "compat" : "range");

/** `172.17.0.2-172.17.0.9:80-90/8000`, `[2001:db8::1]:80`. */
export function rangeText(value: NatRange, family: Family): string {
  const { flags, lowPort, highPort, basePort } = value;
  const [low, high] = [inet(value.low, family), inet(value.high, family)];
  const addresses = flags & NAT.ADDRESSES ? (low === high ? low : `${low}-${high}`) : "";
  if (!(flags & NAT.PORTS)) return addresses;
  const bracketed = family === 6 && addresses !== "" ? `[${addresses}]` : addresses;
  const base = flags & NAT.OFFSET ? `/${basePort}` : "";
  return `${bracketed}:${range(lowPort, highPort, "-")}${base}`;
}

/** The same back. @throws invalid */
export function parseRange(options: Options, text: string, family: Family): NatRange {
  const [, bracketed, plain = "", ports] =
    (family === 6
      ? /^(?:\[([^\]]*)\]|([^[]*?))(?:(?<=\]|^):(.*))?$/.exec(text)
      : /^()([^:]*)(?::(.*))?$/.exec(text)) ?? [];
  const addresses = bracketed || plain;
  const parts = ports === undefined ? undefined : parsePorts(options, ports);
  if (addresses === "" && !parts) throw options.wrong(`${text} is no address`);
  if (addresses === "") return { ...NOWHERE, ...parts };
  const [low = "", high = low] = addresses.split("-");
  return {
    ...NOWHERE,
    ...parts,
    flags: NAT.ADDRESSES | (parts?.flags ?? 0),
    low: padded(options.address(low, family)),
    high: padded(options.address(high, family)),
  };
}

export function parsePorts(options: Options, text: string): Omit<NatRange, "low" | "high"> {
  const [ports = "", base] = text.split("/");
  const [lowPort, highPort] = options.range(ports, 0xffff, "-");
  const basePort = base === undefined ? 0 : options.number(base, 0xffff);
  return {
    flags: NAT.PORTS | (base === undefined ? 0 : NAT.OFFSET),
    lowPort,
    highPort,
    basePort,
  };
}
