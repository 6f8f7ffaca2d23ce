/** Chains of nftables by chance, over the addresses and links that random topologies have. */
import type { ChainSpec } from "./random-topology.ts";
import type { Step, World } from "./random-topology-world.ts";

export const HOOKS = [
  "forward",
  "prerouting",
  "input",
  "output",
  "postrouting",
  "bridge",
  "arp",
  "dnat",
  "snat",
  "mark",
];
const PRIORITIES = [0, -10, -150, -300, 10, 150];

/** What can be asked at every hook of IP. */
export const MATCHES: readonly string[] = [
  "",
  "ip saddr 10.1.0.0/24",
  "ip daddr 10.1.0.2",
  "ip daddr 10.2.0.0/24",
  "ip6 saddr fd00:1::/64",
  "ip6 daddr fd00:1::2",
  "tcp dport 80",
  "udp dport 80",
  "tcp dport { 80, 81, 8080 }",
  "th dport 8080",
  "meta l4proto tcp",
  "meta l4proto { icmp, ipv6-icmp }",
  "icmp type echo-request",
  "icmp type echo-reply",
  "ct state new",
  "ct state established,related",
  "ct state invalid",
  "ct direction reply",
  "ct status dnat",
  "ct status snat",
  "ct mark 7",
  "meta mark 5",
  'iifname "br1"',
  'iifname "eth0"',
  'oifname "wan0"',
  'oifname { "br1", "br2" }',
  "iifname . ip saddr { br1 . 10.1.0.0/24, wan0 . 203.0.113.0/24 }",
  "fib daddr type local",
  "fib saddr type local",
  "fib saddr . iif oif missing",
  "fib saddr . mark . iif oif exists",
  "meta pkttype host",
  "ip ttl < 64",
  "ip daddr != 10.0.0.0/8",
  "ct original ip daddr 203.0.113.2",
  "meta length > 1000",
];

/** At any hook of IP. */
export const VERDICTS: readonly string[] = [
  "drop",
  "accept",
  "counter",
  "reject",
  "reject with tcp reset",
  "reject with icmpx admin-prohibited",
  "meta mark set 5",
  "ct mark set 7",
  "ip ttl set 1",
  "goto other",
  "jump other",
  "ip saddr vmap { 10.1.0.2 : drop, 10.2.0.0/24 : jump other }",
  "meta l4proto vmap { tcp : jump other, udp : drop }",
  "return",
  "ip saddr set 10.1.0.99",
  "notrack",
];

const BRIDGE = [
  "ether type arp drop",
  "ether type ip6 drop",
  "ether type ip ip saddr 10.1.0.2 drop",
  'iifname "va1" drop',
  'oifname "va1" drop',
  "ip protocol icmp drop",
  "meta pkttype { broadcast, multicast } drop",
  "meta mark set 5",
];
const BRIDGE_HOOKS = ["forward", "prerouting", "input", "output", "postrouting"];

const ARP = [
  "arp operation request drop",
  "arp operation reply drop",
  "arp saddr ip 10.1.0.2 drop",
  "arp daddr ip 10.1.0.1 drop",
];

const DNAT = [
  "dnat ip to 10.1.0.2:80",
  "dnat ip to 10.2.0.2:80",
  "dnat ip to 198.51.100.2",
  "dnat ip6 to [fd00:1::2]:80",
  "redirect to :80",
  "redirect to :9",
  "dnat ip to tcp dport map { 8080 : 10.1.0.2, 81 : 10.2.0.2 }",
];

const SNAT = [
  "masquerade",
  'oifname "wan0" masquerade',
  'ip saddr 10.1.0.0/24 oifname != "br1" masquerade',
  "snat ip to 203.0.113.2",
  "snat ip to 203.0.113.77",
  "snat ip6 to 2001:db8:1::2",
  "ip saddr 127.0.0.0/8 masquerade",
  "masquerade to :40000-40010 random",
];

const choose = <T>(list: readonly T[], at: number): T => {
  const chosen = list[at % list.length];
  if (chosen === undefined) throw new Error("nothing to choose from");
  return chosen;
};

const portOnly = (match: string): string =>
  /dport|^meta l4proto \{? ?(tcp|udp)/.test(match) ? match : "meta l4proto { tcp, udp } th dport 8080";

function tableOf(spec: ChainSpec, number: number): string {
  const hook = choose(HOOKS, spec.hook);
  const priority = choose(PRIORITIES, spec.priority);
  const policy = spec.drops ? "drop" : "accept";
  const name = `t${number}`;
  const rules = (texts: readonly string[]) => texts.map((text) => `    ${text}\n`).join("");
  const lines = spec.rules.map(({ matches, does }) =>
    `${choose(MATCHES, matches)} ${choose(VERDICTS, does)}`.trim(),
  );
  const base = (family: string, chains: string) => `table ${family} ${name} {\n${chains}}\n`;
  const chain = (title: string, head: string, body: readonly string[]) =>
    `  chain ${title} {\n${head ? `    ${head}\n` : ""}${rules(body)}  }\n`;
  const filter = (type: string, at: string, priority: number, body: readonly string[]) =>
    chain("c", `type ${type} hook ${at} priority ${priority}; policy ${policy};`, body);
  switch (hook) {
    case "bridge": {
      const at = choose(BRIDGE_HOOKS, spec.priority);
      return base(
        "bridge",
        filter(
          "filter",
          at,
          0,
          spec.rules.map(({ matches }) => choose(BRIDGE, matches)),
        ),
      );
    }
    case "arp": {
      const at = choose(["input", "output"], spec.priority);
      return base(
        "arp",
        filter(
          "filter",
          at,
          0,
          spec.rules.map(({ matches }) => choose(ARP, matches)),
        ),
      );
    }
    case "dnat": {
      const asked = spec.rules.map(
        ({ matches, does }) => `${portOnly(choose(MATCHES, matches))} ${choose(DNAT, does)}`,
      );
      const bodies = (["prerouting", "output"] as const).map(
        (at) => `  chain ${at} {\n    type nat hook ${at} priority -100;\n${rules(asked)}  }\n`,
      );
      return base("inet", bodies.join(""));
    }
    case "snat":
      return base(
        "inet",
        `  chain c {\n    type nat hook postrouting priority 100;\n${rules(spec.rules.map(({ does }) => choose(SNAT, does)))}  }\n`,
      );
    case "mark":
      return base(
        "inet",
        filter(
          "route",
          "output",
          -150,
          spec.rules.map(({ matches }) => `${choose(MATCHES, matches)} meta mark set 5`),
        ),
      );
    default:
      return base(
        "inet",
        `${chain("other", "", ["ct state established accept", "tcp dport 80 drop", "ip protocol icmp accept"])}${filter("filter", hook, priority, lines)}`,
      );
  }
}

/** Some rules can't stand at some hooks: such a table is refused, and not there. */
export const chainSteps = (world: World, chains: readonly ChainSpec[]): Step[] =>
  chains.map((spec, i) => ({ in: choose(world.places, spec.at), nft: tableOf(spec, i), refusable: true }));
