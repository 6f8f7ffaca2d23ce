/** A conntrack match in iptables-save(8)'s words, and back. */
import type { Family } from "../../../../lib/ip.ts";
import type { Option, Options } from "../options.ts";
import { option, range } from "../words.ts";
import { type Conntrack, FLAG, namesOf, SIDES, STATE, STATUS } from "./conntrack-value.ts";
import { inetPrefix, inetPrefixText } from "./inet-prefix.ts";

const DIRECTIONS = ["ORIGINAL", "REPLY"];

export function conntrackWords(value: Conntrack, family: Family): readonly string[] {
  const { flags, inverted } = value;
  const not = (bit: number) => (inverted & bit) !== 0;
  const if_ = (bit: number, words: () => string[]) => (flags & bit ? words() : []);
  const state = flags & FLAG.stateAlias ? "state" : "ctstate";
  return [
    ...if_(FLAG.state, () => option(state, not(FLAG.state), namesOf(value.state, STATE))),
    ...if_(FLAG.protocol, () => option("ctproto", not(FLAG.protocol), value.protocol)),
    ...SIDES.flatMap((side, i) =>
      if_(side.address, () => option(side.name, not(side.address), addressText(value, i, family))),
    ),
    ...SIDES.flatMap((side, i) =>
      if_(side.port, () =>
        option(side.portName, not(side.port), range(value.ports[i] ?? 0, value.highPorts[i] ?? 0)),
      ),
    ),
    ...if_(FLAG.status, () => option("ctstatus", not(FLAG.status), namesOf(value.status, STATUS) || "NONE")),
    ...if_(FLAG.expires, () =>
      option("ctexpire", not(FLAG.expires), range(value.expires[0] ?? 0, value.expires[1] ?? 0)),
    ),
    // Of two directions, `!` is the other one.
    ...if_(FLAG.direction, () => option("ctdir", false, DIRECTIONS[not(FLAG.direction) ? 1 : 0] ?? "")),
  ];
}

const NOTHING = new Uint8Array(16);

const addressText = ({ addresses }: Conntrack, index: number, family: Family): string =>
  inetPrefixText(addresses[2 * index] ?? NOTHING, addresses[2 * index + 1] ?? NOTHING, family);

/** Also of `-m state`, which is a conntrack match by another name. */
export function parseConntrack(options: Options, family: Family): Conntrack {
  const parsed = new Parsed();
  const state = options.take("ctstate");
  const alias = options.take("state");
  const states = state ?? alias;
  if (states) {
    parsed.asks(FLAG.state | (alias ? FLAG.stateAlias : 0), states, FLAG.state);
    parsed.state = bitsOf(options, states, STATE);
  }
  const protocol = options.take("ctproto");
  if (protocol) {
    parsed.asks(FLAG.protocol, protocol);
    parsed.protocol = options.protocol(options.valueOf(protocol));
  }
  SIDES.forEach((side, i) => {
    const address = options.take(side.name);
    if (address) {
      parsed.asks(side.address, address);
      const [of, mask] = inetPrefix(options, options.valueOf(address), family);
      parsed.addresses.splice(2 * i, 2, of, mask);
    }
    const port = options.take(side.portName);
    if (port) {
      parsed.asks(side.port, port);
      const [low, high] = options.range(options.valueOf(port));
      parsed.ports[i] = low;
      parsed.highPorts[i] = high;
    }
  });
  const status = options.take("ctstatus");
  if (status) {
    parsed.asks(FLAG.status, status);
    parsed.status = bitsOf(options, status, { ...STATUS, NONE: 0 });
  }
  const expires = options.take("ctexpire");
  if (expires) {
    parsed.asks(FLAG.expires, expires);
    parsed.expires = options.range(options.valueOf(expires), 0xffffffff);
  }
  const direction = options.take("ctdir");
  if (direction) {
    const reply = options.oneOf(options.valueOf(direction), { original: 0, reply: 1 });
    parsed.asks(FLAG.direction, { ...direction, not: direction.not !== (reply === 1) });
  }
  return parsed;
}

/** The structure while its words are read: zeros where nothing is asked. */
class Parsed implements Conntrack {
  readonly addresses: Uint8Array[] = Array.from({ length: 8 }, () => new Uint8Array(16));
  readonly ports = [0, 0, 0, 0];
  readonly highPorts = [0, 0, 0, 0];
  expires: readonly number[] = [0, 0];
  protocol = 0;
  flags = 0;
  inverted = 0;
  state = 0;
  status = 0;

  asks(flags: number, { not }: Option, inverts = flags): void {
    this.flags |= flags;
    if (not) this.inverted |= inverts;
  }
}

const bitsOf = (options: Options, given: Option, names: Readonly<Record<string, number>>): number =>
  options
    .valueOf(given)
    .split(",")
    .reduce((bits, name) => {
      const bit = names[name.toUpperCase()];
      if (bit === undefined) throw options.wrong(`${name} is none of ${Object.keys(names).join(", ")}`);
      return bits | bit;
    }, 0);
