/** What comes back to whoever asked: the answer, if it is the one that is waited for. */
import { type Address, formatAddress, sameAddress } from "../../../lib/ip.ts";
import { addressOf, echoIdentifierOf, icmpOf, portOf } from "../../packet/packet.ts";
import type { Packet } from "../../packet/types.ts";
import type { Fate } from "../fate.ts";
import type { Port } from "../port.ts";
import type { Skb } from "../skb.ts";
import type { Walk } from "../walk.ts";

const withPort = (address: Address | undefined, port: number | undefined): string => {
  if (!address) return "nowhere";
  const text =
    address.family === 6 && port !== undefined ? `[${formatAddress(address)}]` : formatAddress(address);
  return port === undefined ? text : `${text}:${port}`;
};

const portFrom = (packet: Packet): number | undefined => portOf(packet, "source");

/** A connected socket takes what comes from where it asked, and to where it asked from. */
export function comesHome(walk: Walk, { namespace }: Port, skb: Skb): Fate {
  const { packet } = skb;
  const { asked } = walk;
  // A sender who was said to be outside may be found to be here.
  const elsewhere = asked?.namespace !== undefined && asked.namespace !== namespace.id;
  if (!asked || elsewhere) {
    const to = withPort(addressOf(packet, "destination"), portOf(packet, "destination"));
    const text = `it arrives at ${to} in ${namespace.name}, and not where the question came from`;
    return walk.drop(namespace, skb, { code: "reply-lost", text });
  }
  const from = addressOf(packet, "source");
  const to = addressOf(packet, "destination");
  const right =
    from !== undefined &&
    to !== undefined &&
    sameAddress(from, asked.to) &&
    sameAddress(to, asked.from) &&
    portFrom(packet) === asked.toPort &&
    (portOf(packet, "destination") ?? echoIdentifierOf(packet)) === asked.fromPort;
  if (right) {
    walk.tell(namespace, { kind: "local", to: "whoever asked: the answer is there" }, packet);
    return { end: "reached" };
  }
  const text = `it comes from ${withPort(from, portFrom(packet))}, but ${namespace.name} asked ${withPort(asked.to, asked.toPort)}, and waits for nobody else`;
  return walk.drop(namespace, skb, { code: "reply-lost", text });
}

const TOLD = new Map([
  ["1 3/0", "that there is no way to this network"],
  ["1 3/1", "that there is no way to this host"],
  ["1 3/3", "that nobody receives at this port"],
  ["1 3/4", "that the packet is too big"],
  ["1 3/9", "that this network is prohibited"],
  ["1 3/10", "that this host is prohibited"],
  ["1 3/13", "that a firewall forbids it"],
  ["1 11/0", "that its time to live was used up"],
  ["58 1/0", "that there is no route"],
  ["58 1/1", "that a firewall forbids it"],
  ["58 1/3", "that there is no way to this address"],
  ["58 1/4", "that nobody receives at this port"],
  ["58 2/0", "that the packet is too big"],
  ["58 3/0", "that its time to live was used up"],
]);

/** An error arrives: what the sender's program gets to know. */
export function isTold(walk: Walk, { namespace }: Port, { packet }: Skb): Fate {
  const icmp = icmpOf(packet);
  const known = icmp && TOLD.get(`${packet.protocol} ${icmp.type}/${icmp.code}`);
  const what = icmp ? (known ?? "that it can't be delivered") : "that the connection is refused";
  walk.tell(namespace, { kind: "local", to: `the sender, who is told ${what}` }, packet);
  return { end: "reached" };
}
