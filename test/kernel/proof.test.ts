/** Probes through a router: what is seen of each, in order, and what it comes to. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { formatAddress } from "../../src/lib/ip.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { Topology } from "../../src/observe/types.ts";
import { prove } from "../../src/trace/prove.ts";
import type { Flow, Proof } from "../../src/trace/types.ts";
import { isolated } from "../support/isolated.ts";
import { flowOf, labTopology, linksUp, sh, wayThrough, wordsOf } from "../support/lab.ts";
import { heard, serve } from "../support/probe.ts";

isolated(import.meta);

const ROUTER_RULES = `
table ip n {
  chain pre { type nat hook prerouting priority dstnat; tcp dport 8080 dnat to 10.0.2.2:80
  }
  chain post { type nat hook postrouting priority srcnat; oifname "rb" masquerade
  }
}
table inet f {
  chain fw { type filter hook forward priority filter; policy accept; udp dport 99 drop
    jump more
  }
  chain more { tcp dport 80 accept
    tcp dport 81 reject with tcp reset
  }
}`;

let topology: Topology;

before(async () => {
  sh(`
    for n in a r b; do ip netns add $n; ip -n $n link set lo up; done
    for n in a b; do
      ip -n r link add r$n type veth peer name e0 netns $n
      ip -n r link set r$n up; ip -n $n link set e0 up
    done
    ip -n a addr add 10.0.1.2/24 dev e0; ip -n r addr add 10.0.1.1/24 dev ra
    ip -n b addr add 10.0.2.2/24 dev e0; ip -n r addr add 10.0.2.1/24 dev rb
    ip -n a route add default via 10.0.1.1; ip -n b route add default via 10.0.2.1
    ip -n r route add 10.0.9.0/24 via 10.0.2.9; ip -n r route add prohibit 10.0.8.0/24
    ip -n a route add blackhole 10.0.7.0/24; ip -n a route add prohibit 10.0.6.0/24
    nsenter --net=/run/netns/r sysctl -qw net.ipv4.ip_forward=1
    nsenter --net=/run/netns/r nft -f - <<'RULES'
${ROUTER_RULES}
RULES`);
  await serve({ name: "b", netns: "/run/netns/b" as NetnsPath }, "80/tcp", "53/udp");
  linksUp("a", "r", "b");
  topology = await labTopology();
});

type Asked = Parameters<typeof flowOf>[4];

async function proofOf(address: string, asked: Asked, wait = 1000): Promise<Proof> {
  const flow: Flow = flowOf(topology, "a", "b", address, asked);
  const proof = await prove(topology, flow, wayThrough(topology, flow, "a", "r", "b"), { wait });
  assert.deepEqual(proof.blind, []);
  assert.deepEqual(
    proof.seen.map(({ at }) => at),
    proof.seen.map(({ at }) => at).toSorted((one, other) => (one < other ? -1 : 1)),
  );
  return proof;
}

const THERE = ["a out e0", "r in ra"];
const BACK = ["b out e0", "r in rb", "r forward fw 4 jump more", "r forward fw policy accept"];
const HOME = ["r out ra", "a in e0"];

test("an echo, translated on its way", async () => {
  const proof = await proofOf("10.0.2.2", { protocol: "icmp" });
  assert.equal(proof.outcome, "reached");
  assert.deepEqual(wordsOf(topology, proof.seen), [
    ...THERE,
    "r prerouting pre policy accept",
    "r forward fw 4 jump more",
    "r forward fw policy accept",
    "r postrouting post 4 accept",
    "r out rb",
    "b in e0",
    ...BACK,
    ...HOME,
    "a answer echo reply",
  ]);
  const sources = proof.seen.flatMap((one) =>
    one.kind === "tap" && one.direction === "there" ? [formatAddress(one.packet.source)] : [],
  );
  assert.deepEqual(sources, ["10.0.1.2", "10.0.1.2", "10.0.2.1", "10.0.2.1"]);
});

test("a port that listens: its program is not bothered", async () => {
  const proof = await proofOf("10.0.1.1", { protocol: "tcp", port: 8080 });
  assert.equal(proof.outcome, "reached");
  const words = wordsOf(topology, proof.seen);
  assert.ok(words.includes("r prerouting pre 3 accept"), words.join("\n"));
  assert.equal(words.at(-1), "a answer SYN-ACK");
  assert.deepEqual(heard, []);
});

test("a closed port", async () => {
  const proof = await proofOf("10.0.2.2", { protocol: "tcp", port: 82 });
  assert.equal(proof.outcome, "dropped");
  assert.equal(proof.reason?.code, "closed");
  assert.deepEqual(proof.reason?.kernel, { reason: "NO_SOCKET", at: "tcp_v4_rcv" });
  assert.equal(wordsOf(topology, proof.seen).at(-1), "a answer RST");
});

for (const [what, asked, handle] of [
  ["dropped", { protocol: "udp", port: 99 }, 3],
  ["rejected", { protocol: "tcp", port: 81 }, 6],
] as const) {
  test(`${what} by a rule`, async () => {
    const { outcome, reason } = await proofOf("10.0.2.2", asked);
    assert.equal(outcome, "dropped");
    assert.equal(reason?.code, "rule");
    assert.equal(reason?.rule?.in === "nft" && reason.rule.handle, handle);
    assert.equal(reason?.kernel?.reason, "NETFILTER_DROP");
  });
}

test("datagrams: to nobody, to somebody who answers", async () => {
  const closed = await proofOf("10.0.2.2", { protocol: "udp", port: 5 });
  assert.equal(closed.reason?.code, "no-socket");
  assert.equal(wordsOf(topology, closed.seen).at(-1), "a answer ICMP type 3 code 3 from 10.0.2.2");
  const answered = await proofOf("10.0.2.2", { protocol: "udp", port: 53 });
  assert.equal(answered.outcome, "reached");
  assert.equal(wordsOf(topology, answered.seen).at(-1), "a answer datagram");
});

test("no next hop", async () => {
  const lost = await proofOf("10.0.9.9", { protocol: "icmp" }, 150);
  assert.equal(lost.reason?.code, "no-neighbour");
  assert.match(lost.reason?.text ?? "", /nobody answers for 10\.0\.2\.9$/);
  assert.deepEqual(wordsOf(topology, lost.seen).slice(0, 2), THERE);
  const first = await proofOf("10.0.1.77", { protocol: "icmp" }, 150);
  assert.match(first.reason?.text ?? "", /nobody answers for 10\.0\.1\.77$/);
});

test("routes that lead nowhere", async () => {
  const codes = [];
  for (const address of ["10.0.7.1", "10.0.6.1", "10.0.8.1"]) {
    const { outcome, reason, seen } = await proofOf(address, { protocol: "icmp" });
    assert.equal(outcome, "dropped");
    codes.push([reason?.code, seen.length > 0]);
  }
  // The last is the router's: it says so.
  assert.deepEqual(codes, [
    ["unreachable-route", false],
    ["unreachable-route", false],
    ["unreachable-route", true],
  ]);
});

test("what a router does not pass on", async () => {
  sh(
    "ip -n r link set rb mtu 1400; ip -n b link set e0 mtu 1400; nsenter --net=/run/netns/a sysctl -qw net.ipv4.ip_default_ttl=1",
  );
  try {
    const expired = await proofOf("10.0.2.2", { protocol: "icmp" });
    assert.equal(expired.reason?.code, "ttl");
    assert.equal(wordsOf(topology, expired.seen).at(-1), "a answer ICMP type 11 code 0 from 10.0.1.1");
    sh("nsenter --net=/run/netns/a sysctl -qw net.ipv4.ip_default_ttl=64");
    const large = { protocol: "icmp", size: 1500, dontFragment: true } as const;
    assert.equal((await proofOf("10.0.2.2", large)).reason?.code, "too-big");
    assert.equal((await proofOf("10.0.2.2", { ...large, size: 1400 })).outcome, "reached");
    assert.equal((await proofOf("10.0.2.2", { ...large, dontFragment: false })).outcome, "reached");
    assert.equal((await proofOf("10.0.2.2", { ...large, size: 1501 })).reason?.code, "too-big");
    sh("nsenter --net=/run/netns/r sysctl -qw net.ipv4.ip_forward=0");
    const { reason } = await proofOf("10.0.2.2", { protocol: "icmp" });
    assert.equal(reason?.code, "not-forwarding");
  } finally {
    sh(
      "ip -n r link set rb mtu 1500; ip -n b link set e0 mtu 1500; nsenter --net=/run/netns/r sysctl -qw net.ipv4.ip_forward=1",
    );
  }
});

test("a source that has another way back", async () => {
  sh(
    "nsenter --net=/run/netns/r sysctl -qw net.ipv4.conf.ra.rp_filter=1; ip -n r route add 192.0.2.0/24 dev rb",
  );
  sh("ip -n a addr add 192.0.2.5/32 dev lo");
  const source = { family: 4, bits: 0xc0000205n } as const;
  const { reason } = await proofOf("10.0.2.2", { protocol: "icmp", source });
  assert.equal(reason?.code, "reverse-path");
  assert.equal(reason?.kernel?.reason, "IP_RPFILTER");
});
