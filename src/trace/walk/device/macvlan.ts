/** Links with a MAC address of their own upon another one: macvlan_queue_xmit, macvlan_handle_frame (drivers/net/macvlan.c). */
import { macOfPacket } from "../../packet/packet.ts";
import type { Fate } from "../fate.ts";
import { otherEnd, type Port, stackedOn } from "../port.ts";
import { PACKET, type Skb, scrubbed } from "../skb.ts";
import type { Walk } from "../walk.ts";
import { copies } from "./copies.ts";
import { arrive } from "./receive.ts";
import { below, packetTypeAt } from "./transmit.ts";

export const isGroup = (type: number): boolean => type === PACKET.broadcast || type === PACKET.multicast;

/** In mode `bridge`, to others of that mode directly; all else goes out by the link below, and does not come back up to it. */
export function macvlanTransmit(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  const lower = otherEnd(walk.topology, link);
  if (!lower || link.macvlanMode !== "bridge") return below(walk, port, skb);
  const others = stackedOn(walk.topology, lower).filter(
    (other) => other.link !== link && other.link.macvlanMode === "bridge" && other.link.up,
  );
  const across = (other: Port) => () => arrive(walk, other, scrubbed(skb, other.namespace !== namespace));
  if (isGroup(packetTypeAt(port, skb))) {
    return copies(walk, skb, [...others.map(across), () => below(walk, port, skb)]);
  }
  const to = macOfPacket(skb.packet, "destination");
  const other = others.find((one) => one.link.mac === to);
  return other ? across(other)() : below(walk, port, skb);
}

/** Whom a frame that the link below takes in is for, beside that link itself: all of a group's, or the one whose MAC address it has. */
export function macvlanReceivers(
  walk: Walk,
  port: Port,
  uppers: readonly Port[],
  skb: Skb,
): readonly (() => Fate)[] {
  const up = uppers.filter(({ link }) => link.up);
  const into = (upper: Port) => () => arrive(walk, upper, scrubbed(skb, upper.namespace !== port.namespace));
  if (isGroup(skb.packetType)) return up.map(into);
  const to = macOfPacket(skb.packet, "destination");
  const upper = up.find(({ link }) => link.mac === to || link.macvlanMode === "passthru");
  return upper ? [into(upper)] : [];
}
