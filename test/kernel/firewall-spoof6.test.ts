/** What a container can't pretend by IPv6: frames as they are, and who sees them. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { before, describe, test } from "node:test";
import { type Address, type Mac, macBytes, parseAddress, parseMac } from "../../src/lib/ip.ts";
import { bridgeOptions, OPTION } from "../../src/network/bridge/options.ts";
import { linkLocalOf } from "../../src/network/interface.ts";
import { isolated } from "../support/isolated.ts";
import { sh } from "../support/probe.ts";
import { Lab, type Member } from "./firewall-lab.ts";
import { FrameSocket, udp } from "./network-frames.ts";
import {
  advertise,
  type Ends,
  fragment,
  icmp6,
  ipv6,
  linkLayer,
  NEXT,
  NONCE,
  options,
  type Part,
  solicit,
  udp6,
} from "./network-frames6.ts";

isolated(import.meta);

const lab = await Lab.start();
const net = await lab.network("net");
const a = await lab.join(net, "a");
const b = await lab.join(net, "b");
const v4 = await lab.network("v4", { ipv6: false, ipam: { config: [{ subnet: "10.9.0.0/24" }] } });
const c = await lab.join(v4, "c");
const d = await lab.join(v4, "d");
const open = await lab.network("open", { options: { [OPTION.spoofGuard]: "false" } });
const e = await lab.join(open, "e");
const f = await lab.join(open, "f");

const BROADCAST = "ff:ff:ff:ff:ff:ff" as Mac;
const ALL_NODES = parseAddress("ff02::1");
const NOBODYS = parseMac("02:42:0a:01:00:63");
const UNSPECIFIED = parseAddress("::");
const GATEWAY = parseAddress(lab.gateway(net, 6));

const macA = a.endpoint.mac;
const macB = b.endpoint.mac;
const own = parseAddress(a.address6);
const ownLocal = linkLocalOf(macA);
const theirs = parseAddress(b.address6);
const { name: bridge } = bridgeOptions(net);
const bridgeLocal = linkLocalOf(parseMac(sh(`cat /sys/class/net/${bridge}/address`).trim()));

const indexOf = (name: string): number => Number(sh(`ip netns exec ${name} cat /sys/class/net/eth0/ifindex`));
const MARK = "the last frame";

/** Which of the frames that `from` sends are seen by `to`. */
async function passing(from: Member, to: Member, frames: readonly Buffer[]): Promise<boolean[]> {
  using sender = new FrameSocket(from.netns, indexOf(from.name));
  using receiver = new FrameSocket(to.netns, indexOf(to.name));
  for (const each of frames) sender.send(each);
  const [source, target] = [from.endpoint.address.address, to.endpoint.address.address];
  sender.send(
    udp(to.endpoint.mac, from.endpoint.mac, { from: source, to: target, sport: 9, dport: 9, text: MARK }),
  );
  const seen = await receiver.receiveUntil((each) => each.includes(MARK));
  const all = new Set(seen.map((each) => each.toString("hex")));
  return frames.map((each) => all.has(each.toString("hex")));
}

/** A packet from a to b, or to all. */
const unicast = (ends: Ends, ...parts: readonly Part[]): Buffer => ipv6(macB, macA, ends, ...parts);
const toB = (from: Address): Ends => ({ from, to: theirs });
const toAll = (from: Address): Ends => ({ from, to: ALL_NODES });
const multicast = (ends: Ends, ...parts: readonly Part[]): Buffer =>
  ipv6("33:33:00:00:00:01" as Mac, macA, ends, ...parts);

const advert = (ends: Ends): Part => icmp6(ends, "routerAdvert", Uint8Array.of(64, 0, 7, 8), Buffer.alloc(8));
/** The parts of a first fragment that shows nothing of what follows: its options have no end in it. */
const hidden = (): Part[] => {
  const { next, bytes } = options(NEXT.destination, 4);
  return [fragment(0, true), { next, bytes: bytes.subarray(0, 16) }];
};

const honest: Record<string, Buffer> = {
  "a datagram": unicast(toB(own), udp6(toB(own), 1000, 1000, "own")),
  "a datagram from its link-local address": unicast(toB(ownLocal), udp6(toB(ownLocal), 1000, 1000, "own")),
  "an echo": unicast(toB(own), icmp6(toB(own), "echoRequest", Buffer.alloc(8))),
  "who has it": multicast(toAll(own), solicit(toAll(own), theirs, linkLayer("source", macA))),
  "who has it, from its link-local address": multicast(
    toAll(ownLocal),
    solicit(toAll(ownLocal), theirs, linkLayer("source", macA)),
  ),
  "who has it, once more": unicast(toB(own), solicit(toB(own), theirs)),
  "here I am": unicast(toB(own), advertise(toB(own), own, linkLayer("target", macA))),
  "here I am, without an option": unicast(toB(own), advertise(toB(own), own)),
  "here I am, by its link-local address": unicast(
    toB(ownLocal),
    advertise(toB(ownLocal), ownLocal, linkLayer("target", macA)),
  ),
  "is my address free": multicast(toAll(UNSPECIFIED), solicit(toAll(UNSPECIFIED), own, NONCE)),
  "is my link-local address free": multicast(toAll(UNSPECIFIED), solicit(toAll(UNSPECIFIED), ownLocal)),
  "what it listens to, without an address": multicast(
    toAll(UNSPECIFIED),
    options(NEXT.hopByHop),
    icmp6(toAll(UNSPECIFIED), "listenerReport2", Buffer.alloc(4)),
  ),
  "is there a router": multicast(toAll(ownLocal), icmp6(toAll(ownLocal), "routerSolicit", Buffer.alloc(4))),
  "a question to a DHCPv6 server": multicast(toAll(ownLocal), udp6(toAll(ownLocal), 546, 547, "solicit")),
};

/** With bridge-nf-call-ip6tables, the kernel puts them together before it looks at them. */
const broken: Record<string, Buffer> = {
  "a datagram's first fragment": unicast(
    toB(own),
    fragment(0, true),
    udp6(toB(own), 1000, 1000, "x".repeat(64)),
  ),
  "a datagram's second fragment": unicast(toB(own), fragment(9, false), {
    next: NEXT.udp,
    bytes: Buffer.alloc(32, "y"),
  }),
};

const forged: Record<string, Buffer> = {
  "another's address": unicast(toB(GATEWAY), udp6(toB(GATEWAY), 1000, 1000, "forged")),
  "another's link-local address": unicast(toB(bridgeLocal), udp6(toB(bridgeLocal), 1000, 1000, "forged")),
  "an address of nobody": unicast(
    toB(parseAddress("2001:db8::99")),
    udp6(toB(parseAddress("2001:db8::99")), 1000, 1000, "forged"),
  ),
  "no address": unicast(toB(UNSPECIFIED), udp6(toB(UNSPECIFIED), 1000, 1000, "forged")),
  "another's MAC address": ipv6(macB, NOBODYS, toB(own), udp6(toB(own), 1000, 1000, "forged")),
  "another's MAC address and none of IPv6": ipv6(
    BROADCAST,
    NOBODYS,
    toAll(UNSPECIFIED),
    solicit(toAll(UNSPECIFIED), own),
  ),
  "a router's advertisement": multicast(toAll(ownLocal), advert(toAll(ownLocal))),
  "a router's advertisement from the gateway": multicast(toAll(bridgeLocal), advert(toAll(bridgeLocal))),
  "a router's advertisement behind hop-by-hop options": multicast(
    toAll(ownLocal),
    options(NEXT.hopByHop),
    advert(toAll(ownLocal)),
  ),
  "a router's advertisement behind destination options": multicast(
    toAll(ownLocal),
    options(NEXT.destination, 5),
    options(NEXT.destination),
    advert(toAll(ownLocal)),
  ),
  "a router's advertisement as a fragment of one": multicast(
    toAll(ownLocal),
    fragment(0, false),
    advert(toAll(ownLocal)),
  ),
  "the first fragment of who knows what, from a link-local address": multicast(toAll(ownLocal), ...hidden()),
  "the second fragment of it": multicast(toAll(ownLocal), fragment(2, false), advert(toAll(ownLocal))),
  "the first fragment of who knows what": unicast(toB(own), ...hidden()),
  "a redirect": unicast(toB(ownLocal), icmp6(toB(ownLocal), "redirect", Buffer.alloc(36))),
  "a DHCPv6 lease": unicast(toB(ownLocal), udp6(toB(ownLocal), 547, 546, "reply")),
  "a DHCPv6 lease as a fragment of one": unicast(
    toB(own),
    fragment(0, false),
    udp6(toB(own), 547, 546, "reply"),
  ),
  "the gateway's address as its own": unicast(
    toB(own),
    advertise(toB(own), GATEWAY, linkLayer("target", macA)),
  ),
  "the gateway's address as its own, without an option": unicast(toB(own), advertise(toB(own), GATEWAY)),
  "the gateway's address as its own, behind options": unicast(
    toB(own),
    options(NEXT.destination),
    advertise(toB(own), GATEWAY),
  ),
  "the gateway's address as its own, as a fragment": unicast(
    toB(own),
    fragment(0, false),
    advertise(toB(own), GATEWAY),
  ),
  "the gateway's link-local address as its own": multicast(
    toAll(ownLocal),
    advertise(toAll(ownLocal), bridgeLocal, linkLayer("target", macA)),
  ),
  "its own address, from no address": multicast(
    toAll(UNSPECIFIED),
    advertise(toAll(UNSPECIFIED), own, linkLayer("target", macA)),
  ),
  "its own address at another's MAC address": unicast(
    toB(own),
    advertise(toB(own), own, linkLayer("target", NOBODYS)),
  ),
  "its own address at another's MAC address, in a second option": unicast(
    toB(own),
    advertise(toB(own), own, NONCE, linkLayer("target", NOBODYS)),
  ),
  "a question from another's MAC address": unicast(
    toB(own),
    solicit(toB(own), theirs, linkLayer("source", NOBODYS)),
  ),
  "another's address as if it were about to be taken": multicast(
    toAll(UNSPECIFIED),
    solicit(toAll(UNSPECIFIED), theirs, NONCE),
  ),
};

/** The same, between two others. */
const between = (from: Member, to: Member, frames: Record<string, Buffer>): Buffer[] =>
  Object.values(frames).map((each) => {
    const bytes = Buffer.from(each);
    if (bytes.subarray(0, 6).equals(macBytes(macB))) bytes.set(macBytes(to.endpoint.mac), 0);
    if (bytes.subarray(6, 12).equals(macBytes(macA))) bytes.set(macBytes(from.endpoint.mac), 6);
    return bytes;
  });

test("without the guard, all of these would pass", async () => {
  if (existsSync("/proc/sys/net/bridge")) sh("sysctl -qw net.bridge.bridge-nf-call-ip6tables=0");
  const all = { ...honest, ...broken, ...forged };
  const passed = await passing(e, f, between(e, f, all));
  assert.deepEqual(
    Object.keys(all).filter((_, index) => !passed[index]),
    [],
  );
});

// Without the module, frames of one bridge never come to the inet tables.
for (const mode of existsSync("/proc/sys/net/bridge") ? ["0", "1"] : ["0"]) {
  describe(`a container, bridge-nf-call-ip6tables=${mode}`, () => {
    before(() => {
      if (existsSync("/proc/sys/net/bridge")) sh(`sysctl -qw net.bridge.bridge-nf-call-ip6tables=${mode}`);
    });
    const compare = async (frames: Record<string, Buffer>, expected: boolean) => {
      const passed = await passing(a, b, Object.values(frames));
      const wrong = Object.keys(frames).filter((_, index) => passed[index] !== expected);
      assert.deepEqual(wrong, []);
    };
    test("says what it is", () => compare(mode === "0" ? { ...honest, ...broken } : honest, true));
    test("can't say what it isn't", () => compare(forged, false));
    test("of a network without IPv6 says nothing by it", async () => {
      const frames = between(c, d, { ...honest, ...broken, ...forged });
      assert.deepEqual(
        await passing(c, d, frames),
        frames.map(() => false),
      );
    });
  });
}

test("what a container says to all does not come back to it", async () => {
  using socket = new FrameSocket(a.netns, indexOf(a.name));
  using witness = new FrameSocket(b.netns, indexOf(b.name));
  const shout = honest["is my address free"] ?? Buffer.alloc(0);
  socket.send(shout);
  socket.send(shout);
  const isShout = (each: Buffer) => each.equals(shout);
  const heard = await witness.receiveUntil(isShout);
  assert.equal(heard.filter(isShout).length, 1);
  // A packet socket hears what it sends itself not at all: what comes, comes from the bridge.
  socket.send(unicast(toB(own), udp6(toB(own), 1000, 9, MARK)));
  sh(`ip netns exec b ping -c1 -W2 ${a.address6}`);
  const back = await socket.receiveUntil((each) => each[20] === NEXT.icmp6 && each[54] === 128);
  assert.equal(back.filter(isShout).length, 0);
});
