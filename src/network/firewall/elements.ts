/**
 * What changes in the firewall: elements of sets. The names of tables and sets are public: administrators
 * and later parts of the engine refer to them.
 */

/** Tables by family and name, as nft(8) addresses them. */
export const TABLES = { inet: "inet drawbridge", guard: "bridge drawbridge-guard" } as const;

interface SetDefinition {
  readonly table: keyof typeof TABLES;
  readonly type: string;
  readonly interval?: true;
}

export const SETS = {
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

/** Elements by set, as nft writes them. */
export type Elements = { readonly [set in SetName]?: readonly string[] };

const names = Object.keys(SETS) as SetName[];

export const mergeElements = (parts: readonly Elements[]): Elements =>
  Object.fromEntries(names.map((set) => [set, parts.flatMap((part) => part[set] ?? [])]));

function commands(verb: "add" | "delete", elements: Elements): string {
  return names
    .filter((set) => elements[set]?.length)
    .map((set) => `${verb} element ${TABLES[SETS[set].table]} ${set} { ${elements[set]?.join(", ")} }\n`)
    .join("");
}

export const addElements = (elements: Elements): string => commands("add", elements);

/** Adding first makes it no failure where one is missing: nft 1.0.6 has no `destroy`. */
export const removeElements = (elements: Elements): string =>
  commands("add", elements) + commands("delete", elements);

/** A link's name in nft's quotes. */
export const quoted = (link: string): string => `"${link}"`;

/** A concatenation. */
export const tuple = (...parts: readonly string[]): string => parts.join(" . ");

/** The definition of a set with its elements, indented as nft prints it. */
export function defineSet(set: SetName, elements: Elements): string {
  const { type, ...more }: SetDefinition = SETS[set];
  const lines = [`type ${type}`];
  if (more.interval) lines.push("flags interval");
  if (elements[set]?.length) lines.push(`elements = { ${elements[set].join(", ")} }`);
  return `\tset ${set} {\n${lines.map((line) => `\t\t${line}\n`).join("")}\t}\n`;
}

/** The sets of one table. */
export const defineSets = (table: keyof typeof TABLES, elements: Elements): string =>
  names
    .filter((set) => SETS[set].table === table)
    .map((set) => defineSet(set, elements))
    .join("\n");
