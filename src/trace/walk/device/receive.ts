/** A link takes a packet in: __netif_receive_skb_core (net/core/dev.c). */
import { ETHERTYPE } from "../../../lib/protocols.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Fate } from "../fate.ts";
import { passHook } from "../hook.ts";
import { ipReceive } from "../ip/receive.ts";
import { arpReceive } from "../neighbour/arp.ts";
import { nameOf, type Port, stackedOn } from "../port.ts";
import type { Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { bridgeReceive } from "./bridge.ts";
import { copies } from "./copies.ts";
import { isGroup, macvlanReceivers } from "./macvlan.ts";
import { doubts, packetTypeAt, refOf } from "./transmit.ts";

/** From a wire, or what stands for one. */
export const arrive = (walk: Walk, port: Port, skb: Skb): Fate =>
  receive(walk, port, { ...skb, packetType: packetTypeAt(port, skb) });

/** By a link, whose it is being known. */
export function receive(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  if (!link.up) return walk.drop(namespace, skb, { code: "link-down", text: `${nameOf(port)} is down` });
  walk.tell(namespace, { kind: "in", link: refOf(port), name: link.name }, skb.packet);
  if (skb.bears !== "discovery") doubts(walk, port);
  const ingress = { namespace, layer: "netdev", hook: "ingress", in: link.ifindex } as const;
  const passed = passHook(walk, ingress, skb);
  if (passed.fate) return passed.fate;
  const stacked = stackedOn(walk.topology, port);
  if (passed.skb.vlan !== undefined) return untagged(walk, port, stacked, passed.skb);
  const master = link.master === undefined ? undefined : placeOf(namespace).link(link.master);
  if (master?.kind === "bridge") return bridgeReceive(walk, port, { namespace, link: master }, passed.skb);
  const macvlans = stacked.filter((upper) => upper.link.macvlanMode !== undefined);
  if (macvlans.length > 0) {
    const receivers = macvlanReceivers(walk, port, macvlans, passed.skb);
    if (isGroup(passed.skb.packetType)) {
      return copies(walk, passed.skb, [...receivers, () => upwards(walk, port, passed.skb)]);
    }
    const [receiver] = receivers;
    if (receiver) return receiver();
  }
  if (master?.kind === "bond" || master?.kind === "team") {
    return receive(walk, { namespace, link: master }, passed.skb);
  }
  if (master?.kind === "vrf")
    walk.doubt(`${nameOf(port)} is in the VRF ${master.name}, whose hooks are not predicted`);
  return upwards(walk, port, passed.skb);
}

/** vlan_do_receive: to the link of this tag, which takes it off. */
function untagged(walk: Walk, port: Port, stacked: readonly Port[], skb: Skb): Fate {
  const { vlan, ...plain } = skb;
  const upper = stacked.find(({ link }) => link.vlanId === vlan);
  if (upper) return arrive(walk, upper, plain);
  const text = `${nameOf(port)} has no link for VLAN ${vlan}`;
  return walk.drop(port.namespace, skb, { code: "wrong-mac", text });
}

/** To the protocol that it carries. */
function upwards(walk: Walk, port: Port, skb: Skb): Fate {
  return skb.packet.etherType === ETHERTYPE.arp ? arpReceive(walk, port, skb) : ipReceive(walk, port, skb);
}
