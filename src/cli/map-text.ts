/** A topology drawn as text: each namespace with its links, bridges with their ports, and who is behind them. Pure. */
import { formatAddress, formatPrefix } from "../lib/ip.ts";
import type {
  EngineContainer,
  EngineNetwork,
  Namespace,
  NamespaceId,
  ObservedLink,
  Topology,
} from "../observe/types.ts";
import { cut, legible, paint, type Style, wrap } from "../trace/render/style.ts";

/** A line: what stands left, in columns, and what is told of it. */
interface Line {
  readonly tree: string;
  readonly name: string;
  readonly addresses: string;
  readonly about: string;
  readonly traffic: string;
}

const GAP = "  ";
/** Where a terminal is too narrow for one line: further in than any link's name. */
const BELOW = " ".repeat(10);
const MOST = { name: 44, addresses: 40 };

export function mapText(topology: Topology, style: Style): string {
  const behind = namespacesBehind(topology);
  const all = [...topology.namespaces.values()].toSorted(
    (a, b) => Number(b.host) - Number(a.host) || (a.name < b.name ? -1 : 1),
  );
  const own = all.filter((one) => one.host || !behind.has(one.id) || hasBridge(one));
  const sections = own.map((one) => section(topology, one, style));
  const unread = topology.unread.map((text) => `not read: ${legible(style, text)}\n`);
  return [...sections, ...(unread.length > 0 ? [unread.join("")] : [])].join("\n");
}

const hasBridge = ({ links }: Namespace): boolean => links.some(({ kind }) => kind === "bridge");

/** Those that a bridge of another one leads to, by every link that they have: drawn there. */
function namespacesBehind(topology: Topology): ReadonlySet<NamespaceId> {
  const drawn = new Set<NamespaceId>();
  for (const namespace of topology.namespaces.values()) {
    for (const { master, other } of namespace.links) {
      if (master === undefined || other?.namespace === undefined || other.namespace === namespace.id)
        continue;
      if (namespace.links.find(({ ifindex }) => ifindex === master)?.kind === "bridge")
        drawn.add(other.namespace);
    }
  }
  return drawn;
}

function section(topology: Topology, namespace: Namespace, style: Style): string {
  const lines = linesOf(topology, namespace, style);
  const width = (key: "addresses" | "about" | "traffic") =>
    Math.max(0, ...lines.map((line) => [...line[key]].length));
  const label = Math.max(0, ...lines.map(({ tree, name }) => [...tree].length + [...name].length));
  const [addresses, about] = [width("addresses"), width("about")];
  const whole = label + addresses + about + width("traffic") + 3 * GAP.length;
  const body = lines.flatMap((line) => {
    const space = " ".repeat(label - [...line.tree].length - [...line.name].length);
    const left = `${paint(style, "dim", line.tree)}${line.name}${space}${GAP}${line.addresses}`;
    const traffic = paint(style, "dim", line.traffic);
    const pad = " ".repeat(addresses - [...line.addresses].length);
    if (whole <= style.width) return [`${left}${pad}${GAP}${line.about.padEnd(about)}${GAP}${traffic}`];
    const told = [line.about, line.traffic].filter(Boolean).join(GAP);
    return [left.trimEnd(), ...wrap(told, style.width - BELOW.length).map((text) => `${BELOW}${text}`)];
  });
  const unread = namespace.unread.map((text) => `  not read: ${legible(style, text)}`);
  return `${[head(topology, namespace, style), ...body, ...unread].join("\n")}\n`;
}

/** `host`, and the containers that have no other network. */
function head(topology: Topology, namespace: Namespace, style: Style): string {
  const name = paint(style, "bold", legible(style, namespace.name));
  const guests = namespace.host
    ? topology.engines.flatMap(({ containers }) =>
        containers.filter(({ networkMode, state }) => networkMode === "host" && state === "running"),
      )
    : [];
  const of = namespace.container ? `  ${aboutContainer(namespace.container, style)}` : "";
  const here = guests.length > 0 ? `  with ${guests.map((one) => legible(style, one.name)).join(", ")}` : "";
  return `${name}${of}${here}`;
}

function linesOf(topology: Topology, namespace: Namespace, style: Style): readonly Line[] {
  const top = namespace.links.filter(({ master, loopback }) => master === undefined && !loopback);
  return top.flatMap((link) => {
    const ports = namespace.links.filter(({ master }) => master === link.ifindex);
    return [
      linkLine(topology, namespace, link, GAP, style),
      ...ports.map((port, i) =>
        portLine(topology, namespace, port, branch(style, i === ports.length - 1), style),
      ),
    ];
  });
}

const branch = ({ unicode }: Style, last: boolean): string =>
  unicode ? `    ${last ? "└─" : "├─"} ` : `    ${last ? "`-" : "|-"} `;

const joint = ({ unicode }: Style): string => (unicode ? " ── " : " -- ");

const label = ({ name, ifindex }: ObservedLink): string => `${name} (${ifindex})`;

function linkLine(
  topology: Topology,
  namespace: Namespace,
  link: ObservedLink,
  tree: string,
  style: Style,
): Line {
  const far = farEnd(topology, namespace, link);
  const network = link.kind === "bridge" ? networkOf(topology, link.name) : undefined;
  const parts = [
    link.kind,
    network &&
      `network ${network.name}${network.internal ? ", internal" : ""}${network.icc ? "" : ", icc=false"}`,
    far,
    state(link),
  ];
  return {
    tree,
    name: cut(style, legible(style, label(link)), MOST.name),
    addresses: cut(style, addressesOf(namespace, link.ifindex), MOST.addresses),
    about: legible(style, parts.filter(Boolean).join(", ")),
    traffic: traffic(link),
  };
}

/** A port of a bridge with the other end of its pair, and who is there. */
function portLine(
  topology: Topology,
  namespace: Namespace,
  port: ObservedLink,
  tree: string,
  style: Style,
): Line {
  const there =
    port.other?.namespace === undefined ? undefined : topology.namespaces.get(port.other.namespace);
  const end = there?.links.find(({ ifindex }) => ifindex === port.other?.ifindex);
  if (!there || !end || there === namespace) return linkLine(topology, namespace, port, tree, style);
  const first = there.links.find(({ loopback }) => !loopback) === end;
  const who = there.container ? aboutContainer(there.container, style, first) : "";
  return {
    tree,
    name: cut(
      style,
      legible(style, `${label(port)}${joint(style)}${label(end)} ${there.name}`),
      MOST.name + 10,
    ),
    addresses: cut(style, addressesOf(there, end.ifindex), MOST.addresses),
    about: [who, state(port), state(end)].filter(Boolean).join(", "),
    // As the container has it: what its host's end sends is what it takes.
    traffic: traffic(end),
  };
}

function farEnd(topology: Topology, namespace: Namespace, { other, kind }: ObservedLink): string | undefined {
  if (!other) return undefined;
  const there = other.namespace === undefined ? undefined : topology.namespaces.get(other.namespace);
  const end = there?.links.find(({ ifindex }) => ifindex === other.ifindex);
  const name = end ? label(end) : `link ${other.ifindex}`;
  const place =
    there === undefined ? " of an unseen namespace" : there === namespace ? "" : ` of ${there.name}`;
  return `${kind === "veth" ? "pair with" : "on"} ${name}${place}`;
}

const networkOf = (topology: Topology, bridge: string): EngineNetwork | undefined =>
  topology.engines.flatMap(({ networks }) => networks).find((network) => network.bridge === bridge);

/** What is not as it should be, alone. */
function state({ up, carrier, kind }: ObservedLink): string {
  if (!up) return "DOWN";
  // A bridge without ports has no carrier: that is nothing to be told.
  return carrier || kind === "bridge" ? "" : "NO CARRIER";
}

function addressesOf(namespace: Namespace, ifindex: number): string {
  const own = namespace.addresses.filter((one) => one.ifindex === ifindex);
  const global = own.filter(({ scope }) => scope === 0);
  return (global.length > 0 ? global : own).map(({ address }) => formatPrefix(address)).join(" ");
}

/** @param all its published ports as well: once, however many links it has */
function aboutContainer({ engine, image, ports }: EngineContainer, style: Style, all = true): string {
  const published = (all ? ports : []).flatMap(({ host, containerPort, protocol }) => {
    if (!host) return [];
    const at = host.address
      ? host.address.family === 6
        ? `[${formatAddress(host.address)}]`
        : formatAddress(host.address)
      : "*";
    return [`${at}:${host.port}${style.unicode ? "→" : "->"}${containerPort}/${protocol}`];
  });
  return legible(style, [image || engine, ...new Set(published)].join(" "));
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

export function byteText(bytes: bigint): string {
  let value = Number(bytes);
  let unit = 0;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`;
}

function traffic({ counters }: ObservedLink): string {
  const { rxBytes, txBytes, rxDropped, txDropped, rxErrors, txErrors } = counters;
  const [dropped, errors] = [rxDropped + txDropped, rxErrors + txErrors];
  return [
    `rx ${byteText(rxBytes)}`,
    `tx ${byteText(txBytes)}`,
    dropped > 0n ? `dropped ${dropped}` : "",
    errors > 0n ? `errors ${errors}` : "",
  ]
    .filter(Boolean)
    .join(GAP);
}
