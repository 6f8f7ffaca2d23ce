/** Rules that no engine of the traffic's own made: the administrator's, a host firewall's, another engine's. Pure. */
import { shell } from "../../lib/shell.ts";
import { isNftName } from "../../linux/nftables/names.ts";
import type { Namespace } from "../../observe/types.ts";
import type { RuleRef } from "../types.ts";
import { isPolicy, ownerOfRule, type RuleOwner } from "./owner.ts";
import type { Case, Explain, Explanation, Fix } from "./types.ts";
import { fix, portText, withoutRule } from "./words.ts";

/** Bridges of the host that the packet comes from or goes to: by their networks. */
function bridgesOf({ from, to }: Case): readonly string[] {
  const names = [from, to].flatMap(({ network }) => (network?.bridge ? [network.bridge] : []));
  return [...new Set(names)];
}

const each = (links: readonly string[], commands: (link: string) => readonly string[]): string =>
  links.flatMap(commands).join("; ");

/** Table `inet drawbridge-admin`: closed on purpose. */
export const administrator: Explain = (one) => {
  const { reason, namespace, flow } = one;
  const { rule } = reason;
  if (!rule || ownerOfRule(rule, namespace) !== "administrator") return undefined;
  if (rule.chain === "published") {
    const set = /@closed_from/.test(rule.text ?? "") ? "closed_from" : "closed";
    const link = isNftName(one.link ?? "") ? one.link : "LINK";
    const key = `${set === "closed" ? "" : `"${link}" . `}${flow.protocol} . ${flow.port}`;
    return {
      at: "the administrator's rules",
      why: `port ${portText(one)} is in set ${set} of table inet drawbridge-admin`,
      fixes: [
        fix(`nft delete element inet drawbridge-admin ${set} '{ ${key} }'`, "opens the published port again"),
      ],
    };
  }
  if (rule.chain === "entering") {
    const set = flow.destination.family === 4 ? "denied4" : "denied6";
    return {
      at: "the administrator's rules",
      why: `the sender's address is in set ${set} of table inet drawbridge-admin`,
      fixes: [
        fix(`nft list set inet drawbridge-admin ${set}`, "shows the element, to be deleted from there"),
      ],
    };
  }
  return {
    at: "the administrator's rules",
    why: `chain ${rule.chain} closes it`,
    fixes: [withoutRule(rule, namespace)],
  };
};

/** ufw, firewalld, another engine's FORWARD policy, Kubernetes, whoever. */
export const foreignFirewall: Explain = (one) => {
  const { reason, namespace } = one;
  const { rule } = reason;
  if (!rule || reason.code !== "rule") return undefined;
  const owner = ownerOfRule(rule, namespace);
  const links = bridgesOf(one);
  const forwards = /forward|fwd/i.test(rule.chain) && links.length > 0 && namespace?.host === true;
  const known = forwards ? WAYS[owner]?.(one, rule, links) : undefined;
  return known ?? plain(one, rule, owner, namespace);
};

type Way = (one: Case, rule: RuleRef, links: readonly string[]) => Explanation;

const list = (links: readonly string[]): string => links.join(" and ");

const WAYS: Partial<Record<RuleOwner, Way>> = {
  ufw: (_, __, links) => ({
    at: "ufw",
    why: `it drops what is forwarded for ${list(links)}`,
    fixes: [
      fix(
        each(links, (link) => [shell`ufw route allow in on ${link}`, shell`ufw route allow out on ${link}`]),
        "lets pass what is forwarded for these bridges",
      ),
    ],
  }),
  firewalld: (_, __, links) => ({
    at: "firewalld",
    why: `the zone of ${list(links)} does not let it pass`,
    fixes: [
      fix(
        `${each(links, (link) => [shell`firewall-cmd --permanent --zone=trusted --add-interface=${link}`])}; firewall-cmd --reload`,
        "puts these bridges into the zone that everything may pass",
      ),
    ],
  }),
  docker: (_, rule, links) => ({
    at: "Docker's FORWARD policy",
    why: `Docker drops whatever is not forwarded for its own networks, as for ${list(links)}`,
    fixes: [insertion(rule, "DOCKER-USER", links)],
  }),
};

/** Accepting rules before all others. */
function insertion(rule: RuleRef, chain: string, links: readonly string[]): Fix {
  const six = rule.family === 6 || rule.family === "ip6";
  const insert = `${six ? "ip6tables" : "iptables"}${rule.in === "xtables" ? "-legacy" : ""} -I ${chain}`;
  return fix(
    each(links, (link) => [
      `${insert} ${shell`-i ${link} -j ACCEPT`}`,
      `${insert} ${shell`-o ${link} -j ACCEPT`}`,
    ]),
    "lets pass what is forwarded for these bridges",
  );
}

function plain(one: Case, rule: RuleRef, owner: RuleOwner, namespace: Namespace | undefined): Explanation {
  const whose = owner === "somebody" ? "" : ` of ${owner}`;
  const what = isPolicy(rule) ? "the policy" : "a rule";
  const table = rule.in === "nft" ? `${rule.family} ${rule.table}` : rule.table;
  return {
    at: `table ${table}, chain ${rule.chain}`,
    why: `${what}${whose} closes the way from ${one.from.label} to ${one.to.label}`,
    fixes: [withoutRule(rule, namespace)],
  };
}
