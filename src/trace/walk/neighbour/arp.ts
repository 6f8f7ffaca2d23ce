/** ARP, RFC 826, as Linux asks and answers: arp_solicit, arp_rcv, arp_process (net/ipv4/arp.c). */
import { type Address, contains, sameAddress } from "../../../lib/ip.ts";
import { isLoopback, isMulticast } from "../../../lib/ip-kinds.ts";
import { ETHERTYPE } from "../../../lib/protocols.ts";
import { RT_SCOPE, RTN } from "../../../linux/rtnetlink/route-numbers.ts";
import { forwards } from "../../../observe/lookup.ts";
import { placeOf } from "../../../observe/place.ts";
import type { Namespace, ObservedLink } from "../../../observe/types.ts";
import { makeArp } from "../../packet/make.ts";
import { addressOf, macOfPacket } from "../../packet/packet.ts";
import type { DropReason } from "../../types.ts";
import { refOf, transmit } from "../device/transmit.ts";
import { type Fate, UNANSWERED } from "../fate.ts";
import { type InputRoute, inputRoute } from "../fib/input.ts";
import { selectAddress } from "../fib/source4.ts";
import { passHook } from "../hook.ts";
import { nameOf, type Port } from "../port.ts";
import { either, larger } from "../settings.ts";
import { PACKET, type Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";

const REQUEST = 1;
/** Where the operation lies, and the sender's MAC address, RFC 826. */
const OPERATION = 7;

/** arp_solicit: under the packet's own source, where that is ours and `arp_announce` lets it. */
function senderOf({ namespace, link }: Port, target: Address, skb: Skb): Address | undefined {
  const source = addressOf(skb.packet, "source");
  const announce = larger(namespace, link, "arpAnnounce");
  const held = source && skb.packet.etherType === ETHERTYPE.ip ? placeOf(namespace).holders(source) : [];
  const near = held.some(
    ({ ifindex, address }) =>
      announce === 0 || (announce === 1 && ifindex === link.ifindex && contains(address, target)),
  );
  return source && near ? source : selectAddress(namespace, link.ifindex, target, RT_SCOPE.link);
}

/** What everybody answers who hears it. */
export function askByArp(walk: Walk, port: Port, target: Address, skb: Skb): Fate {
  const { namespace, link } = port;
  const sender = senderOf(port, target, skb);
  if (!link.mac || !sender) return UNANSWERED;
  const packet = makeArp({
    operation: "request",
    sender: { mac: link.mac, address: sender },
    target: { address: target },
  });
  return arpSend(
    walk,
    port,
    { packet, bears: "discovery", packetType: PACKET.host, asker: refOf(port) },
    namespace,
  );
}

/** arp_xmit */
function arpSend(walk: Walk, port: Port, skb: Skb, namespace: Namespace): Fate {
  const passed = passHook(walk, { namespace, layer: "arp", hook: "output", out: port.link.ifindex }, skb);
  return passed.fate ?? transmit(walk, port, passed.skb);
}

export function arpReceive(walk: Walk, port: Port, skb: Skb): Fate {
  const { namespace, link } = port;
  if (link.noArp || link.loopback || skb.packetType === PACKET.otherHost) return UNANSWERED;
  const passed = passHook(walk, { namespace, layer: "arp", hook: "input", in: link.ifindex }, skb);
  if (passed.fate) return passed.fate;
  const { packet } = passed.skb;
  const sender = addressOf(packet, "source");
  const target = addressOf(packet, "destination");
  const mac = macOfPacket(packet, "source");
  if (!sender || !target || !mac) return UNANSWERED;
  if (packet.bytes[packet.network + OPERATION] !== REQUEST) {
    const { asker } = skb;
    const awaited = asker?.namespace === namespace.id && asker.ifindex === link.ifindex;
    return awaited
      ? { end: "answered", by: [{ ...walk.answering(mac), mac, address: sender }], beyond: false }
      : UNANSWERED;
  }
  const route = routeOf(walk, port, sender, target);
  if (!link.mac || !answers(port, sender, target, route)) return silent(port, target, route);
  // neigh_event_ns: who asks is known from then on.
  walk.memory.learnNeighbour(refOf(port), sender, mac);
  walk.answers(link.mac, port);
  const reply = makeArp({
    operation: "reply",
    sender: { mac: link.mac, address: target },
    target: { mac, address: sender },
  });
  return arpSend(walk, port, { ...skb, packet: reply, packetType: PACKET.host }, namespace);
}

function routeOf(walk: Walk, { namespace, link }: Port, sender: Address, target: Address): InputRoute {
  const query = { family: 4, to: target, from: sender, in: link.ifindex, mark: 0 } as const;
  return inputRoute(namespace, link, query, walk.hopOf(namespace));
}

/** arp_process: for its own addresses, and as a proxy. */
function answers({ namespace, link }: Port, sender: Address, target: Address, route: InputRoute): boolean {
  if (isMulticast(target) || (isLoopback(target) && !either(namespace, link, "routeLocalnet"))) return false;
  if (route.way === "local") {
    return route.found?.route.type === RTN.local && !ignored(namespace, link, sender, target);
  }
  if (route.way !== "forward" || !forwards(namespace, link, 4) || route.out.ifindex === link.ifindex)
    return false;
  return either(namespace, link, "proxyArp") || placeOf(namespace).proxied(link.ifindex, target);
}

/** Who has the address, and keeps silent: why. */
function silent(port: Port, target: Address, route: InputRoute): Fate {
  const { namespace, link } = port;
  if (placeOf(namespace).holders(target).length === 0) return UNANSWERED;
  const mode = larger(namespace, link, "arpIgnore");
  const ignores = `${nameOf(port)} has the address, and does not answer for it (arp_ignore is ${mode})`;
  const why: DropReason = route.way === "refused" ? route.reason : { code: "no-neighbour", text: ignores };
  return { ...UNANSWERED, why };
}

/** arp_ignore */
function ignored(namespace: Namespace, link: ObservedLink, sender: Address, target: Address): boolean {
  const mode = larger(namespace, link, "arpIgnore");
  if (mode === 0) return false;
  const here = placeOf(namespace)
    .addressesOn(link.ifindex)
    .filter(({ address }) => sameAddress(address.address, target));
  if (mode === 1) return here.length === 0;
  if (mode === 2) return !here.some(({ address }) => contains(address, sender));
  if (mode === 3)
    return placeOf(namespace)
      .holders(target)
      .every(({ scope }) => scope >= RT_SCOPE.link);
  return mode === 8;
}
