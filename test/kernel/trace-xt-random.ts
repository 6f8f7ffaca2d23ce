/**
 * Rules in iptables-restore(8)'s language, of all that can be decided of a packet at prerouting, and likely to match the
 * packets of `trace-nft-random.ts`.
 */
import fc from "fast-check";
import type { Family } from "../../src/lib/ip.ts";

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
/** A template, with arbitraries in its gaps. */
const words = (
  texts: TemplateStringsArray,
  ...gaps: readonly fc.Arbitrary<unknown>[]
): fc.Arbitrary<string> => fc.tuple(...gaps).map((values) => String.raw({ raw: texts }, ...values));

const not = pick("", "", "", "! ");
const port = pick(22, 53, 80, 443, 1024, 8080, 8081, 65535);
const mark = pick("0x0", "0x1", "0x2", "0x3", "0x10", "0xff", "0x8001");
const mask = pick("0x1", "0x3", "0xff", "0xffffffff");
const tos = pick("0x00", "0x10", "0xb8");
const ttl = pick(1, 4, 5, 64, 200, 255);
const range = (one: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  fc.tuple(one, one).map(([a, b]) => (a === b ? `${a}` : `${Math.min(a, b)}:${Math.max(a, b)}`));
const some = (...names: readonly string[]): fc.Arbitrary<string> =>
  fc.uniqueArray(pick(...names), { minLength: 1, maxLength: 3 }).map((all) => all.join(","));

const NETS = {
  4: pick(
    "10.0.0.0/8",
    "10.1.0.0/16",
    "172.0.0.7",
    "10.0.0.1/255.0.0.255",
    "172.18.0.0/15",
    "198.0.0.200",
    "0.0.0.0/0",
  ),
  6: pick("fd00::/16", "2001::7", "fd00::1/ff00::ff", "2001::/64", "::/0"),
};
/** iptables(8) takes no other masks here. */
const PREFIXES = {
  4: pick("10.0.0.0/8", "172.0.0.7", "10.1.0.0/16"),
  6: pick("fd00::/16", "2001::7", "2001::/64"),
};
const RANGES = {
  4: pick("10.0.0.0-10.0.255.255", "10.1.0.2-172.1.0.3", "198.18.0.8-198.18.0.255"),
  6: pick("fd00::2-fd00::c8", "2001::-2001::7"),
};
const links = pick("lo", "lo", "l+", "eth0", "eth+");
const flags = some("SYN", "ACK", "RST", "FIN", "PSH");

/** Those that need a protocol, with it. */
const ported = (family: Family): fc.Arbitrary<string> =>
  fc.oneof(
    words`-p ${pick("tcp", "udp")} -m multiport ${not}${pick("--sports", "--dports", "--ports")} ${fc
      .uniqueArray(range(port), { minLength: 1, maxLength: 4 })
      .map((all) => all.join(","))}`,
    words`-p tcp -m tcp ${not}--sport ${range(port)}`,
    words`-p tcp -m tcp ${not}--dport ${range(port)} ${not}--tcp-flags ${flags} ${flags}`,
    words`-p tcp -m tcp ${not}--tcp-option ${pick(2, 3)}`,
    words`-p udp -m udp ${not}--sport ${range(port)} ${not}--dport ${range(port)}`,
    family === 4
      ? words`-p icmp -m icmp ${not}--icmp-type ${pick("0", "8", "3/1", "any", "8/0")}`
      : words`-p ipv6-icmp -m icmp6 ${not}--icmpv6-type ${pick("128", "129", "1/4", "128/0")}`,
    words`${not}-p ${pick("tcp", "udp", family === 4 ? "icmp" : "ipv6-icmp", "99")}`,
  );

const matches = (family: Family): fc.Arbitrary<string> =>
  fc.oneof(
    words`-m mark ${not}--mark ${mark}/${mask}`,
    words`-m connmark ${not}--mark ${mark}/${mask}`,
    words`-m conntrack ${not}--ctstate ${some("NEW", "INVALID", "ESTABLISHED", "RELATED", "UNTRACKED", "DNAT")}`,
    words`-m conntrack ${not}--ctproto ${pick(6, 17, 1)} ${not}--ctorigdst ${PREFIXES[family]}`,
    words`-m conntrack --ctstate ${pick("NEW", "INVALID")} ${not}--ctorigdstport ${range(port)}`,
    words`-m conntrack ${not}--ctreplsrc ${PREFIXES[family]} --ctdir ${pick("ORIGINAL", "REPLY")}`,
    words`-m conntrack ${not}--ctstatus ${pick("NONE", "ASSURED", "CONFIRMED,SEEN_REPLY")}`,
    words`-m state --state ${some("NEW", "INVALID", "ESTABLISHED")}`,
    words`-m iprange ${not}--src-range ${RANGES[family]}`,
    words`-m iprange ${not}--src-range ${RANGES[family]} ${not}--dst-range ${RANGES[family]}`,
    words`-m length ${not}--length ${range(pick(28, 36, 40, 48, 60, 100))}`,
    words`-m dscp ${not}--dscp ${pick("0x00", "0x04", "0x2e")}`,
    words`-m tos ${not}--tos ${tos}/${pick("0xff", "0x3f", "0xf0")}`,
    words`-m pkttype ${not}--pkt-type ${pick("unicast", "broadcast", "multicast")}`,
    words`-m mac ${not}--mac-source ${pick("00:00:00:00:00:02", "02:00:00:00:00:01")}`,
    words`-m physdev ${not}--physdev-in ${pick("veth+", "lo")}`,
    words`-m physdev ${not}--physdev-is-in`,
    words`-m rpfilter ${pick("--loose", "--invert", "--validmark --accept-local")}`,
    words`-m comment --comment ${pick('"a rule"', "plain")}`,
    family === 4
      ? words`-m ttl ${fc.oneof(words`${not}--ttl-eq`, pick("--ttl-lt", "--ttl-gt"))} ${ttl}`
      : words`-m hl ${fc.oneof(words`${not}--hl-eq`, pick("--hl-lt", "--hl-gt"))} ${ttl}`,
    family === 4
      ? words`-m addrtype ${not}--src-type ${some("LOCAL", "UNICAST", "MULTICAST")}`
      : words`-m frag ${pick("--fragfirst", "--fragmore", "--fraglast")}`,
  );

const selectors = (family: Family): fc.Arbitrary<string> =>
  fc.oneof(
    pick("", "", ""),
    words`${not}-s ${NETS[family]}`,
    words`${not}-d ${NETS[family]}`,
    words`${not}-i ${links}`,
    words`${not}-s ${NETS[family]} ${not}-d ${NETS[family]}`,
    family === 4 ? words`${not}-f` : pick(""),
  );

const changes = (family: Family): fc.Arbitrary<string> =>
  fc.oneof(
    words`-j MARK --set-xmark ${mark}/${mask}`,
    words`-j MARK ${pick("--or-mark", "--and-mark", "--xor-mark")} ${mark}`,
    words`-j CONNMARK --set-xmark ${mark}/${mask}`,
    words`-j CONNMARK ${pick("--save-mark", "--restore-mark")} --nfmask ${mask} --ctmask ${mask}`,
    words`-j CONNMARK --set-mark ${mark} ${pick("--left-shift-mark", "--right-shift-mark")} ${pick(1, 4)}`,
    words`-j TOS --set-tos ${tos}/${pick("0xff", "0xf0")}`,
    words`-j DSCP --set-dscp ${pick("0x04", "0x2e")}`,
    family === 4
      ? words`-j TTL ${pick("--ttl-set", "--ttl-inc", "--ttl-dec")} ${ttl}`
      : words`-j HL ${pick("--hl-set", "--hl-inc", "--hl-dec")} ${ttl}`,
  );

/** Where a rule of a chain may lead: downwards alone. */
const LEADS: Readonly<Record<string, readonly string[]>> = {
  PREROUTING: ["-j C1", "-j C1", "-j C2", "-g C1", "-g C2"],
  C1: ["-j C2", "-g C2", "-j RETURN"],
  C2: ["-j RETURN"],
};

const rule = (family: Family, chain: string): fc.Arbitrary<string> =>
  words`-A ${pick(chain)} ${selectors(family)} ${fc.oneof(pick(""), ported(family), ported(family))} ${fc.oneof(
    pick(""),
    matches(family),
    matches(family),
    words`${matches(family)} ${matches(family)}`,
  )} ${fc.oneof(
    { weight: 10, arbitrary: pick("") },
    { weight: 4, arbitrary: changes(family) },
    { weight: 3, arbitrary: pick(...(LEADS[chain] ?? [])) },
    { weight: 1, arbitrary: pick("-j ACCEPT", "-j DROP") },
  )}`;

/** One table, as iptables-restore(8) takes it. */
export const tables = (family: Family): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.array(rule(family, "PREROUTING"), { minLength: 10, maxLength: 24 }),
      fc.array(rule(family, "C1"), { maxLength: 10 }),
      fc.array(rule(family, "C2"), { maxLength: 10 }),
    )
    .map((chains) => `*mangle\n:C1 -\n:C2 -\n${chains.flat().join("\n")}\nCOMMIT\n`);
