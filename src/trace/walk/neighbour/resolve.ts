/** Whose MAC address a packet goes to: neigh_resolve_output (net/core/neighbour.c). */
import { type Address, addressBytes, formatAddress, type Mac, sameAddress } from "../../../lib/ip.ts";
import { isMulticast } from "../../../lib/ip-kinds.ts";
import { RTN } from "../../../linux/rtnetlink/route-numbers.ts";
import { placeOf } from "../../../observe/place.ts";
import { BROADCAST_MAC, multicastMac } from "../../packet/make.ts";
import type { DropReason } from "../../types.ts";
import { refOf } from "../device/transmit.ts";
import type { Answerer, Fate } from "../fate.ts";
import { routeViewOf } from "../fib/view.ts";
import { nameOf, type Port, portAt } from "../port.ts";
import { listed } from "../sentences.ts";
import type { Skb } from "../skb.ts";
import { SOMEBODY, type Walk } from "../walk.ts";
import { askByArp } from "./arp.ts";
import { askBySolicitation } from "./solicitation.ts";

/** NUD_*, linux/neighbour.h. */
const NUD = {
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
};
const VALID = NUD.reachable | NUD.stale | NUD.delay | NUD.probe | NUD.noArp | NUD.permanent;

/** Those of which the kernel has no doubt, NUD_CONNECTED. */
const CONNECTED = NUD.reachable | NUD.noArp | NUD.permanent;

const ARPHRD_ETHER = 1;

/** `mac` is absent where the link needs none. */
export type Resolved = { readonly mac?: Mac; readonly fate?: undefined } | { readonly fate: Fate };

/** @param address the next hop */
export function resolve(walk: Walk, port: Port, address: Address, skb: Skb): Resolved {
  const { namespace, link } = port;
  if (link.loopback || link.noArp || link.hardware !== ARPHRD_ETHER) return {};
  if (isMulticast(address)) return { mac: multicastMac(address) };
  const type = routeViewOf(namespace).addressType(addressBytes(address), link.ifindex);
  if (type === RTN.broadcast) return { mac: BROADCAST_MAC };
  const known = knownMac(walk, port, address);
  if (known) {
    if (skb.bears !== "discovery") {
      walk.tell(namespace, { kind: "neighbour", address, mac: known, how: "known" }, skb.packet);
    }
    return { mac: known };
  }
  return ask(walk, port, address, skb);
}

function knownMac(walk: Walk, { namespace, link }: Port, address: Address): Mac | undefined {
  const entry = placeOf(namespace).neighbour(link.ifindex, address);
  // What somebody set by hand is not learned anew.
  const fixed = entry && entry.state & NUD.permanent ? entry.mac : undefined;
  const learned = walk.memory.neighbour({ namespace: namespace.id, ifindex: link.ifindex }, address);
  if (fixed ?? learned) return fixed ?? learned;
  return entry && entry.state & VALID ? entry.mac : undefined;
}

/** Whether a packet may be given to a neighbour with no further thought of how it is reached. */
export const isConnected = (walk: Walk, { namespace, link }: Port, address: Address): boolean =>
  walk.memory.neighbour({ namespace: namespace.id, ifindex: link.ifindex }, address) !== undefined ||
  ((placeOf(namespace).neighbour(link.ifindex, address)?.state ?? 0) & CONNECTED) !== 0;

function ask(walk: Walk, port: Port, address: Address, skb: Skb): Resolved {
  const { namespace, link } = port;
  const asked = walk.aside(() =>
    address.family === 4 ? askByArp(walk, port, address, skb) : askBySolicitation(walk, port, address, skb),
  );
  const answers = asked.end === "answered" ? distinct(asked.by) : [];
  const beyond = asked.end === "answered" && asked.beyond;
  const failed = (placeOf(namespace).neighbour(link.ifindex, address)?.state ?? 0) & NUD.failed;
  const answer = answers.length > 1 ? oneOf(walk, port, address, answers) : answers[0];
  const mac = answer?.mac ?? (beyond && !failed ? SOMEBODY : undefined);
  if (!mac) {
    walk.tell(namespace, { kind: "neighbour", address, how: "unanswered" }, skb.packet);
    const why = asked.end === "dropped" ? asked.reason : asked.end === "answered" ? asked.why : undefined;
    return { fate: walk.drop(namespace, skb, unanswered(walk, port, address, why)) };
  }
  if (!answer) {
    walk.assume(
      `somebody who can't be seen from here answers for ${formatAddress(address)}, asked by ${nameOf(port)}`,
    );
  }
  walk.tell(namespace, { kind: "neighbour", address, ...(answer && { mac }), how: "asked" }, skb.packet);
  walk.memory.learnNeighbour(refOf(port), address, mac);
  return { mac };
}

const distinct = (answers: readonly Answerer[]): readonly Answerer[] =>
  answers.filter((answer, i) => answers.findIndex(({ mac }) => mac === answer.mac) === i);

/** Two answer, and whoever is heard first, or last, has it. */
function oneOf(walk: Walk, port: Port, address: Address, answers: readonly Answerer[]): Answerer | undefined {
  const text = formatAddress(address);
  const who = answers.map((answer) => whoIs(walk, answer));
  walk.doubt(`${text} is in use more than once: ${listed(who)} all answer for it on ${nameOf(port)}`);
  const answer = walk.choose(answers);
  if (answer) walk.assume(`of those who answer for ${text}, ${whoIs(walk, answer)} is believed`);
  return answer;
}

const whoIs = (walk: Walk, { mac, namespace, link }: Answerer): string =>
  `${link} of ${walk.topology.namespaces.get(namespace)?.name ?? "somebody"} (${mac})`;

/** Nobody: because nobody has it, or because the question or its answer does not come through. */
function unanswered(walk: Walk, port: Port, address: Address, why: DropReason | undefined): DropReason {
  const text = `nobody on ${nameOf(port)} answers for ${formatAddress(address)}`;
  if (why) {
    return {
      ...why,
      code: "no-neighbour",
      text: `${text}: the ${address.family === 4 ? "ARP" : "neighbour discovery"} question or its answer is lost, since ${why.text}`,
    };
  }
  const holder = holderOf(walk, address);
  return {
    code: "no-neighbour",
    text: holder ? `${text}; ${holder}, but can't be reached by that link` : text,
  };
}

/** Somebody here who has the address, though he did not hear the question. */
function holderOf(walk: Walk, address: Address): string | undefined {
  for (const namespace of walk.topology.namespaces.values()) {
    const held = namespace.addresses.find((one) => sameAddress(one.address.address, address));
    const there = held && portAt(walk.topology, namespace.id, held.ifindex);
    if (there && held) return `${nameOf(there)} has it${held.tentative ? ", not yet confirmed" : ""}`;
  }
  return undefined;
}
