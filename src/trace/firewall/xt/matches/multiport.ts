/**
 * ```
 * struct xt_multiport    { __u8 flags, count; __u16 ports[15]; };                                // linux/netfilter/xt_multiport.h
 * struct xt_multiport_v1 { __u8 flags, count; __u16 ports[15]; __u8 pflags[15]; __u8 invert; };   // pflags: a range begins
 * ```
 */
import { array, struct, u8, u16 } from "../../../../linux/xtables/struct.ts";
import type { Options } from "../options.ts";
import { defineMatch } from "../types.ts";
import { option, range } from "../words.ts";
import { type PortRange, portsIn, within } from "./ports.ts";

const HEAD = { which: u8, count: u8, ports: array(u16, 15) };
const V0 = struct(HEAD);
const V1 = struct({ ...HEAD, begins: array(u8, 15), invert: u8 });
/** By XT_MULTIPORT_*. */
const WHICH = ["sports", "dports", "ports"];
const MOST = 15;

export const multiport = defineMatch({
  name: "multiport",
  decode(info, revision) {
    const old = revision === 0 ? V0.decode(info) : undefined;
    const value = revision === 1 ? V1.decode(info) : old && { ...old, begins: [], invert: 0 };
    return value && { which: value.which, invert: value.invert, ranges: rangesOf(value) };
  },
  encode({ which, invert, ranges }) {
    const ports = ranges.flatMap(([low, high]) => (low === high ? [low] : [low, high]));
    const begins = ranges.flatMap(([low, high]) => (low === high ? [0] : [1, 0]));
    return { revision: 1, info: V1.encode({ which, count: ports.length, ports, begins, invert }) };
  },
  matches({ which, ranges, invert }, packet) {
    const ports = portsIn(packet);
    if (!ports) return false;
    const among = (port: number) => ranges.some((range) => within(port, range));
    const found = (which !== 1 && among(ports.source)) || (which !== 0 && among(ports.destination));
    return found !== (invert !== 0);
  },
  words: ({ which, ranges, invert }) =>
    option(WHICH[which] ?? "ports", invert !== 0, ranges.map(([low, high]) => range(low, high)).join(",")),
  parse(options) {
    const given = options.take(...WHICH, "source-ports", "destination-ports");
    if (!given) throw options.wrong("no ports");
    const which = given.name.startsWith("s") ? 0 : given.name.startsWith("d") ? 1 : 2;
    return { which, invert: given.not ? 1 : 0, ranges: parseRanges(options, options.valueOf(given)) };
  },
});

function rangesOf({
  count,
  ports,
  begins,
}: {
  count: number;
  ports: readonly number[];
  begins: readonly number[];
}) {
  const ranges: PortRange[] = [];
  for (let i = 0; i < Math.min(count, MOST); i += 1) {
    const low = ports[i] ?? 0;
    if (begins[i]) i += 1;
    ranges.push([low, ports[i] ?? low]);
  }
  return ranges;
}

function parseRanges(options: Options, text: string): PortRange[] {
  const ranges = text.split(",").map((part): PortRange => options.range(part));
  const slots = ranges.reduce((count, [low, high]) => count + (low === high ? 1 : 2), 0);
  if (slots > MOST) throw options.wrong(`more than ${MOST} ports`);
  return ranges;
}
