/** Words that sentences and commands are made of. Pure. */
import { shell } from "../../lib/shell.ts";
import { isNftName } from "../../linux/nftables/names.ts";
import type { EngineContainer, Namespace } from "../../observe/types.ts";
import type { RuleRef } from "../types.ts";
import type { Case, Fix } from "./types.ts";

export const fix = (command: string, does: string): Fix => ({ command, does });

/** A command as it is to be pasted on the host, for a namespace. */
export function inside(namespace: Namespace | undefined, command: string): string {
  if (!namespace || namespace.host) return command;
  const [pid] = namespace.pids;
  const enter = pid === undefined ? shell`nsenter --net=${namespace.path}` : `nsenter -t ${pid} -n`;
  return `${enter} ${command}`;
}

/** The sender as `drawbridge trace` is told of it: not `web (172.17.0.2)`. */
export const senderWord = ({ from }: Case): string => from.container?.name ?? from.label.replace(/ \(.*/, "");

/** The command line of a container's engine. */
export const programOf = (container: EngineContainer | undefined): string =>
  container?.engine ?? "drawbridge";

/** `5432/tcp`; ICMP has none. */
export const portText = ({ flow }: Case): string =>
  flow.port === undefined ? flow.protocol : `${flow.port}/${flow.protocol}`;

/** `inet drawbridge inbound handle 61`, `iptables -t filter FORWARD rule 3`. */
function ruleName(rule: RuleRef): string {
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
  const { command, does } = rule.in === "nft" ? withoutNft(rule) : withoutXtables(rule);
  return fix(inside(namespace, command), does);
}

const TAKEN_AWAY = "takes the rule away, and opens all that it closes";

function withoutNft(rule: RuleRef & { readonly in: "nft" }): Fix {
  const { family, table, chain, handle } = rule;
  if (!isNftName(table) || !isNftName(chain)) {
    return fix("nft -a list ruleset", "shows it, in a table or chain whose name can't be typed");
  }
  const place = `${family} ${table} ${chain}`;
  if (handle !== undefined) return fix(`nft delete rule ${place} handle ${handle}`, TAKEN_AWAY);
  if (!isOfIptables(rule)) return fix(`nft 'add chain ${place} { policy accept; }'`, passing(rule));
  return fix(`${family === "ip" ? "iptables" : "ip6tables"} -t ${table} -P ${chain} ACCEPT`, passing(rule));
}

function withoutXtables(rule: RuleRef & { readonly in: "xtables" }): Fix {
  const { family, table, chain, number } = rule;
  const tool = shell`${family === 4 ? "iptables" : "ip6tables"}-legacy -t ${table}`;
  return number === undefined
    ? fix(`${tool} ${shell`-P ${chain} ACCEPT`}`, passing(rule))
    : fix(`${tool} ${shell`-D ${chain} ${number}`}`, TAKEN_AWAY);
}
