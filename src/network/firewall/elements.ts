/**
 * What changes in the firewall: elements of sets. The names of tables and sets are public: administrators
 * and later parts of the engine refer to them.
 */
import { formatAddress, formatPrefix } from "../../lib/ip.ts";
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
  /** Of the key, in nft's words. */
  readonly type: string;
  /** `type` names expressions, since the type of one of them has no name of its own. */
  readonly byExpression?: true;
  /** Of a map's values. */
  readonly value?: string;
  readonly interval?: true;
}

const SETS = {
  /** Our bridges. */
  bridges: { table: "inet", type: "ifname" },
  /** From and to: one bridge twice, where its containers may reach each other. */
  icc: { table: "inet", type: "ifname . ifname" },
  /** Bridge, from, to, and the port there: what a link opens where containers may not reach each other. */
  linked4: { table: "inet", type: "ifname . ipv4_addr . ipv4_addr . inet_proto . inet_service" },
  linked6: { table: "inet", type: "ifname . ipv6_addr . ipv6_addr . inet_proto . inet_service" },
  /** Bridges that nothing enters, and nothing leaves. */
  internal: { table: "inet", type: "ifname" },
  /** Bridges whose containers reach of the host's own services DNS alone. */
  guarded: { table: "inet", type: "ifname" },
  /** Protocols that are forwarded for our bridges alone, since it was the engine that turned forwarding on. */
  unrouted: { table: "inet", type: "nf_proto" },
  /** Bridges that everything may enter (gateway mode `nat-unprotected`). */
  open: { table: "inet", type: "nf_proto . ifname" },
  /** Bridges whose containers are reached by their own addresses, at published ports and by ping (`routed`). */
  routed: { table: "inet", type: "nf_proto . ifname" },
  /** From and to: a link of the host, and a bridge at whose published ports it may knock by a container's own address. */
  trusted: { table: "inet", type: "ifname . ifname" },
  /** Published ports, by a container's own address: entered by who was translated, or is trusted. */
  admitted4: { table: "inet", type: "ifname . ipv4_addr . inet_proto . inet_service" },
  admitted6: { table: "inet", type: "ifname . ipv6_addr . inet_proto . inet_service" },
  /** Likewise on routed networks: entered by anyone. */
  exposed4: { table: "inet", type: "ifname . ipv4_addr . inet_proto . inet_service" },
  exposed6: { table: "inet", type: "ifname . ipv6_addr . inet_proto . inet_service" },
  /** Published at one address of the host, and where that leads. */
  published4: {
    table: "inet",
    type: "inet_proto . ipv4_addr . inet_service",
    value: "ipv4_addr . inet_service",
  },
  published6: {
    table: "inet",
    type: "inet_proto . ipv6_addr . inet_service",
    value: "ipv6_addr . inet_service",
  },
  /** Published at every address of the host. */
  published4_any: { table: "inet", type: "inet_proto . inet_service", value: "ipv4_addr . inet_service" },
  published6_any: { table: "inet", type: "inet_proto . inet_service", value: "ipv6_addr . inet_service" },
  /** Subnets that leave by other links under the host's address. */
  masquerade4: { table: "inet", type: "ipv4_addr", interval: true },
  masquerade6: { table: "inet", type: "ipv6_addr", interval: true },
  /** Subnets that leave under an address of the user's choice. */
  snat4: { table: "inet", type: "ipv4_addr", value: "ipv4_addr", interval: true },
  snat6: { table: "inet", type: "ipv6_addr", value: "ipv6_addr", interval: true },
  /** A bridge with its own subnet: what stays on it keeps its address. */
  local4: { table: "inet", type: "ifname . ipv4_addr", interval: true },
  local6: { table: "inet", type: "ifname . ipv6_addr", interval: true },
  /** The host's ends of containers' pairs. */
  ports: { table: "guard", type: "ifname" },
  /** The MAC address that a port may send from. */
  senders: { table: "guard", type: "ifname . ether_addr" },
  /** And with it, the addresses. */
  owners4: { table: "guard", type: "ifname . ether_addr . ipv4_addr" },
  owners6: { table: "guard", type: "ifname . ether_addr . ipv6_addr" },
  /** The MAC address that a port may send from before it has an IPv6 address, where its network has them. */
  senders6: { table: "guard", type: "ifname . ether_addr" },
  /**
   * Its IPv6 and MAC addresses once more, as neighbour discovery tells of them: nft 1.0 has no words for what lies
   * there, and takes it for a number.
   */
  targets6: { table: "guard", type: "iifname . @th,64,128", byExpression: true },
  announced6: { table: "guard", type: "iifname . @th,208,48", byExpression: true },
  /** Ports that don't reach each other. */
  separated: { table: "guard", type: "ifname" },
  /** From, to, and the port there: what a link opens between two of them, and the answers to it. */
  linked: { table: "guard", type: "ifname . ifname . inet_proto . inet_service" },
} as const satisfies Record<string, SetDefinition>;

export type SetName = keyof typeof SETS;

/** A concatenation of data, or for a map's element a key with its value. */
export type Tuple = readonly Datum[] | { readonly key: readonly Datum[]; readonly value: readonly Datum[] };

/** Elements by set. */
export type Elements = { readonly [set in SetName]?: readonly Tuple[] };

const names = Object.keys(SETS) as SetName[];

export const mergeElements = (parts: readonly Elements[]): Elements =>
  Object.fromEntries(names.map((set) => [set, parts.flatMap((part) => part[set] ?? [])]));

const isMapping = (tuple: Tuple): tuple is Exclude<Tuple, readonly Datum[]> => "key" in tuple;

/** For a plan's `add-elements` and `delete-elements`. */
export const toSetElements = (elements: Elements): readonly SetElement[] =>
  names.flatMap((set) => {
    const { family, name: table } = TABLES[SETS[set].table];
    return (elements[set] ?? []).map((tuple) => ({
      family,
      table,
      set,
      ...(isMapping(tuple) ? tuple : { key: tuple }),
    }));
  });

function formatDatum(datum: Datum): string {
  if ("ifname" in datum) return `"${datum.ifname}"`;
  if ("address" in datum) return formatAddress(datum.address);
  if ("mac" in datum) return datum.mac;
  if ("subnet" in datum) return formatPrefix(datum.subnet);
  if ("nfproto" in datum) return datum.nfproto;
  if ("port" in datum) return String(datum.port);
  return PROTOCOL_NAMES[datum.protocol] ?? String(datum.protocol);
}

/** As nft prints them. */
const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 6: "tcp", 17: "udp", 132: "sctp" };

/** Where a number is wanted. */
function asNumber(datum: Datum): string {
  if ("address" in datum) return `0x${datum.address.bits.toString(16)}`;
  if ("mac" in datum) return `0x${BigInt(`0x${datum.mac.replaceAll(":", "")}`).toString(16)}`;
  return formatDatum(datum);
}

const formatData = (data: readonly Datum[], format = formatDatum): string => data.map(format).join(" . ");

const formatTuple = (tuple: Tuple, format?: typeof formatDatum): string =>
  isMapping(tuple)
    ? `${formatData(tuple.key, format)} : ${formatData(tuple.value, format)}`
    : formatData(tuple, format);

/** The definition of a set or map with its elements, indented as nft prints it. */
function defineSet(set: SetName, elements: Elements): string {
  const { type, value, interval, byExpression }: SetDefinition = SETS[set];
  const lines = [`${byExpression ? "typeof" : "type"} ${type}${value === undefined ? "" : ` : ${value}`}`];
  if (interval) lines.push("flags interval");
  const tuples = (elements[set] ?? []).map((tuple) =>
    formatTuple(tuple, byExpression ? asNumber : formatDatum),
  );
  if (tuples.length > 0) lines.push(`elements = { ${tuples.join(", ")} }`);
  const kind = value === undefined ? "set" : "map";
  return `\t${kind} ${set} {\n${lines.map((line) => `\t\t${line}\n`).join("")}\t}\n`;
}

/** The sets and maps of one table. */
export const defineSets = (table: TableName, elements: Elements): string =>
  names
    .filter((set) => SETS[set].table === table)
    .map((set) => defineSet(set, elements))
    .join("\n");
