/** The host's loopback: who can't knock at it from where, with route_localnet on everywhere (CVE-2020-8558). */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Mac, parseAddress, parseMac } from "../../src/lib/ip.ts";
import { bridgeOptions, OPTION } from "../../src/network/bridge/options.ts";
import { isolated } from "../support/isolated.ts";
import { ask, heard, type Place, serve, sh } from "../support/probe.ts";
import { HOST, Lab, type Member } from "./firewall-lab.ts";
import { FrameSocket, udp } from "./network-frames.ts";
import { type Ends, ipv6, udp6 } from "./network-frames6.ts";

isolated(import.meta);

const lab = await Lab.start();
const { outside } = lab;
const net = await lab.network("net");
const web = await lab.join(net, "web");
const a = await lab.join(net, "a");
const open = await lab.network("open", { options: { [OPTION.spoofGuard]: "false" } });
const forger = await lab.join(open, "forger");
await lab.publish(web, "127.0.0.1:8080:80/udp", "8081:80/udp", "[::]:8081:80/udp");
await serve(web, "80/udp");
await serve(HOST, "127.0.0.1:99/udp", "[::1]:99/udp", "203.0.113.2:98/udp", "[2001:db8::2]:98/udp");
sh("sysctl -qw net.ipv4.conf.all.route_localnet=1");

const macOf = (command: string): Mac => parseMac(sh(command).trim());
const indexIn = (name: string): number => Number(sh(`ip netns exec ${name} cat /sys/class/net/eth0/ifindex`));
const bridgeMac = ({ network }: Member): Mac =>
  macOf(`cat /sys/class/net/${bridgeOptions(network).name}/address`);

interface Knocker {
  readonly place: Place;
  readonly own4: string;
  readonly own6: string;
  readonly mac: Mac;
  /** The host's, on that wire. */
  readonly hostMac: Mac;
}

const member = (of: Member): Knocker => ({
  place: of,
  own4: of.address4,
  own6: of.address6,
  mac: of.endpoint.mac,
  hostMac: bridgeMac(of),
});

const knockers: Record<string, Knocker> = {
  "a neighbour": {
    place: outside,
    own4: "203.0.113.1",
    own6: "2001:db8::1",
    mac: macOf("ip netns exec outside cat /sys/class/net/eth0/address"),
    hostMac: macOf("cat /sys/class/net/eth0/address"),
  },
  "a container": member(a),
  "a container that may send from any address": member(forger),
};

/** From, to, port: of services on the loopback, ports published there, and ports published everywhere. */
function frames({ own4, own6, mac, hostMac }: Knocker): Buffer[] {
  const four = [
    ...["127.0.0.1", "127.1.2.3"].flatMap((to) => [99, 8080, 8081].map((port) => [own4, to, port] as const)),
    ...[98, 8081].map((port) => ["127.0.0.1", "203.0.113.2", port] as const),
    ["127.0.0.1", "127.0.0.1", 99] as const,
  ];
  const six = [
    ...[99, 8081].map((port) => [own6, "::1", port] as const),
    ...[98, 8081].map((port) => ["::1", "2001:db8::2", port] as const),
    ["::1", "::1", 99] as const,
  ];
  return [
    ...four.map(([from, to, dport]) =>
      udp(hostMac, mac, { from: parseAddress(from), to: parseAddress(to), sport: 1000, dport, text: "?" }),
    ),
    ...six.map(([from, to, port]) => {
      const ends: Ends = { from: parseAddress(from), to: parseAddress(to), hopLimit: 64 };
      return ipv6(hostMac, mac, ends, udp6(ends, 1000, port, "?"));
    }),
  ];
}

for (const mode of existsSync("/proc/sys/net/bridge") ? ["0", "1"] : ["0"]) {
  describe(`bridge-nf-call-iptables=${mode}`, () => {
    for (const [name, knocker] of Object.entries(knockers)) {
      test(`${name} neither reaches it nor speaks as it`, async () => {
        for (const tables of existsSync("/proc/sys/net/bridge") ? ["ip", "ip6"] : []) {
          sh(`sysctl -qw net.bridge.bridge-nf-call-${tables}tables=${mode}`);
        }
        const { place } = knocker;
        heard.length = 0;
        using socket = new FrameSocket(place.netns, indexIn(place.name));
        for (const frame of frames(knocker)) socket.send(frame);
        await sleep(100);
        assert.deepEqual(heard, []);
        // The same services are there, for those who may ask.
        const port = { protocol: "udp", port: 98 } as const;
        const [four, six] = [
          await ask(place, { ...port, address: "203.0.113.2" }),
          await ask(place, { ...port, address: "2001:db8::2" }),
        ];
        assert.deepEqual([four, six], [`host from ${knocker.own4}`, `host from ${knocker.own6}`]);
      });
    }
  });
}

test("the host itself reaches it", async () => {
  for (const address of ["127.0.0.1", "::1"]) {
    assert.equal(await ask(HOST, { protocol: "udp", address, port: 99 }), `host from ${address}`);
  }
  assert.equal(
    await ask(HOST, { protocol: "udp", address: "127.0.0.1", port: 8080 }),
    `web from ${web.gateway4}`,
  );
});
