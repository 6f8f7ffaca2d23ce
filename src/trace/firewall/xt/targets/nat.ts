/** Targets that translate: what they ask for, connection tracking carries out. Whichever is met first decides. */
import type { Family } from "../../../../lib/ip.ts";
import type { Packet } from "../../../packet/types.ts";
import type { Surroundings } from "../../types.ts";
import { addressOf, familyOf, portsOf } from "../look.ts";
import { maskOf } from "../matches/inet-prefix.ts";
import type { Options } from "../options.ts";
import { defineTarget, type Effect, type Wish } from "../types.ts";
import { inet, option, range } from "../words.ts";
import {
  decodeRange,
  encodeRange,
  NAT,
  type NatLayout,
  type NatRange,
  NOWHERE,
  parsePorts,
  parseRange,
  plainLayout,
  rangeText,
} from "./nat-range.ts";

const ACCEPT = { do: "accept" } as const;
const SPREAD: readonly (readonly [string, number])[] = [
  ["random", NAT.RANDOM],
  ["random-fully", NAT.RANDOM_FULLY],
  ["persistent", NAT.PERSISTENT],
];

const spreadWords = (flags: number): string[] =>
  SPREAD.flatMap(([name, bit]) => (flags & bit ? option(name, false) : []));

const takeSpread = (options: Options): number =>
  SPREAD.reduce((flags, [name, bit]) => flags | (options.flag(name) ? bit : 0), 0);

function portsOfRange(value: NatRange, packet: Packet): { readonly ports?: readonly [number, number] } {
  if (!(value.flags & NAT.PORTS)) return {};
  if (!(value.flags & NAT.OFFSET)) return { ports: [value.lowPort, value.highPort] };
  const shifted = (portsOf(packet)?.destination ?? value.basePort) - value.basePort + value.lowPort;
  return { ports: [shifted, shifted] };
}

const wished = (wish: Wish, does: string, assumes?: string): Effect => ({
  next: ACCEPT,
  does,
  translation: wish,
  ...(assumes !== undefined && { assumes }),
});

/** Layouts by revision and family: of SNAT and DNAT. */
function layoutAt(revision: number, family: Family): NatLayout | undefined {
  if (revision === 0) return family === 4 ? "compat" : undefined;
  return revision === 1 ? "range" : revision === 2 ? "range2" : undefined;
}

const defineAddress = (
  name: "SNAT" | "DNAT",
  what: "source" | "destination",
  optionName: string,
  /** That iptables(8) writes. */
  revision: (family: Family) => number,
) =>
  defineTarget({
    name,
    decode(info, revision, family) {
      const layout = layoutAt(revision, family);
      return layout && decodeRange(layout, info);
    },
    encode(value, family) {
      const written = revision(family);
      return { revision: written, info: encodeRange(layoutAt(written, family) ?? "range2", value) };
    },
    apply(value, packet) {
      const family = familyOf(packet);
      const text = rangeText(value, family);
      const address = value.low.slice(0, family === 4 ? 4 : 16);
      const chosen = inet(value.low, family) !== inet(value.high, family);
      return wished(
        { what, ...(value.flags & NAT.ADDRESSES && { address }), ...portsOfRange(value, packet) },
        `${name.toLowerCase()} to ${text}`,
        chosen ? `of the addresses ${text} the kernel takes the first` : undefined,
      );
    },
    words: (value, family) => [
      ...option(optionName, false, rangeText(value, family)),
      ...spreadWords(value.flags),
    ],
    parse(options, family) {
      const value = parseRange(options, options.must(optionName).value, family);
      return { ...value, flags: value.flags | takeSpread(options) };
    },
  });

export const SNAT = defineAddress("SNAT", "source", "to-source", (family) => (family === 4 ? 0 : 1));
export const DNAT = defineAddress("DNAT", "destination", "to-destination", () => 2);

const definePorts = (name: "MASQUERADE" | "REDIRECT", what: "masquerade" | "redirect") =>
  defineTarget({
    name,
    decode: (info, revision, family) => (revision === 0 ? decodeRange(plainLayout(family), info) : undefined),
    encode: (value, family) => ({ revision: 0, info: encodeRange(plainLayout(family), value) }),
    apply: (value, packet) =>
      wished(
        { what, ...portsOfRange(value, packet) },
        value.flags & NAT.PORTS ? `${what} to :${range(value.lowPort, value.highPort, "-")}` : what,
      ),
    words: ({ flags, lowPort, highPort }) => [
      ...(flags & NAT.PORTS ? option("to-ports", false, range(lowPort, highPort, "-")) : []),
      ...spreadWords(flags),
    ],
    parse(options) {
      const given = options.take("to-ports");
      const ports = given && parsePorts(options, options.valueOf(given));
      return { ...NOWHERE, ...ports, flags: (ports?.flags ?? 0) | takeSpread(options) };
    },
  });

export const MASQUERADE = definePorts("MASQUERADE", "masquerade");
export const REDIRECT = definePorts("REDIRECT", "redirect");

/** A network put in another's place, bit by bit: the host's part of the address stays. */
export const NETMAP = defineTarget({
  name: "NETMAP",
  decode: (info, revision, family) => (revision === 0 ? decodeRange(plainLayout(family), info) : undefined),
  encode: (value, family) => ({ revision: 0, info: encodeRange(plainLayout(family), value) }),
  apply: (value, packet, around) => netmap(value, packet, around),
  words: (value, family) => option("to", false, networkText(value, family)),
  parse(options, family) {
    const [address = "", length] = options.must("to").value.split("/");
    const width = family === 4 ? 32 : 128;
    const mask = maskOf(length === undefined ? width : options.number(length, width));
    const given = options.address(address, family);
    const low = NOWHERE.low.map((_, i) => (i < given.length ? (given[i] ?? 0) & (mask[i] ?? 0) : 0));
    const high = low.map((byte, i) => (i < given.length ? byte | (~(mask[i] ?? 0) & 0xff) : 0));
    return { ...NOWHERE, flags: NAT.ADDRESSES, low, high };
  },
});

/** Before routing it is the destination that is mapped, and behind it the source. */
function netmap(value: NatRange, packet: Packet, { hook }: Surroundings): Effect {
  const what = hook === "prerouting" || hook === "output" ? "destination" : "source";
  const address = addressOf(packet, what).map((byte, i) => {
    const network = ~((value.low[i] ?? 0) ^ (value.high[i] ?? 0)) & 0xff;
    return (byte & ~network) | ((value.low[i] ?? 0) & network);
  });
  return wished({ what, address }, `netmap to ${networkText(value, familyOf(packet))}`);
}

function networkText({ low, high }: NatRange, family: Family): string {
  const differs = [...low].map((byte, i) => (byte ^ (high[i] ?? 0)).toString(2).padStart(8, "0")).join("");
  const width = family === 4 ? 32 : 128;
  const length = differs.slice(0, width).indexOf("1");
  return length < 0 ? inet(low, family) : `${inet(low, family)}/${length}`;
}
