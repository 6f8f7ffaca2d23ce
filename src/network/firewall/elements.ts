/**
 * What changes in the firewall: elements of sets. The names of tables and sets are public: administrators
 * and later parts of the engine refer to them.
 */
import { formatAddress, formatPrefix, type Prefix } from "../../lib/ip.ts";
import type { Datum, SetElement } from "../../linux/plan.ts";

const TABLES = {
  inet: { family: "inet", name: "drawbridge" },
  guard: { family: "bridge", name: "drawbridge-guard" },
} as const;

export type TableName = keyof typeof TABLES;

/** `inet drawbridge`, as nft(8) addresses a table. */
export const tableRef = (table: TableName): string => `${TABLES[table].family} ${TABLES[table].name}`;

interface SetDefinition {
  readonly table: TableName;
  readonly type: string;
  readonly interval?: true;
}

const SETS = {
  /** Our bridges. */
  bridges: { table: "inet", type: "ifname" },
  /** From and to: one bridge twice, where its containers may reach each other. */
  icc: { table: "inet", type: "ifname . ifname" },
  /** Protocols that are forwarded for our bridges alone, since it was the engine that turned forwarding on. */
  unrouted: { table: "inet", type: "nf_proto" },
  /** Subnets that leave by other links under the host's address. */
  masquerade4: { table: "inet", type: "ipv4_addr", interval: true },
  /** A bridge with its own subnet: what stays on it keeps its address. */
  local4: { table: "inet", type: "ifname . ipv4_addr", interval: true },
  /** The host's ends of containers' pairs. */
  ports: { table: "guard", type: "ifname" },
  /** The MAC address that a port may send from. */
  senders: { table: "guard", type: "ifname . ether_addr" },
  /** And with it, the IPv4 address. */
  owners4: { table: "guard", type: "ifname . ether_addr . ipv4_addr" },
  /** Ports that don't reach each other. */
  separated: { table: "guard", type: "ifname" },
} as const satisfies Record<string, SetDefinition>;

export type SetName = keyof typeof SETS;

/** A part of an element that only whole rule sets hold. */
export type WidePart = Datum | { readonly subnet: Prefix } | { readonly nfproto: "ipv4" };

/** Elements by set; an element is a concatenation of its parts. */
export type Elements<Part = Datum> = { readonly [set in SetName]?: readonly (readonly Part[])[] };

/** All that a rule set holds. */
export type AllElements = Elements<WidePart>;

const names = Object.keys(SETS) as SetName[];

export const mergeElements = <Part>(parts: readonly Elements<Part>[]): Elements<Part> =>
  Object.fromEntries(names.map((set) => [set, parts.flatMap((part) => part[set] ?? [])]));

/** For a plan's `add-elements` and `delete-elements`. */
export const toSetElements = (elements: Elements): readonly SetElement[] =>
  names.flatMap((set) => {
    const { family, name: table } = TABLES[SETS[set].table];
    return (elements[set] ?? []).map((key) => ({ family, table, set, key }));
  });

function formatPart(part: WidePart): string {
  if ("ifname" in part) return `"${part.ifname}"`;
  if ("address" in part) return formatAddress(part.address);
  if ("mac" in part) return part.mac;
  if ("subnet" in part) return formatPrefix(part.subnet);
  if ("nfproto" in part) return part.nfproto;
  return String("port" in part ? part.port : part.protocol);
}

/** The definition of a set with its elements, indented as nft prints it. */
function defineSet(set: SetName, elements: AllElements): string {
  const { type, ...more }: SetDefinition = SETS[set];
  const lines = [`type ${type}`];
  if (more.interval) lines.push("flags interval");
  const tuples = (elements[set] ?? []).map((parts) => parts.map(formatPart).join(" . "));
  if (tuples.length > 0) lines.push(`elements = { ${tuples.join(", ")} }`);
  return `\tset ${set} {\n${lines.map((line) => `\t\t${line}\n`).join("")}\t}\n`;
}

/** The sets of one table. */
export const defineSets = (table: TableName, elements: AllElements): string =>
  names
    .filter((set) => SETS[set].table === table)
    .map((set) => defineSet(set, elements))
    .join("\n");
