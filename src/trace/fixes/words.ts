/** Words that sentences and commands are made of. Pure. */
import type { EngineContainer, Namespace } from "../../observe/types.ts";
import type { RuleRef } from "../types.ts";
import type { Case, Fix } from "./types.ts";

export const fix = (command: string, does: string): Fix => ({ command, does });

/** What is typed before a command, to run it in a namespace. */
export function inside(namespace: Namespace | undefined): string {
  if (!namespace || namespace.host) return "";
  const [pid] = namespace.pids;
  return pid === undefined ? `nsenter --net=${namespace.path} ` : `nsenter -t ${pid} -n `;
}

/** The command line of a container's engine. */
export const programOf = (container: EngineContainer | undefined): string =>
  container?.engine ?? "drawbridge";

/** `5432/tcp`; ICMP has none. */
export const portText = ({ flow }: Case): string =>
  flow.port === undefined ? flow.protocol : `${flow.port}/${flow.protocol}`;

/** `inet drawbridge inbound handle 61`, `iptables -t filter FORWARD rule 3`. */
export function ruleName(rule: RuleRef): string {
  if (rule.in === "nft") {
    const place = `${rule.family} ${rule.table} ${rule.chain}`;
    return rule.handle === undefined ? `policy of ${place}` : `${place} handle ${rule.handle}`;
  }
  const tool = rule.family === 4 ? "iptables" : "ip6tables";
  const place = `${tool} -t ${rule.table} ${rule.chain}`;
  return rule.number === undefined ? `policy of ${place}` : `${place} rule ${rule.number}`;
}

/** `rule inet drawbridge inbound handle 61: drop`, `policy drop of inet drawbridge forward`. */
export const ruleText = (rule: RuleRef): string => {
  const text = rule.text?.replace(/\s*# handle \d+$/, "").trim();
  const name = ruleName(rule);
  if (name.startsWith("policy ")) return text?.startsWith("policy ") ? name.replace("policy", text) : name;
  return text ? `rule ${name}: ${text}` : `rule ${name}`;
};

const passing = ({ chain }: RuleRef): string => `lets pass whatever no rule of ${chain} speaks of`;

/** Tables that iptables-nft makes, with its built-in chains: its own command is what their owner knows. */
const isOfIptables = ({ family, table, chain }: RuleRef): boolean =>
  (family === "ip" || family === "ip6") &&
  /^(filter|nat|mangle|raw|security)$/.test(table) &&
  /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/.test(chain);

/** The command that takes a rule away, and opens what it closes. */
export function withoutRule(rule: RuleRef, namespace: Namespace | undefined): Fix {
  const enter = inside(namespace);
  if (rule.in === "nft") {
    if (rule.handle === undefined && isOfIptables(rule)) {
      const tool = rule.family === "ip" ? "iptables" : "ip6tables";
      return fix(`${enter}${tool} -t ${rule.table} -P ${rule.chain} ACCEPT`, passing(rule));
    }
    return rule.handle === undefined
      ? fix(
          `${enter}nft 'add chain ${rule.family} ${rule.table} ${rule.chain} { policy accept; }'`,
          passing(rule),
        )
      : fix(
          `${enter}nft delete rule ${rule.family} ${rule.table} ${rule.chain} handle ${rule.handle}`,
          "takes the rule away, and opens all that it closes",
        );
  }
  const tool = `${enter}${rule.family === 4 ? "iptables" : "ip6tables"}-legacy -t ${rule.table}`;
  return rule.number === undefined
    ? fix(`${tool} -P ${rule.chain} ACCEPT`, passing(rule))
    : fix(`${tool} -D ${rule.chain} ${rule.number}`, "takes the rule away, and opens all that it closes");
}
