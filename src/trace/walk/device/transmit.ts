/** A link is handed a packet: __dev_queue_xmit (net/core/dev.c), and what each kind of link does with it. */
import type { LinkRef } from "../../../observe/types.ts";
import { lengthOf, macOfPacket } from "../../packet/packet.ts";
import type { DropReason } from "../../types.ts";
import type { Fate } from "../fate.ts";
import { passHook } from "../hook.ts";
import { nameOf, otherEnd, type Port } from "../port.ts";
import { PACKET, type Skb, scrubbed } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { bridgeTransmit } from "./bridge.ts";
import { leave } from "./leave.ts";
import { macvlanTransmit } from "./macvlan.ts";
import { arrive } from "./receive.ts";

export const refOf = ({ namespace, link }: Port): LinkRef => ({
  namespace: namespace.id,
  ifindex: link.ifindex,
});

/** Bytes of IP that the largest piece of it has. */
export const sizeOf = (skb: Skb): number => skb.fragment ?? lengthOf(skb.packet);

/** is_skb_forwardable: a frame may be longer than the MTU by a VLAN tag, and no more. */
const TAG = 4;
export const fits = (skb: Skb, mtu: number): boolean => sizeOf(skb) <= mtu + TAG;

/** IF_OPER_*: no packet is queued at a link without a carrier; its queue is then noop_qdisc. */
function unable(port: Port): DropReason | undefined {
  const { link } = port;
  if (!link.up) return { code: "link-down", text: `${nameOf(port)} is down` };
  if (link.carrier || link.loopback) return undefined;
  return { code: "no-carrier", text: `${nameOf(port)} has no carrier: ${carrierOf(port)}` };
}

function carrierOf({ link }: Port): string {
  if (link.kind === "veth") return "its other end is down or gone";
  return link.kind === "bridge" ? "none of its ports is up" : "its cable is out, or what it leads to is down";
}

/** Out of `port`, with the header that the link needs. */
export function transmit(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  if (!walk.steps()) {
    return walk.drop(namespace, skb, {
      code: "kernel",
      text: `the packet goes round in circles at ${nameOf(port)}`,
    });
  }
  const why = unable(port);
  if (why) return walk.drop(namespace, skb, why);
  const passed = passHook(walk, { namespace, layer: "netdev", hook: "egress", out: link.ifindex }, skb);
  if (passed.fate) return passed.fate;
  if (skb.bears !== "discovery") doubts(walk, port);
  walk.tell(namespace, { kind: "out", link: refOf(port), name: link.name }, passed.skb.packet);
  return carry(walk, port, passed.skb);
}

/** What looks at packets here, and can't be predicted. */
export function doubts(walk: Walk, port: Port): void {
  const { link } = port;
  if (link.xdp) walk.doubt(`an XDP program at ${nameOf(port)} may do anything with the packet`);
  if (link.qdisc)
    walk.doubt(`traffic control at ${nameOf(port)} (${link.qdisc}) may drop, delay or change the packet`);
}

function carry(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  if (link.loopback) return arrive(walk, port, { ...skb, routed: true });
  if (link.macvlanMode !== undefined) return macvlanTransmit(walk, port, skb);
  if (link.vlanId !== undefined) return below(walk, port, { ...skb, vlan: link.vlanId });
  switch (link.kind) {
    case "veth":
      return acrossPair(walk, port, skb);
    case "bridge":
      return bridgeTransmit(walk, port, skb);
    case "dummy":
      return walk.drop(namespace, skb, {
        code: "kernel",
        text: `${nameOf(port)} is a dummy: it swallows what it is given`,
      });
    case "vrf":
    case "ipvlan":
      walk.doubt(`what ${nameOf(port)} (${link.kind}) does with the packet is not predicted`);
      return leave(walk, port, skb);
    default:
      return leave(walk, port, skb);
  }
}

/** A link that stands upon another. */
export function below(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  const lower = otherEnd(walk.topology, link);
  if (lower) return transmit(walk, lower, scrubbed(skb, lower.namespace !== namespace));
  walk.doubt(`what ${nameOf(port)} stands upon is in a namespace that can't be seen from here`);
  return leave(walk, port, skb);
}

/** veth_xmit, __dev_forward_skb: what goes in at one end comes out at the other. */
function acrossPair(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  const peer = otherEnd(walk.topology, link);
  if (!peer) {
    walk.doubt(`the other end of ${nameOf(port)} is in a namespace that can't be seen from here`);
    return leave(walk, port, skb);
  }
  if (!peer.link.up) {
    return walk.drop(namespace, skb, {
      code: "link-down",
      text: `${nameOf(peer)}, the other end of ${nameOf(port)}, is down`,
    });
  }
  if (!fits(skb, peer.link.mtu)) {
    const text = `${sizeOf(skb)} bytes are too many for ${nameOf(peer)}, whose MTU is ${peer.link.mtu}: ${nameOf(port)} lets them through, and nobody is told`;
    return walk.drop(namespace, skb, { code: "too-big", text });
  }
  return arrive(walk, peer, scrubbed(skb, peer.namespace !== namespace));
}

/** eth_type_trans: whose a frame is, as the link sees it that takes it in. */
export function packetTypeAt({ link }: Port, { packet }: Skb): number {
  const to = macOfPacket(packet, "destination");
  if (to === undefined || link.loopback || link.hardware !== 1) return PACKET.host;
  if (to === "ff:ff:ff:ff:ff:ff") return PACKET.broadcast;
  if (Number.parseInt(to.slice(0, 2), 16) & 1) return PACKET.multicast;
  return to === link.mac ? PACKET.host : PACKET.otherHost;
}
