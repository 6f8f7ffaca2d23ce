/** `nft -j list table`: libnftables-json(5), read as far as `Match` goes. What isn't known is `other`. */
import { type Prefix, tryParseAddress, widthOf } from "../../lib/ip.ts";
import type { Action, Chain, Family, Match, Rule, Table } from "./ruleset.ts";

type Json = unknown;

const isObject = (value: Json): value is Record<string, Json> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const objectOf = (value: Json): Record<string, Json> => (isObject(value) ? value : {});
const listOf = (value: Json): readonly Json[] => (Array.isArray(value) ? value : []);
const textOf = (value: Json): string => (typeof value === "string" ? value : "");

/** Tables with a chain at the forward hook, as `nft -j list chains` tells; drawbridge's own among them. */
export function forwardTables(json: string): readonly { readonly family: Family; readonly name: string }[] {
  const found = new Map<string, { family: Family; name: string }>();
  for (const { chain } of entries(json)) {
    const { family, table, hook } = objectOf(chain);
    const name = textOf(table);
    if (hook === "forward" && isFamily(family)) found.set(`${family} ${name}`, { family, name });
  }
  return [...found.values()];
}

/** @returns the table, and whether rules in it can only be read by iptables */
export function readTable(
  json: string,
  { family, name }: { readonly family: Family; readonly name: string },
): { readonly table: Table; readonly opaque: boolean } {
  const chains = new Map<string, Chain & { rules: Rule[] }>();
  let opaque = false;
  for (const { chain, rule } of entries(json)) {
    if (chain) {
      const { name, hook, policy } = objectOf(chain);
      const base = hook === "forward" ? ({ policy: policy === "drop" ? "drop" : "accept" } as const) : {};
      chains.set(textOf(name), { name: textOf(name), ...base, rules: [] });
    }
    if (rule) {
      const { chain, handle, expr } = objectOf(rule);
      const expressions = listOf(expr).map(objectOf);
      opaque ||= expressions.some((one) => "xt" in one);
      chains.get(textOf(chain))?.rules.push(...readRule(expressions, `handle ${handle}`));
    }
  }
  return { table: { tool: "nft", family, name, chains }, opaque };
}

function entries(json: string): readonly Record<string, Json>[] {
  return listOf(objectOf(JSON.parse(json)).nftables).map(objectOf);
}

const isFamily = (value: Json): value is Family =>
  value === "ip" || value === "ip6" || value === "inet" || value === "bridge";

/** A verdict map is as many rules as it has verdicts, since its keys exclude one another. */
function readRule(expressions: readonly Record<string, Json>[], evidence: string): Rule[] {
  const matches: Match[] = [];
  for (const one of expressions) {
    const action = readAction(one);
    if (action) return [{ matches, action, evidence }];
    if ("match" in one) matches.push(...readMatch(objectOf(one.match)));
    else if ("vmap" in one) return readVerdicts(objectOf(one.vmap), matches, evidence);
    else if (!isHarmless(one)) matches.push({ on: "other" });
  }
  return [{ matches, action: { do: "continue" }, evidence }];
}

/** They decide nothing; as an extension of xtables, only a comment. */
const HARMLESS = ["counter", "log", "mangle", "meter", "set", "ct helper", "notrack", "flow"];
const isHarmless = (one: Record<string, Json>): boolean =>
  HARMLESS.some((name) => name in one) || objectOf(one.xt).name === "comment";

function readAction(one: Record<string, Json>): Action | undefined {
  if ("accept" in one) return { do: "accept" };
  if ("drop" in one || "reject" in one) return { do: "drop" };
  if ("return" in one) return { do: "return" };
  if ("jump" in one) return { do: "jump", chain: textOf(objectOf(one.jump).target) };
  if ("goto" in one) return { do: "goto", chain: textOf(objectOf(one.goto).target) };
  if ("queue" in one || ("xt" in one && objectOf(one.xt).type === "target")) return { do: "unknown" };
  return undefined;
}

function readVerdicts(vmap: Record<string, Json>, matches: readonly Match[], evidence: string): Rule[] {
  const { data } = vmap;
  // A named map: its elements aren't told.
  if (!isObject(data))
    return [{ matches: [...matches, { on: "other" }], action: { do: "unknown" }, evidence }];
  return listOf(data.set).flatMap((element) => {
    const [key, verdict] = listOf(element);
    const value = isObject(key) && "elem" in key ? objectOf(key.elem).val : key;
    const action = readAction(objectOf(verdict));
    const match = readMatch({ op: "==", left: vmap.key, right: value });
    return action ? [{ matches: [...matches, ...match], action, evidence }] : [];
  });
}

function readMatch({ op, left, right }: Record<string, Json>): Match[] {
  const not = op === "!=";
  const values = valuesOf(right);
  const known = (op === "==" || op === "in" || not) && values !== undefined;
  const { meta, ct, payload } = objectOf(left);
  const { protocol, field } = objectOf(payload);
  const family: Match[] =
    protocol === "ip"
      ? [{ on: "family", family: 4 }]
      : protocol === "ip6"
        ? [{ on: "family", family: 6 }]
        : [];
  if (known) {
    const match = readKnown(textOf(objectOf(meta).key), textOf(objectOf(ct).key), textOf(field), not, values);
    if (match) return [...family, match];
  }
  if (TRANSPORTS.includes(textOf(protocol)))
    return [{ on: "protocol", protocols: [textOf(protocol)], not: false }, { on: "other" }];
  return [...family, { on: "other" }];
}

const TRANSPORTS = ["tcp", "udp", "sctp", "icmp", "icmpv6", "dccp", "udplite"];

/** nf_proto, and ether_type. */
const FAMILIES: Readonly<Record<string, 4 | 6>> = { ipv4: 4, ip: 4, ipv6: 6, ip6: 6 };

function readKnown(
  meta: string,
  ct: string,
  field: string,
  not: boolean,
  values: readonly Json[],
): Match | undefined {
  const texts = values.filter((value) => typeof value === "string");
  if (meta === "iifname" || meta === "iif") return { on: "in", names: texts, not };
  if (meta === "oifname" || meta === "oif") return { on: "out", names: texts, not };
  const [family] = texts.map((text) => FAMILIES[text]);
  if ((meta === "nfproto" || meta === "protocol") && texts.length === 1 && !not && family)
    return { on: "family", family };
  if (meta === "l4proto" || field === "protocol" || field === "nexthdr")
    return { on: "protocol", protocols: values.map(String), not };
  if (ct === "state" || (ct === "status" && !not)) return { on: "state", states: texts, not };
  if (field !== "saddr" && field !== "daddr") return undefined;
  const subnets = values.map(readSubnet);
  if (!subnets.every((one) => one !== undefined)) return undefined;
  return { on: field === "saddr" ? "source" : "destination", subnets, not };
}

/** Undefined for a named set and for what must be computed. */
function valuesOf(right: Json): readonly Json[] | undefined {
  if (typeof right === "string") return right.startsWith("@") ? undefined : [right];
  if (typeof right === "number") return [right];
  if (Array.isArray(right)) return right;
  const { set, prefix } = objectOf(right);
  if (prefix) return [right];
  return Array.isArray(set) ? set : undefined;
}

function readSubnet(value: Json): Prefix | undefined {
  const { prefix } = objectOf(value);
  const { addr, len } = objectOf(prefix);
  const address = tryParseAddress(textOf(addr) || textOf(value));
  return address && { address, length: typeof len === "number" ? len : widthOf(address.family) };
}
