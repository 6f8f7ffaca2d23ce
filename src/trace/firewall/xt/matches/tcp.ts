/**
 * ```
 * struct xt_tcp {                 // linux/netfilter/xt_tcpudp.h
 *   __u16 spts[2], dpts[2];
 *   __u8 option;                  // asked for by its kind; 0 is none
 *   __u8 flg_mask, flg_cmp;
 *   __u8 invflags;                // XT_TCP_INV_*
 * };
 * ```
 */
import { array, struct, u8, u16 } from "../../../../linux/xtables/struct.ts";
import type { Packet } from "../../../packet/types.ts";
import type { Options } from "../options.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";
import { portRange, portsIn, portWords, takePorts, within } from "./ports.ts";

const XT_TCP = struct({
  sources: array(u16, 2),
  destinations: array(u16, 2),
  option: u8,
  flagMask: u8,
  flags: u8,
  inverted: u8,
});
const INV = { source: 1, destination: 2, flags: 4, option: 8 };
/** From the lowest bit on. */
const FLAGS = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
const ALL_FLAGS = 0x3f;
/** `--syn`: of SYN, RST, ACK and FIN, SYN alone. */
const SYN = { mask: 0x17, flags: 0x02 };

export const tcp = defineMatch({
  name: "tcp",
  decode: (info, revision) => (revision === 0 ? XT_TCP.decode(info) : undefined),
  encode: (value) => ({ revision: 0, info: XT_TCP.encode(value) }),
  matches(asked, packet) {
    const ports = portsIn(packet);
    if (!ports || packet.transport === undefined) return false;
    const not = (bit: number) => (asked.inverted & bit) !== 0;
    const flags = packet.bytes[packet.transport + 13];
    if (flags === undefined) return false;
    return (
      within(ports.source, asked.sources) !== not(INV.source) &&
      within(ports.destination, asked.destinations) !== not(INV.destination) &&
      ((flags & asked.flagMask) === asked.flags) !== not(INV.flags) &&
      (asked.option === 0 || hasOption(packet, packet.transport, asked.option) !== not(INV.option))
    );
  },
  words({ sources, destinations, option: kind, flagMask, flags, inverted }) {
    const not = (bit: number) => (inverted & bit) !== 0;
    return [
      ...portWords("sport", portRange(sources), not(INV.source)),
      ...portWords("dport", portRange(destinations), not(INV.destination)),
      ...(kind || not(INV.option) ? option("tcp-option", not(INV.option), kind) : []),
      ...(flagMask || not(INV.flags)
        ? option("tcp-flags", not(INV.flags), flagNames(flagMask), flagNames(flags))
        : []),
    ];
  },
  parse(options) {
    const source = takePorts(options, "sport", "source-port");
    const destination = takePorts(options, "dport", "destination-port");
    const kind = options.take("tcp-option");
    const flags = takeFlags(options);
    return {
      sources: source.ports,
      destinations: destination.ports,
      option: kind ? options.number(options.valueOf(kind), 255) : 0,
      flagMask: flags.mask,
      flags: flags.flags,
      inverted:
        (source.not ? INV.source : 0) |
        (destination.not ? INV.destination : 0) |
        (flags.not ? INV.flags : 0) |
        (kind?.not ? INV.option : 0),
    };
  },
});

const flagNames = (bits: number): string =>
  bits === 0 ? "NONE" : FLAGS.filter((_, bit) => bits & (1 << bit)).join(",");

function takeFlags(options: Options): { mask: number; flags: number; not: boolean } {
  const syn = options.take("syn");
  if (syn) return { ...SYN, not: syn.not };
  const given = options.take("tcp-flags");
  if (!given) return { mask: 0, flags: 0, not: false };
  const [mask = "", flags = ""] = given.args;
  return { mask: flagBits(options, mask), flags: flagBits(options, flags), not: given.not };
}

function flagBits(options: Options, text: string): number {
  if (text === "ALL") return ALL_FLAGS;
  if (text === "NONE" || text === "") return 0;
  return text.split(",").reduce((bits, name) => {
    const bit = FLAGS.indexOf(name);
    if (bit < 0) throw options.wrong(`${name} is no flag of TCP`);
    return bits | (1 << bit);
  }, 0);
}

/** Kind, length, value; 0 ends them and 1 fills. RFC 9293, section 3.1. */
function hasOption({ bytes }: Packet, transport: number, kind: number): boolean {
  const end = Math.min(transport + ((bytes[transport + 12] ?? 0) >> 4) * 4, bytes.length);
  for (let at = transport + 20; at < end; ) {
    const here = bytes[at] ?? 0;
    if (here === kind) return true;
    at += here < 2 ? 1 : Math.max(bytes[at + 1] ?? 1, 1);
  }
  return false;
}
