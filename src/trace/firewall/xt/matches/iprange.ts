/**
 * ```
 * struct xt_iprange_mtinfo {                                          // linux/netfilter/xt_iprange.h
 *   union nf_inet_addr src_min, src_max, dst_min, dst_max;
 *   __u8 flags;                                                       // IPRANGE_*
 * };
 * ```
 */
import type { Family } from "../../../../lib/ip.ts";
import { inetAddress, struct, u8 } from "../../../../linux/xtables/struct.ts";
import { addressOf } from "../look.ts";
import type { Option, Options } from "../options.ts";
import { defineMatch } from "../types.ts";
import { inet, option } from "../words.ts";
import { padded } from "./inet-prefix.ts";

const INFO = struct({
  sourceLow: inetAddress,
  sourceHigh: inetAddress,
  destinationLow: inetAddress,
  destinationHigh: inetAddress,
  flags: u8,
});
const FLAG = { source: 1, destination: 2, notSource: 1 << 4, notDestination: 1 << 5 };

export const iprange = defineMatch({
  name: "iprange",
  decode: (info, revision) => (revision === 1 ? INFO.decode(info) : undefined),
  encode: (value) => ({ revision: 1, info: INFO.encode(value) }),
  matches(asked, packet) {
    const within = (address: Uint8Array, low: Uint8Array, high: Uint8Array) =>
      Buffer.compare(address, low.subarray(0, address.length)) >= 0 &&
      Buffer.compare(address, high.subarray(0, address.length)) <= 0;
    const { flags } = asked;
    const source = () => within(addressOf(packet, "source"), asked.sourceLow, asked.sourceHigh);
    const destination = () =>
      within(addressOf(packet, "destination"), asked.destinationLow, asked.destinationHigh);
    return (
      (!(flags & FLAG.source) || source() !== ((flags & FLAG.notSource) !== 0)) &&
      (!(flags & FLAG.destination) || destination() !== ((flags & FLAG.notDestination) !== 0))
    );
  },
  words(asked, family) {
    const words = (name: string, low: Uint8Array, high: Uint8Array, not: number) =>
      option(name, (asked.flags & not) !== 0, `${inet(low, family)}-${inet(high, family)}`);
    return [
      ...(asked.flags & FLAG.source
        ? words("src-range", asked.sourceLow, asked.sourceHigh, FLAG.notSource)
        : []),
      ...(asked.flags & FLAG.destination
        ? words("dst-range", asked.destinationLow, asked.destinationHigh, FLAG.notDestination)
        : []),
    ];
  },
  parse(options, family) {
    const source = options.take("src-range");
    const destination = options.take("dst-range");
    const [sourceLow, sourceHigh] = parseRange(options, source, family);
    const [destinationLow, destinationHigh] = parseRange(options, destination, family);
    const flags =
      (source ? FLAG.source : 0) |
      (destination ? FLAG.destination : 0) |
      (source?.not ? FLAG.notSource : 0) |
      (destination?.not ? FLAG.notDestination : 0);
    return { sourceLow, sourceHigh, destinationLow, destinationHigh, flags };
  },
});

function parseRange(options: Options, given: Option | undefined, family: Family): [Uint8Array, Uint8Array] {
  if (!given) return [new Uint8Array(16), new Uint8Array(16)];
  const [low = "", high = low] = options.valueOf(given).split("-");
  return [padded(options.address(low, family)), padded(options.address(high, family))];
}
