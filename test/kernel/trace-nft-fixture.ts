/** Rule sets loaded into this file's own namespace, read back natively, and asked what they make of a packet. */
import { parseAddress } from "../../src/lib/ip.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../../src/linux/netlink/socket.ts";
import { closeContext, Nft, openContext } from "../../src/linux/nftables/library.ts";
import type { NftRuleset } from "../../src/linux/nftables/program.ts";
import { readRuleset } from "../../src/linux/nftables/read-ruleset.ts";
import type { Namespace, NamespaceId, ObservedLink } from "../../src/observe/types.ts";
import type { Extensions } from "../../src/trace/firewall/nft/extensions.ts";
import { nftStages } from "../../src/trace/firewall/nft/stages.ts";
import type {
  ConnectionView,
  HookName,
  Layer,
  Outcome,
  RouteView,
  Surroundings,
} from "../../src/trace/firewall/types.ts";
import { type Carried, makePacket, type PacketSpec } from "../../src/trace/packet/make.ts";
import { addressBytesOf, portOf } from "../../src/trace/packet/packet.ts";
import type { Packet } from "../../src/trace/packet/types.ts";

/** Rules here have no extensions of xtables, unless a test brings its own. */
export const NO_EXTENSIONS: Extensions = {
  match: () => "unknown",
  target: ({ name }) => {
    throw new Error(`the target ${name} is not of this test`);
  },
};

const link = (ifindex: number, name: string, more: Partial<ObservedLink> = {}): ObservedLink => ({
  ifindex,
  name,
  hardware: 1,
  mtu: 1500,
  up: true,
  carrier: true,
  operState: 6,
  loopback: false,
  promiscuous: false,
  noArp: false,
  counters: {
    rxBytes: 0n,
    rxPackets: 0n,
    rxErrors: 0n,
    rxDropped: 0n,
    txBytes: 0n,
    txPackets: 0n,
    txErrors: 0n,
    txDropped: 0n,
  },
  xdp: false,
  ...more,
});

const BRIDGE = {
  callIptables: false,
  callIp6tables: false,
  vlanFiltering: false,
  stp: false,
  ageing: 30000,
  multicastSnooping: true,
};

/** Links as a rule sees them; none but `lo` is there. */
export const LINKS = {
  lo: 1,
  eth0: 2,
  docker0: 3,
  veth1: 4,
  br0: 5,
  veth1111111: 6,
  bridge1: 7,
} as const;

const links: readonly ObservedLink[] = [
  link(LINKS.lo, "lo", { hardware: 772, loopback: true }),
  link(LINKS.eth0, "eth0"),
  link(LINKS.docker0, "docker0", { kind: "bridge", bridge: BRIDGE }),
  link(LINKS.veth1, "veth1", { kind: "veth", master: LINKS.docker0 }),
  link(LINKS.br0, "br0", { kind: "bridge", bridge: BRIDGE }),
  link(LINKS.veth1111111, "veth1111111", { kind: "veth", master: LINKS.br0 }),
  link(LINKS.bridge1, "bridge1", { kind: "bridge", bridge: BRIDGE }),
];

export const namespaceWith = (nft: NftRuleset): Namespace => ({
  id: 1 as NamespaceId,
  name: "here",
  host: true,
  pids: [],
  pins: [],
  path: "/proc/self/ns/net",
  links,
  addresses: [],
  routes: [],
  rules: [],
  neighbours: [],
  forwarding: [],
  sockets: [],
  sysctls: new Map(),
  nft,
  xtables: [],
  unread: [],
});

const OWN = new Set(["192.0.2.1", "203.0.113.2", "172.17.0.1", "10.1.0.1", "10.88.0.1"]);

/** 172.17/16 is behind docker0, all else behind eth0. */
export const routes: RouteView = {
  addressType: (address) => {
    const text = [...address].join(".");
    if (OWN.has(text) || text.startsWith("127.")) return 2;
    return (address[0] ?? 0) >= 224 && address.length === 4 ? 5 : 1;
  },
  outputLink: (to) => (to[0] === 172 && to[1] === 17 ? LINKS.docker0 : LINKS.eth0),
  macOf: () => undefined,
};

export const newConnection = (packet: Packet): ConnectionView => {
  const nothing = new Uint8Array(4);
  const source = addressBytesOf(packet, "source") ?? nothing;
  const destination = addressBytesOf(packet, "destination") ?? nothing;
  const [sourcePort, destinationPort] = [portOf(packet, "source") ?? 0, portOf(packet, "destination") ?? 0];
  const shared = { family: source.length === 4 ? 4 : 6, protocol: packet.protocol ?? 0 } as const;
  return {
    state: "new",
    direction: "original",
    mark: 0,
    zone: 0,
    status: 0,
    original: { ...shared, source, destination, sourcePort, destinationPort },
    reply: {
      ...shared,
      source: destination,
      destination: source,
      sourcePort: destinationPort,
      destinationPort: sourcePort,
    },
  };
};

/** TCP to a port by default. */
export function packetTo(
  destination: string,
  { from = "10.0.0.9", ...more }: Partial<PacketSpec> & { from?: string } = {},
  carries: Carried = tcp(80),
): Packet {
  return makePacket({
    source: parseAddress(from),
    destination: parseAddress(destination),
    carries,
    ...more,
  });
}

export const tcp = (destinationPort: number, sourcePort = 40000): Carried => ({
  kind: "tcp",
  sourcePort,
  destinationPort,
  flags: "syn",
});
export const udp = (destinationPort: number, sourcePort = 40000): Carried => ({
  kind: "udp",
  sourcePort,
  destinationPort,
});

/** The firewall of the namespace that the test runs in. */
export class Firewall {
  readonly #context = openContext();
  readonly #nft = new Nft(this.#context);
  readonly socket = new NetlinkSocket(NETLINK_NETFILTER);

  /** In the place of what was there. */
  load(text: string): NftRuleset {
    this.#nft.run("load", `flush ruleset\n${text}\n`);
    return this.read();
  }

  read(): NftRuleset {
    return readRuleset(this.socket);
  }

  close(): void {
    this.socket.close();
    closeContext(this.#context);
  }
}

export interface Asked {
  readonly hook?: HookName;
  readonly layer?: Layer;
  readonly around?: Partial<Surroundings>;
  readonly extensions?: Extensions;
  /** False where tracking has not looked at the packet. */
  readonly tracked?: boolean;
  /** It was made here: it came in by no link. */
  readonly from?: "here";
}

/** It came in by eth0, the first of its connection, unless it is said otherwise. */
function surroundings(
  ruleset: NftRuleset,
  packet: Packet,
  {
    hook = "input",
    layer = packet.etherType === 0x86dd ? "ip6" : "ip",
    around = {},
    tracked = true,
    from,
  }: Asked = {},
): Surroundings {
  return {
    namespace: namespaceWith(ruleset),
    layer,
    hook,
    ...(from !== "here" && { in: LINKS.eth0 }),
    packetType: 0,
    routes,
    ...(tracked && { connection: newConnection(packet) }),
    ...around,
  };
}

export const ask = (ruleset: NftRuleset, packet: Packet, asked: Asked = {}): readonly Outcome[] =>
  askIn(packet, surroundings(ruleset, packet, asked), asked.extensions);

/** All stages of the hook, one after another, as long as they accept; each way of those before goes through the next. */
function askIn(
  packet: Packet,
  around: Surroundings,
  extensions: Extensions = NO_EXTENSIONS,
): readonly Outcome[] {
  let outcomes: readonly Outcome[] = [{ verdict: { do: "accept" }, met: [], packet, assumptions: [] }];
  for (const stage of nftStages(around.namespace, around.layer, around.hook, extensions)) {
    outcomes = outcomes.flatMap((before) =>
      before.verdict.do === "accept"
        ? stage.run(before.packet, marked(around, before)).map((after) => joined(before, after))
        : [before],
    );
  }
  return outcomes;
}

const marked = (around: Surroundings, { connectionMark }: Outcome): Surroundings =>
  around.connection && connectionMark !== undefined
    ? { ...around, connection: { ...around.connection, mark: connectionMark } }
    : around;

const joined = (before: Outcome, after: Outcome): Outcome => ({
  ...before,
  ...after,
  met: [...before.met, ...after.met],
  assumptions: [...before.assumptions, ...after.assumptions],
});

/** `accept`, `drop`, `reject …`; of several, joined by ` or `. With the translation that was asked for. */
export const verdicts = (outcomes: readonly Outcome[]): string =>
  outcomes
    .map(({ verdict, translation }) => {
      const does = verdict.do === "reject" ? `reject with ${verdict.with}` : verdict.do;
      return translation ? `${does} ${translation.what}` : does;
    })
    .join(" or ");

/** What the rules that were met did, without policies. */
export const done = (outcomes: readonly Outcome[]): string[] =>
  outcomes.flatMap(({ met }) => met.filter(({ rule }) => "handle" in rule).map(({ does }) => does));
