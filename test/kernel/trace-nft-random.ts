/**
 * Rule sets in nft(8)'s language, of all that can be decided of a packet at prerouting, and packets that they are likely to
 * match. Each rule counts behind its last condition.
 */
import fc from "fast-check";
import type { Address } from "../../src/lib/ip.ts";
import { formatAddress } from "../../src/lib/ip.ts";
import type { Carried, PacketSpec } from "../../src/trace/packet/make.ts";

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const few = <T>(one: fc.Arbitrary<T>, maxLength = 4) => fc.uniqueArray(one, { minLength: 1, maxLength });

// Few values, so that rules and packets meet.
const LAST = [1, 2, 7, 8];
const addresses = (family: 4 | 6, nets: readonly bigint[]): Address[] =>
  nets.flatMap((net) => LAST.map((low) => ({ family, bits: net | BigInt(low) })));
const FOUR = addresses(4, [0x0a000000n, 0x0a010000n, 0xac000000n]);
const SIX = addresses(6, [0xfd00n << 112n, 0x2001n << 112n]);
/** All that packets come from and go to. */
export const ADDRESSES: readonly Address[] = [...FOUR, ...SIX];

const address4 = fc.oneof({ weight: 2, arbitrary: pick(...FOUR.slice(0, 4)) }, pick(...FOUR));
const address6 = pick(...SIX);
const port = pick(22, 80, 81, 8080, 65535);
const mark = pick(0, 1, 2, 3, 0x10, 0x8001);
const protocol = pick("tcp", "udp", "icmp", "icmpv6");

const data = fc.uint8Array({ maxLength: 12 });
const carried: fc.Arbitrary<Carried> = fc.oneof(
  fc.record({
    kind: fc.constant("tcp" as const),
    sourcePort: port,
    destinationPort: port,
    flags: pick("syn" as const, "syn-ack" as const, "rst" as const, "ack" as const),
  }),
  fc.record({ kind: fc.constant("udp" as const), sourcePort: port, destinationPort: port, data }),
  fc.record({
    kind: pick("echo-request" as const, "echo-reply" as const),
    identifier: pick(1, 77),
    sequence: pick(1, 2),
    data,
  }),
);

export const packets: fc.Arbitrary<PacketSpec> = pick(4 as const, 4 as const, 6 as const).chain((family) => {
  const address = family === 4 ? address4 : address6;
  const tos = pick(0, 0x10, 0xb8);
  return fc.record({
    source: address,
    destination: address,
    carries: carried,
    ttl: pick(1, 5, 64, 255),
    tos,
  });
});

/** Such as a program's socket sends. */
export interface Datagram {
  readonly source: Address;
  readonly destination: Address;
  readonly destinationPort: number;
  readonly data: Uint8Array;
}

export const datagrams: fc.Arbitrary<Datagram> = pick(4 as const, 4 as const, 6 as const).chain((family) => {
  const address = family === 4 ? address4 : address6;
  return fc.record({ source: address, destination: address, destinationPort: port, data });
});

const text4 = address4.map(formatAddress);
const text6 = address6.map(formatAddress);
const net4 = fc
  .tuple(pick("10.0.0.0", "10.1.0.0", "172.0.0.0"), pick(8, 15, 16, 24, 30))
  .map(([net, length]) => `${masked(net, length)}/${length}`);
const net6 = fc.tuple(pick("fd00::", "2001::"), pick(16, 64, 125)).map(([net, length]) => `${net}/${length}`);

function masked(net: string, length: number): string {
  const bits = net.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const kept = Math.floor(bits / 2 ** (32 - length)) * 2 ** (32 - length);
  return [24, 16, 8, 0].map((shift) => Math.floor(kept / 2 ** shift) % 256).join(".");
}

const not = pick("", "", "!= ");
const compare = pick("", "!= ", "< ", "> ", "<= ", ">= ");
const range = (one: fc.Arbitrary<number>) =>
  fc
    .tuple(one, one)
    .filter(([a, b]) => a !== b)
    .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
const words = (...parts: readonly (string | fc.Arbitrary<unknown>)[]): fc.Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((all) => all.join(""));
const anonymous = (one: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  few(one.map(String)).map((all) => `{ ${all.join(", ")} }`);

const ports = fc.oneof(port.map(String), range(port), anonymous(port));

/** Each is true of some packets and not of others. */
const conditions: fc.Arbitrary<string> = fc.oneof(
  words("ip saddr ", not, fc.oneof(text4, net4, anonymous(text4))),
  words("ip daddr ", not, fc.oneof(text4, net4)),
  words("ip6 saddr ", not, fc.oneof(text6, net6, anonymous(text6))),
  words("ip6 daddr ", not, fc.oneof(text6, net6)),
  words("tcp dport ", not, ports),
  words("tcp sport ", compare, port),
  words("udp dport ", not, ports),
  words("th dport ", compare, port),
  words(
    "tcp flags ",
    pick("syn", "& (syn|ack) == syn", "& (syn|ack|rst) != syn", "! syn,rst", "ack / syn,ack"),
  ),
  words("icmp type ", not, pick("echo-request", "echo-reply", "{ echo-reply, destination-unreachable }")),
  words("icmpv6 type ", pick("echo-request", "echo-reply", "!= echo-request")),
  words("icmp id ", pick("1", "77", "!= 77")),
  words("meta l4proto ", not, fc.oneof(protocol, anonymous(protocol))),
  words("meta nfproto ", pick("ipv4", "ipv6")),
  words("meta length ", compare, pick(28, 32, 40, 41, 60)),
  words("meta mark ", not, fc.oneof(mark.map(String), range(mark), anonymous(mark))),
  words("meta mark & ", pick("0x1", "0xf0", "0x8000"), pick(" == ", " != "), pick(0, 1, 16, 0x8000)),
  words("ct mark ", not, mark),
  words("ct state ", not, pick("new", "established,related", "invalid", "{ new, untracked }")),
  words("ct direction ", pick("original", "reply")),
  words("meta l4proto tcp ct original proto-dst ", not, port),
  words("ip ttl ", compare, pick(1, 5, 64, 255)),
  words("ip6 hoplimit ", compare, pick(1, 5, 64, 255)),
  words("ip dscp ", not, pick("cs0", "ef", "0x04", "{ cs0, ef }")),
  words("ip6 dscp ", not, pick("cs0", "ef", "0x04")),
  words("ip length ", compare, pick(28, 32, 40)),
  words("ip protocol ", not, pick("tcp", "udp", "icmp")),
  words("ip saddr & 255.0.0.255 ", pick("== ", "!= "), pick("10.0.0.1", "172.0.0.7", "10.0.0.8")),
  words("@th,16,16 ", compare, port),
  words("@nh,64,8 ", compare, pick(1, 64, 17)),
  words("iifname ", pick('"lo"', '!= "lo"', '"l*"', '{ "eth0", "lo" }', '"eth0"')),
  words("iif ", pick('"lo"', '!= "lo"')),
  words("ip saddr . tcp dport ", not, anonymous(words(text4, " . ", port))),
  words("ip saddr . ip daddr ", anonymous(words(text4, " . ", text4))),
  words("meta l4proto . th dport ", anonymous(words(pick("tcp", "udp"), " . ", port))),
  words("ip saddr ", not, "@hosts"),
  words("ip daddr ", not, "@nets"),
  words("th dport ", not, "@ports"),
  words("ip saddr . th dport ", not, "@services"),
  words("ip6 saddr ", not, "@nets6"),
  words("@ih,0,8 ", compare, pick(0, 1, 0x41, 200)),
  words("tcp option maxseg size ", compare, pick(1000, 1460)),
  words("tcp option sack-perm ", pick("exists", "missing")),
  words("exthdr frag ", pick("exists", "missing")),
  words("ip option rr ", pick("exists", "missing")),
  words("meta protocol ", pick("ip", "ip6")),
  words("meta pkttype ", pick("host", "!= host", "{ host, multicast }")),
  words("meta priority ", pick("1:2", "0:0", "!= 1:2")),
  words("meta iifkind ", pick('"bridge"', '!= "veth"')),
  words("meta iiftype ", pick("loopback", "ether")),
  words("ip daddr . ip saddr . meta l4proto ", not, anonymous(words(text4, " . ", text4, " . ", protocol))),
);

const statements: fc.Arbitrary<string> = fc.oneof(
  words("meta mark set ", mark),
  words("meta mark set meta mark ", pick("| 0x100", "& 0xfffffffe", "^ 0x3")),
  words("ct mark set ", mark),
  words("ct mark set meta mark"),
  words("meta mark set ct mark"),
  words(
    "meta mark set th dport map { ",
    pick("80 : 7, 81 : 8", "0-79 : 1, 80-8079 : 2, 8080-65535 : 0x80000000"),
    " }",
  ),
  words("meta mark set ip saddr map @marks"),
  words("meta mark set meta mark ", pick("<< 4", ">> 1", ">> 4", "<< 31")),
  words("ct mark set meta mark << ", pick(1, 8)),
  words("meta priority set ", pick("1:2", "0:0")),
  words("ip ttl set ", pick(1, 5, 64)),
  words("ip6 hoplimit set ", pick(1, 5, 64)),
  words("ip dscp set ", pick("cs0", "ef")),
  words("ip6 dscp set ", pick("cs0", "ef")),
  words("tcp dport set ", port),
  words("udp dport set ", port),
);

/** Another destination would be another way. */
const statementsAt = (hook: Hook): fc.Arbitrary<string> =>
  hook === "output"
    ? statements
    : fc.oneof({ weight: 9, arbitrary: statements }, words("ip daddr set ", text4));

/** A chain may jump to those behind it alone. */
const verdict = (index: number, chains: number): fc.Arbitrary<string> => {
  const others = Array.from({ length: chains - index - 1 }, (_, next) => `c${index + 1 + next}`);
  const jumps = others.flatMap((chain) => [`jump ${chain}`, `goto ${chain}`]);
  return pick("", "", "accept", "drop", "return", "continue", ...jumps);
};

const vmap = (index: number, chains: number): fc.Arbitrary<string> => {
  const to = verdict(index, chains).filter((text) => text !== "");
  const entries = (one: fc.Arbitrary<unknown>) =>
    fc
      .uniqueArray(fc.tuple(one.map(String), to), { minLength: 1, maxLength: 4, selector: ([key]) => key })
      .map((all) => all.map(([key, then]) => `${key} : ${then}`).join(", "));
  return fc.oneof(
    words("th dport vmap { ", entries(port), " }"),
    words("ip saddr vmap { ", entries(text4), ", * : ", to, " }"),
    words("meta l4proto vmap { ", entries(protocol), " }"),
    words("ip saddr . th dport vmap { ", entries(words(text4, " . ", port)), " }"),
  );
};

/** nft refuses what can match nothing: fields of two families, or of two protocols. */
const FAMILIES: readonly RegExp[] = [
  /^ip |^icmp |set ip saddr|protocol ip$/,
  /^ip6 |^icmpv6 |^exthdr|protocol ip6$/,
];
const PROTOCOLS: readonly RegExp[] = [/tcp/, /udp/, /^icmp/, /protocol|l4proto/];
const agree = ([all, does]: readonly [readonly string[], string, string]): boolean =>
  FAMILIES.filter((kind) => [...all, does].some((one) => kind.test(one))).length < 2 &&
  [...all, does].filter((one) => PROTOCOLS.some((kind) => kind.test(one))).length < 2 &&
  !(/^ip|ip saddr/.test(does) && all.some((one) => /nfproto|iiftype/.test(one))) &&
  !(all.length > 1 && all.some((one) => /nfproto|iiftype/.test(one)));

/** Of a hook where a packet is made: who made it, and where it goes. */
const made: fc.Arbitrary<string> = fc.oneof(
  words("meta skuid ", pick("0", "!= 0", "1000", "{ 0, 7 }")),
  words("meta skgid < ", pick(1, 0)),
  words("oifname ", pick('"lo"', '!= "lo"', '"l*"')),
  words("oif ", pick('"lo"', '!= "lo"')),
  words("iifname ", pick('"lo"', '!= "lo"')),
  words("ether saddr ", not, "00:00:00:00:00:00"),
);
const conditionsAt = (hook: Hook): fc.Arbitrary<string> =>
  hook === "output"
    ? fc.oneof({ weight: 6, arbitrary: conditions }, { weight: 1, arbitrary: made })
    : conditions;

export type Hook = "prerouting" | "output" | "input";

const rule = (hook: Hook, index: number, chains: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc
      .tuple(
        fc.array(conditionsAt(hook), { maxLength: 2 }),
        fc.option(statementsAt(hook), { nil: "", freq: 3 }),
        verdict(index, chains),
      )
      .filter(agree)
      .map(([all, does, then]) => [...all, does, "counter", then].join(" ")),
    vmap(index, chains),
  );

const chain = (hook: Hook, index: number, chains: number, priority: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.array(rule(hook, index, chains), { minLength: 2, maxLength: 6 }),
      pick("accept", "accept", "drop"),
    )
    .map(([rules, policy]) => {
      const base = index === 0 ? `type filter hook ${hook} priority ${priority}; policy ${policy};` : "";
      return `chain c${index} { ${base}\n${rules.map((one) => `  ${one}`).join("\n")}\n }`;
    });

const elements = (one: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
  few(one.map(String)).map((all) => `elements = { ${all.join(", ")} }`);

/** The kernel refuses concatenations of which one lies within another. */
const apart = pick("10.0.0.1", "10.0.0.2-10.0.0.7", "10.1.0.0/16", "172.0.0.0/8");

const sets: fc.Arbitrary<string> = fc
  .record({
    hosts: elements(text4),
    nets: elements(fc.oneof(text4, net4)),
    nets6: elements(fc.oneof(text6, net6)),
    ports: elements(fc.oneof(port, range(port))),
    services: fc
      .uniqueArray(fc.tuple(apart, fc.oneof(port, range(port))), {
        minLength: 1,
        maxLength: 3,
        selector: ([net]) => net,
      })
      .map((all) => `elements = { ${all.map(([net, to]) => `${net} . ${to}`).join(", ")} }`),
    marks: few(text4).map((all) => `elements = { ${all.map((one, at) => `${one} : ${at + 1}`).join(", ")} }`),
  })
  .map(
    (all) => `set hosts { type ipv4_addr; ${all.hosts}; }
 set nets { type ipv4_addr; flags interval; auto-merge; ${all.nets}; }
 set nets6 { type ipv6_addr; flags interval; auto-merge; ${all.nets6}; }
 set ports { type inet_service; flags interval; auto-merge; ${all.ports}; }
 set services { typeof ip saddr . tcp dport; flags interval; ${all.services}; }
 map marks { type ipv4_addr : mark; ${all.marks}; }`,
  );

const CHAINS = 3;
const table = (name: string, hook: Hook, priority: number): fc.Arbitrary<string> =>
  fc
    .tuple(sets, ...Array.from({ length: CHAINS }, (_, index) => chain(hook, index, CHAINS, priority)))
    .map(([first, ...chains]) => `table inet ${name} {\n ${first}\n ${chains.reverse().join("\n ")}\n}`);

/** Nothing gets past the last: no packet is answered. */
const end = (hook: Hook): string => `table inet end {
 chain end {
  type filter hook ${hook} priority 2000
  counter drop
 }
}`;

/** Three tables at these hooks, one after another, and the end of all packets at the last. */
export const rulesetsAt = (first: Hook, second: Hook, third: Hook): fc.Arbitrary<string> =>
  fc
    .tuple(table("a", first, -100), table("b", second, 0), table("c", third, 10))
    .map((tables) => [...tables, end(third)].join("\n"));
