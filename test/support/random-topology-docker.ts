/** The rules of dockerd 28 over the bridges of a random topology: of its iptables backend, and of that of nftables. */
import { type Bridge, type Published, publishedIn, UPLINK, type World } from "./random-topology-world.ts";

const width = (family: 4 | 6): string => (family === 4 ? "32" : "128");
const subnetOf = (bridge: Bridge, family: 4 | 6): string => (family === 4 ? bridge.subnet4 : bridge.subnet6);
const addressOf = ({ leaf }: Published, family: 4 | 6): string =>
  family === 4 ? leaf.address4 : leaf.address6;
const uplink = (family: 4 | 6): string => (family === 4 ? UPLINK.host4 : UPLINK.host6);
const withPort = (address: string, family: 4 | 6): string =>
  family === 4 ? `${address}:80` : `[${address}]:80`;
/** Of each leaf once. */
const leavesOf = (all: readonly Published[]): readonly Published[] =>
  all.filter(({ leaf }, i) => all.findIndex((other) => other.leaf === leaf) === i);

/** In iptables-save's words. */
export function dockerXtables(world: World, family: 4 | 6): string {
  const { bridges } = world;
  const published = publishedIn(world);
  const each = (line: (bridge: Bridge) => string) => bridges.map(line);
  const apart = bridges.filter(({ icc }) => !icc);
  const loopback = family === 4 ? "127.0.0.0/8" : "::1/128";
  const nat = [
    "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
    `-A OUTPUT ! -d ${loopback} -m addrtype --dst-type LOCAL -j DOCKER`,
    ...each((bridge) => `-A POSTROUTING -s ${subnetOf(bridge, family)} ! -o ${bridge.name} -j MASQUERADE`),
    ...published.map((one) => {
      const at = one.bound ? `-d ${uplink(family)}/${width(family)} ` : "";
      return `-A DOCKER ${at}! -i ${one.bridge.name} -p ${one.protocol} -m ${one.protocol} --dport ${one.hostPort} -j DNAT --to-destination ${withPort(addressOf(one, family), family)}`;
    }),
  ];
  const filter = [
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -j DOCKER-FORWARD",
    ...published.map(
      (one) =>
        `-A DOCKER -d ${addressOf(one, family)}/${width(family)} ! -i ${one.bridge.name} -o ${one.bridge.name} -p ${one.protocol} -m ${one.protocol} --dport 80 -j ACCEPT`,
    ),
    ...each(({ name }) => `-A DOCKER ! -i ${name} -o ${name} -j DROP`),
    ...each(({ name }) => `-A DOCKER-BRIDGE -o ${name} -j DOCKER`),
    ...each(({ name }) => `-A DOCKER-CT -o ${name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`),
    "-A DOCKER-FORWARD -j DOCKER-CT",
    "-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1",
    "-A DOCKER-FORWARD -j DOCKER-BRIDGE",
    ...apart.map(({ name }) => `-A DOCKER-FORWARD -i ${name} -o ${name} -j DROP`),
    ...each(({ name }) => `-A DOCKER-FORWARD -i ${name} -j ACCEPT`),
    ...each(({ name }) => `-A DOCKER-ISOLATION-STAGE-1 -i ${name} ! -o ${name} -j DOCKER-ISOLATION-STAGE-2`),
    ...each(({ name }) => `-A DOCKER-ISOLATION-STAGE-2 -o ${name} -j DROP`),
  ];
  const raw = leavesOf(published).map(
    (one) => `-A PREROUTING -d ${addressOf(one, family)}/${width(family)} ! -i ${one.bridge.name} -j DROP`,
  );
  const own = ["DOCKER", "DOCKER-BRIDGE", "DOCKER-CT", "DOCKER-FORWARD", "DOCKER-ISOLATION-STAGE-1"];
  return [
    table("raw", { PREROUTING: "ACCEPT", OUTPUT: "ACCEPT" }, raw),
    table(
      "nat",
      { PREROUTING: "ACCEPT", INPUT: "ACCEPT", OUTPUT: "ACCEPT", POSTROUTING: "ACCEPT", DOCKER: "-" },
      nat,
    ),
    table(
      "filter",
      {
        INPUT: "ACCEPT",
        FORWARD: "DROP",
        OUTPUT: "ACCEPT",
        ...Object.fromEntries([...own, "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER"].map((name) => [name, "-"])),
      },
      filter,
    ),
  ].join("");
}

/** A table as iptables-save writes it. @param chains with their policies, `-` of those without */
export function table(
  name: string,
  chains: Readonly<Record<string, string>>,
  lines: readonly string[],
): string {
  const heads = Object.entries(chains).map(([chain, policy]) => `:${chain} ${policy} [0:0]`);
  return [`*${name}`, ...heads, ...lines, "COMMIT", ""].join("\n");
}

/** `--firewall-backend=nftables`: a table a family, verdict maps by bridge. */
export const dockerNftables = (world: World): string =>
  ([4, 6] as const).map((family) => nftables(world, family)).join("");

function nftables(world: World, family: 4 | 6): string {
  const { bridges } = world;
  const published = publishedIn(world);
  const ip = family === 4 ? "ip" : "ip6";
  const loopback = family === 4 ? "127.0.0.0/8" : "::1";
  const jumps = (map: string, chain: string) => {
    const elements = bridges.map(({ name }) => `"${name}" : jump ${chain}__${name}`).join(", ");
    return ` map ${map} { type ifname : verdict; elements = { ${elements} }; }\n`;
  };
  const chain = (name: string, lines: readonly string[]) =>
    ` chain ${name} {\n${lines.map((line) => `  ${line}\n`).join("")} }\n`;
  return [
    `table ${ip} docker-bridges {\n`,
    ...bridges.flatMap((bridge) => [
      chain(`filter-forward-in__${bridge.name}`, [
        "ct state established,related counter accept",
        `iifname "${bridge.name}" counter ${bridge.icc ? "accept" : "drop"} comment "ICC"`,
        ...published
          .filter((one) => one.bridge === bridge)
          .map((one) => `${ip} daddr ${addressOf(one, family)} ${one.protocol} dport 80 counter accept`),
        'counter drop comment "UNPUBLISHED PORT DROP"',
      ]),
      chain(`filter-forward-out__${bridge.name}`, [
        "ct state established,related counter accept",
        'counter accept comment "OUTGOING"',
      ]),
      chain(`nat-postrouting-out__${bridge.name}`, [
        `oifname != "${bridge.name}" ${ip} saddr ${subnetOf(bridge, family)} counter masquerade comment "MASQUERADE"`,
      ]),
    ]),
    jumps("filter-forward-in-jumps", "filter-forward-in"),
    jumps("filter-forward-out-jumps", "filter-forward-out"),
    jumps("nat-postrouting-out-jumps", "nat-postrouting-out"),
    chain("filter-FORWARD", [
      "type filter hook forward priority filter; policy accept;",
      "oifname vmap @filter-forward-in-jumps",
      "iifname vmap @filter-forward-out-jumps",
    ]),
    chain(
      "nat-prerouting-and-output",
      published.map((one) => {
        const at = one.bound ? `${ip} daddr ${uplink(family)} ` : "";
        return `${at}iifname != "${one.bridge.name}" ${one.protocol} dport ${one.hostPort} counter dnat to ${withPort(addressOf(one, family), family)} comment "DNAT"`;
      }),
    ),
    chain("nat-PREROUTING", [
      "type nat hook prerouting priority dstnat; policy accept;",
      "fib daddr type local counter jump nat-prerouting-and-output",
    ]),
    chain("nat-OUTPUT", [
      "type nat hook output priority -100; policy accept;",
      `${ip} daddr != ${loopback} fib daddr type local counter jump nat-prerouting-and-output`,
    ]),
    chain("nat-POSTROUTING", [
      "type nat hook postrouting priority srcnat; policy accept;",
      "iifname vmap @nat-postrouting-out-jumps",
    ]),
    chain("raw-PREROUTING", [
      "type filter hook prerouting priority raw; policy accept;",
      ...leavesOf(published).map(
        (one) =>
          `${ip} daddr ${addressOf(one, family)} iifname != "${one.bridge.name}" counter drop comment "DROP DIRECT ACCESS"`,
      ),
    ]),
    "}\n",
  ].join("");
}
