/** Neighbour discovery, RFC 4861, as Linux asks and answers: ndisc_solicit, ndisc_recv_ns (net/ipv6/ndisc.c). */
import { type Address, addressFromBytes } from "../../../lib/ip.ts";
import { isLinkLocal } from "../../../lib/ip-kinds.ts";
import { forwards } from "../../../observe/lookup.ts";
import { placeOf } from "../../../observe/place.ts";
import { makePacket, solicitedNode } from "../../packet/make.ts";
import { addressOf, icmpOf, macOfPacket } from "../../packet/packet.ts";
import type { Packet } from "../../packet/types.ts";
import { refOf } from "../device/transmit.ts";
import { type Fate, UNANSWERED } from "../fate.ts";
import { localOut } from "../ip/output.ts";
import type { Port } from "../port.ts";
import { ipv6Off } from "../settings.ts";
import { PACKET, type Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";

const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const TARGET = 8;

/** Under the packet's source where that is the link's own, or under its link-local address. */
function senderOf({ namespace, link }: Port, skb: Skb): Address | undefined {
  const source = addressOf(skb.packet, "source");
  const own = placeOf(namespace)
    .addressesOn(link.ifindex)
    .filter(({ address }) => address.address.family === 6);
  return (
    own.find(({ address }) => address.address.bits === source?.bits && source.family === 6) ??
    own.find(({ address, tentative }) => isLinkLocal(address.address) && !tentative)
  )?.address.address;
}

export function askBySolicitation(walk: Walk, port: Port, target: Address, skb: Skb): Fate {
  const { link } = port;
  const source = senderOf(port, skb);
  if (!link.mac || !source || ipv6Off(port.namespace, link)) return UNANSWERED;
  const packet = makePacket({
    source,
    destination: solicitedNode(target),
    carries: { kind: "neighbour-solicitation", target, mac: link.mac },
  });
  return send(walk, port, { packet, bears: "discovery", packetType: PACKET.host, asker: refOf(port) });
}

const send = (walk: Walk, port: Port, skb: Skb): Fate =>
  localOut(walk, port.namespace, skb, { out: port.link, mtu: port.link.mtu });

const targetOf = ({ bytes, transport }: Packet): Address | undefined =>
  transport === undefined || bytes.length < transport + TARGET + 16
    ? undefined
    : addressFromBytes(bytes.subarray(transport + TARGET, transport + TARGET + 16));

/** ndisc_rcv, behind IPv6's input hook. */
export function discoveryReceive(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  const type = icmpOf(skb.packet)?.type;
  const mac = macOfPacket(skb.packet, "source");
  const target = targetOf(skb.packet);
  const source = addressOf(skb.packet, "source");
  if (!mac || !target || !source || !link.mac) return UNANSWERED;
  if (type === ADVERTISEMENT) {
    const { asker } = skb;
    const awaited = asker?.namespace === namespace.id && asker.ifindex === link.ifindex;
    return awaited
      ? { end: "answered", by: [{ ...walk.answering(mac), mac, address: target }], beyond: false }
      : UNANSWERED;
  }
  if (type !== SOLICITATION || !answers(port, target)) return UNANSWERED;
  walk.memory.learnNeighbour(refOf(port), source, mac);
  walk.answers(link.mac, port);
  const packet = makePacket({
    source: target,
    destination: source,
    carries: { kind: "neighbour-advertisement", target, mac: link.mac, solicited: true },
  });
  const { tracked, bridged, ...rest } = skb;
  return send(walk, port, { ...rest, packet, packetType: PACKET.host });
}

/** For addresses of this very link alone, that are no longer tentative; and as a proxy. */
function answers({ namespace, link }: Port, target: Address): boolean {
  const own = placeOf(namespace)
    .addressesOn(link.ifindex)
    .some(({ address, tentative, duplicate }) => {
      const { family, bits } = address.address;
      return family === 6 && bits === target.bits && !tentative && !duplicate;
    });
  return (
    own ||
    (forwards(namespace, link, 6) &&
      link.settings?.proxyNdp === true &&
      placeOf(namespace).proxied(link.ifindex, target))
  );
}
