/**
 * ICMP's types and codes.
 * ```
 * struct ipt_icmp  { __u8 type; __u8 code[2]; __u8 invflags; };   // linux/netfilter_ipv4/ip_tables.h
 * struct ip6t_icmp { __u8 type; __u8 code[2]; __u8 invflags; };   // linux/netfilter_ipv6/ip6_tables.h
 * ```
 */
import { struct, u8 } from "../../../../linux/xtables/struct.ts";
import type { Options } from "../options.ts";
import { defineMatch } from "../types.ts";
import { option } from "../words.ts";

const ICMP = struct({ type: u8, low: u8, high: u8, inverted: u8 });
const INVERTED = 1;
/** Of IPv4 alone: any type. */
const ANY = 0xff;

/** Those names that people write; iptables-save(8) writes numbers. `type` or `type/code`. */
const NAMES4: Readonly<Record<string, string>> = {
  "echo-reply": "0",
  pong: "0",
  "destination-unreachable": "3",
  "network-unreachable": "3/0",
  "host-unreachable": "3/1",
  "protocol-unreachable": "3/2",
  "port-unreachable": "3/3",
  "fragmentation-needed": "3/4",
  "source-quench": "4",
  redirect: "5",
  "echo-request": "8",
  ping: "8",
  "router-advertisement": "9",
  "router-solicitation": "10",
  "time-exceeded": "11",
  "ttl-exceeded": "11",
  "parameter-problem": "12",
  "timestamp-request": "13",
  "timestamp-reply": "14",
  any: "255",
};
const NAMES6: Readonly<Record<string, string>> = {
  "destination-unreachable": "1",
  "no-route": "1/0",
  "packet-too-big": "2",
  "time-exceeded": "3",
  "ttl-exceeded": "3",
  "parameter-problem": "4",
  "echo-request": "128",
  ping: "128",
  "echo-reply": "129",
  pong: "129",
  "router-solicitation": "133",
  "router-advertisement": "134",
  "neighbour-solicitation": "135",
  "neighbor-solicitation": "135",
  "neighbour-advertisement": "136",
  "neighbor-advertisement": "136",
  redirect: "137",
};

const define = (
  name: string,
  optionName: string,
  names: Readonly<Record<string, string>>,
  isAny: (type: number) => boolean,
) =>
  defineMatch({
    name,
    decode: (info, revision) => (revision === 0 ? ICMP.decode(info) : undefined),
    encode: (value) => ({ revision: 0, info: ICMP.encode(value) }),
    matches({ type, low, high, inverted }, { bytes, transport }) {
      if (transport === undefined) return false;
      const [is, code] = bytes.subarray(transport, transport + 2);
      if (is === undefined || code === undefined) return false;
      const asked = isAny(type) || (is === type && code >= low && code <= high);
      return asked !== ((inverted & INVERTED) !== 0);
    },
    words({ type, low, high, inverted }) {
      const not = (inverted & INVERTED) !== 0;
      if (isAny(type)) return option(optionName, not, "any");
      const codes = low === 0 && high === 0xff ? "" : `/${low}${low === high ? "" : `-${high}`}`;
      return option(optionName, not, `${type}${codes}`);
    },
    parse(options) {
      const { value, not } = options.must(optionName);
      return { ...typeAndCodes(options, names[value] ?? value), inverted: not ? INVERTED : 0 };
    },
  });

function typeAndCodes(options: Options, text: string) {
  const [type = "", codes] = text.split("/");
  const [low, high] = codes === undefined ? [0, 0xff] : options.range(codes, 0xff, "-");
  return { type: options.number(type, 0xff), low, high };
}

export const icmp = define("icmp", "icmp-type", NAMES4, (type) => type === ANY);
export const icmp6 = define("icmp6", "icmpv6-type", NAMES6, () => false);
