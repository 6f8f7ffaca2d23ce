/** Probes over a bridge, of both families: rules of the bridge itself, frames for the wrong address, injected ones. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import type { Topology } from "../../src/observe/types.ts";
import { prove } from "../../src/trace/prove.ts";
import type { Proof } from "../../src/trace/types.ts";
import { isolated } from "../support/isolated.ts";
import { flowOf, labTopology, linksUp, placeNamed, sh, wayThrough, wordsOf } from "../support/lab.ts";

isolated(import.meta);

let topology: Topology;

before(async () => {
  sh(`
    ip netns add h; ip -n h link set lo up; ip -n h link add br0 type bridge; ip -n h link set br0 up
    ip -n h addr add 10.0.0.1/24 dev br0
    for n in a b c; do
      ip netns add $n; ip -n $n link set lo up
      ip -n h link add v$n type veth peer name e0 netns $n
      ip -n h link set v$n up master br0; ip -n $n link set e0 up
    done
    ip -n a addr add 10.0.0.2/24 dev e0; ip -n b addr add 10.0.0.3/24 dev e0; ip -n c addr add 10.0.0.4/24 dev e0
    ip -n a addr add 2001:db8::2/64 dev e0 nodad; ip -n b addr add 2001:db8::3/64 dev e0 nodad
    ip -n a neigh add 10.0.0.4 lladdr 02:00:00:00:00:77 dev e0
    nsenter --net=/run/netns/h nft -f - <<'RULES'
table bridge g {
  chain fw { type filter hook forward priority 0; policy accept; iifname "va" oifname "vb" udp dport 5 drop
  }
}
table inet h {
  chain out { type filter hook output priority 0; policy accept; icmp type echo-reply drop
  }
}
RULES
    nsenter --net=/run/netns/a nft -f - <<'RULES'
table ip o {
  chain out { type filter hook output priority 0; policy drop; meta l4proto != udp accept
    udp dport != 666 accept
  }
}
RULES`);
  linksUp("h", "a", "b", "c");
  topology = await labTopology();
});

type Asked = Parameters<typeof flowOf>[4];

async function proofOf(to: string, address: string, asked: Asked): Promise<Proof> {
  const flow = flowOf(topology, "a", to, address, asked);
  const proof = await prove(topology, flow, wayThrough(topology, flow, "a", "h", to), { wait: 500 });
  assert.deepEqual(proof.blind, []);
  return proof;
}

test("IPv6 from port to port", async () => {
  const { outcome, seen } = await proofOf("b", "2001:db8::3", { protocol: "icmp" });
  assert.equal(outcome, "reached");
  assert.deepEqual(wordsOf(topology, seen), [
    "a out e0",
    "h in va",
    "h forward fw policy accept",
    "h out vb",
    "b in e0",
    "b out e0",
    "h in vb",
    "h forward fw policy accept",
    "h out va",
    "a in e0",
    "a answer echo reply",
  ]);
  const closed = await proofOf("b", "2001:db8::3", { protocol: "tcp", port: 9 });
  assert.deepEqual(closed.reason?.kernel, { reason: "NO_SOCKET", at: "tcp_v6_rcv" });
  const nobody = await proofOf("b", "2001:db8::3", { protocol: "udp", port: 9 });
  assert.equal(nobody.reason?.code, "no-socket");
  const absent = await proofOf("b", "2001:db8::99", { protocol: "icmp" });
  assert.equal(absent.reason?.text, "nobody answers for 2001:db8::99");
});

test("a rule of the bridge", async () => {
  const { reason, seen } = await proofOf("b", "10.0.0.3", { protocol: "udp", port: 5 });
  assert.equal(reason?.rule?.in === "nft" && `${reason.rule.family} ${reason.rule.table}`, "bridge g");
  assert.deepEqual(wordsOf(topology, seen), [
    "a output out 3 accept",
    "a out e0",
    "h in va",
    "h forward fw 2 drop",
    "h drop NETFILTER_DROP",
  ]);
});

test("a policy that drops it before any link sees it", async () => {
  const { outcome, reason, seen } = await proofOf("b", "10.0.0.3", { protocol: "udp", port: 666 });
  assert.equal(outcome, "dropped");
  assert.equal(reason?.rule?.in === "nft" && reason.rule.handle, undefined);
  assert.deepEqual(wordsOf(topology, seen), ["a output out policy drop", "a drop NETFILTER_DROP"]);
});

test("a stale neighbour: the frame is for nobody", async () => {
  const { reason, seen } = await proofOf("c", "10.0.0.4", { protocol: "icmp" });
  assert.equal(reason?.code, "wrong-mac");
  assert.deepEqual(wordsOf(topology, seen).slice(-2), ["c in e0", "c drop OTHERHOST"]);
});

test("an answer that is lost", async () => {
  const { outcome, reason, seen } = await proofOf("h", "10.0.0.1", { protocol: "icmp" });
  assert.equal(outcome, "dropped");
  assert.equal(reason?.code, "reply-lost");
  assert.equal(reason?.rule?.in === "nft" && reason.rule.chain, "out");
  assert.deepEqual(wordsOf(topology, seen).slice(-2), ["h output out 2 drop", "h drop NETFILTER_DROP"]);
});

test("from somebody who is not here", async () => {
  const host = placeNamed(topology, "h");
  const link = host.links.find(({ name }) => name === "vb");
  assert.ok(link);
  const enters = { namespace: host.id, ifindex: link.ifindex };
  const asked = { protocol: "tcp", port: 22, source: parseAddress("10.0.0.3"), enters } as const;
  const byPeer = await proofOf("h", "10.0.0.1", asked);
  assert.equal(byPeer.reason?.code, "closed");
  assert.ok(wordsOf(topology, byPeer.seen).includes("h in vb"));
  assert.equal(wordsOf(topology, byPeer.seen).at(-1), "h answer RST");
  const { source: _, ...unnamed } = asked;
  const flow = flowOf(topology, "a", "h", "10.0.0.1", unnamed);
  const unsent = await prove(topology, flow, wayThrough(topology, flow, "h"));
  assert.equal(unsent.outcome, "silent");
  assert.match(unsent.blind.join(), /no source address to be answered at/);
});

test("by a link whose other end is not here", async () => {
  const host = placeNamed(topology, "h");
  const links = host.links.map(({ other, ...link }) =>
    other && link.kind === "veth" ? link : { ...link, other },
  );
  const alone = { ...host, links } as typeof host;
  const cut: Topology = { ...topology, namespaces: new Map([[host.id, alone]]) };
  const link = alone.links.find(({ name }) => name === "vb");
  const flow = {
    ...flowOf(topology, "h", "h", "10.0.0.1", { protocol: "tcp", port: 22 }),
    source: parseAddress("10.0.0.3"),
    enters: { namespace: host.id, ifindex: link?.ifindex ?? 0 },
  };
  const proof = await prove(cut, flow, wayThrough(cut, flow, "h"), { wait: 500 });
  const words = wordsOf(cut, proof.seen);
  assert.deepEqual([words[0], words.at(-1)], ["h in vb", "h answer RST"]);
  assert.equal(proof.reason?.code, "closed");
});

test("what br_netfilter shows to IP's rules", async () => {
  sh(`nsenter --net=/run/netns/h nft -f - <<'RULES'
table ip shown {
  chain fw { type filter hook forward priority 0; policy accept; icmp type echo-request counter
  }
}
RULES
nsenter --net=/run/netns/h sysctl -qw net.bridge.bridge-nf-call-iptables=1`);
  topology = await labTopology();
  const { outcome, seen } = await proofOf("b", "10.0.0.3", { protocol: "icmp" });
  sh(`nsenter --net=/run/netns/h nft delete table ip shown`);
  assert.equal(outcome, "reached");
  const there = wordsOf(
    topology,
    seen.filter(
      ({ direction, namespace }) => direction === "there" && namespace === placeNamed(topology, "h").id,
    ),
  );
  assert.deepEqual([there[0], there.at(-1)], ["h in va", "h out vb"]);
  assert.ok(there.includes("h forward fw 2 continue"), there.join("\n"));
});

test("isolated ports: the kernel gives no reason", async () => {
  const [mac] = placeNamed(topology, "b").links.flatMap((link) => (link.name === "e0" ? [link.mac] : []));
  sh(`
    for n in a b; do ip -n h link set v$n type bridge_slave isolated on; done
    ip -n a neigh replace 10.0.0.3 lladdr ${mac} dev e0`);
  const { reason, seen } = await proofOf("b", "10.0.0.3", { protocol: "icmp" });
  sh("for n in a b; do ip -n h link set v$n type bridge_slave isolated off; done");
  assert.equal(reason?.code, "isolated-port");
  assert.equal(wordsOf(topology, seen).at(-1), "h drop NOT_SPECIFIED");
});
