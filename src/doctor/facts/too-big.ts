/**
 * What a router says of a packet that does not fit (RFC 1191, RFC 8201), on its way back to the container that sent it:
 * whether rules of this machine let it through. It belongs to the container's connection, so its state is `related`.
 */
import { type Address, addressBytes } from "../../lib/ip.ts";
import { PROTOCOL } from "../../lib/protocols.ts";
import type { Namespace } from "../../observe/types.ts";
import { stagesOf } from "../../trace/firewall/stages.ts";
import type { ConnectionTuple, ConnectionView, HookName, Surroundings } from "../../trace/firewall/types.ts";
import { makePacket } from "../../trace/packet/make.ts";
import type { Packet } from "../../trace/packet/types.ts";
import type { RuleRef } from "../../trace/types.ts";
import { routeViewOf } from "../../trace/walk/fib/view.ts";

/** The connection that it is about, and where it was translated. */
export interface About {
  readonly host: Namespace;
  /** The links of the host that it comes in and goes on by. */
  readonly uplink: number;
  readonly bridge: number;
  readonly home: Namespace;
  /** The container's own link. */
  readonly link: number;
  readonly container: Address;
  /** What the world knows it by. */
  readonly outside: Address;
  readonly peer: Address;
  readonly router: Address;
}

const [PORT, SOURCE_PORT] = [443, 40_000] as const;
/** IPS_SEEN_REPLY, IPS_CONFIRMED, IPS_SRC_NAT, IPS_SRC_NAT_DONE, linux/netfilter/nf_conntrack_common.h. */
const STATUS = 0x02 | 0x08 | 0x10 | 0x80;
/** Type and code, and the MTU that is told. */
const TOO_BIG = { 4: [3, 4, 1400], 6: [2, 0, 1400] } as const;

export interface Dropped {
  readonly namespace: Namespace;
  readonly hook: HookName;
  readonly rule: RuleRef;
}

/** Undefined where it arrives, or where that can't be told. */
export function whereTooBigEnds(about: About): Dropped | undefined {
  const { host, home, uplink, bridge, link, outside, container } = about;
  const [before, after] = [messageTo(about, outside), messageTo(about, container)];
  return (
    endAt(about, host, "prerouting", { in: uplink }, before) ??
    endAt(about, host, "forward", { in: uplink, out: bridge }, after) ??
    endAt(about, home, "prerouting", { in: link }, after) ??
    endAt(about, home, "input", { in: link }, after)
  );
}

/** With a copy of the packet that it is about, as it was sent to there. */
function messageTo({ router, peer }: About, to: Address): Packet {
  const [type, code, rest] = TOO_BIG[to.family];
  const about = makePacket({
    source: to,
    destination: peer,
    dontFragment: to.family === 4,
    carries: { kind: "tcp", sourcePort: SOURCE_PORT, destinationPort: PORT, flags: "ack" },
  });
  return makePacket({
    source: router,
    destination: to,
    carries: { kind: "icmp-error", type, code, rest, about },
  });
}

function endAt(
  about: About,
  namespace: Namespace,
  hook: HookName,
  links: Pick<Surroundings, "in" | "out">,
  packet: Packet,
): Dropped | undefined {
  const layer = about.container.family === 4 ? "ip" : "ip6";
  const around: Surroundings = {
    namespace,
    layer,
    hook,
    ...links,
    connection: connectionOf(about, namespace),
    packetType: 0,
    routes: routeViewOf(namespace),
  };
  for (const stage of stagesOf(namespace, layer, hook)) {
    // Translations are the connection's, chosen by its first packet.
    if (stage.type === "nat") continue;
    const verdicts = stage.run(packet, around).map(({ verdict }) => verdict);
    const [first] = verdicts;
    if (!first || !verdicts.every((one) => one.do === "drop" || one.do === "reject")) continue;
    if (first.do === "drop" || first.do === "reject") return { namespace, hook, rule: first.by };
  }
  return undefined;
}

/** The host's is translated, the container's is not. */
function connectionOf({ host, container, outside, peer }: About, namespace: Namespace): ConnectionView {
  const tuple = (from: Address, to: Address, ports: readonly [number, number]): ConnectionTuple => ({
    family: from.family,
    protocol: PROTOCOL.tcp,
    source: addressBytes(from),
    destination: addressBytes(to),
    sourcePort: ports[0],
    destinationPort: ports[1],
  });
  return {
    state: "related",
    direction: "reply",
    mark: 0,
    zone: 0,
    status: namespace === host ? STATUS : STATUS & ~0x90,
    original: tuple(container, peer, [SOURCE_PORT, PORT]),
    reply: tuple(peer, namespace === host ? outside : container, [PORT, SOURCE_PORT]),
  };
}
