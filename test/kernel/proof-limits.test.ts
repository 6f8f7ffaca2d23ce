/** Provers beside one another, killed, without rights: nothing is left of any, and what can't be seen is said. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Topology } from "../../src/observe/types.ts";
import { prove } from "../../src/trace/prove.ts";
import { isolated } from "../support/isolated.ts";
import { flowOf, labTopology, linksUp, sh, wayThrough, wordsOf } from "../support/lab.ts";

isolated(import.meta);

const PROVER = join(import.meta.dirname, "../support/prover.ts");
const ENTER = ["--net=/run/netns/a", process.execPath, PROVER];

let topology: Topology;

before(async () => {
  sh(`
    for n in a b; do ip netns add $n; ip -n $n link set lo up; done
    ip -n a link add e0 type veth peer name e0 netns b; ip -n a link set e0 up; ip -n b link set e0 up
    ip -n a addr add 10.0.0.1/24 dev e0; ip -n b addr add 10.0.0.2/24 dev e0
    nsenter --net=/run/netns/a nft 'add table ip t; add chain ip t out { type filter hook output priority 0; }'
    ip link set lo up`);
  linksUp("a", "b");
  topology = await labTopology();
});

const proofOf = (from: string, to: string, address: string, asked: Parameters<typeof flowOf>[4]) => {
  const flow = flowOf(topology, from, to, address, asked);
  return prove(topology, flow, wayThrough(topology, flow, from, to), { wait: 500 });
};
const tables = () => sh("nsenter --net=/run/netns/a nft list tables").trim();
const descriptors = () =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the directory's own
    }
  });

test("many at once don't disturb one another, and leave nothing", async () => {
  await proofOf("a", "b", "10.0.0.2", { protocol: "icmp" });
  const open = descriptors().length;
  const kinds = ["icmp", "tcp", "udp"] as const;
  const proofs = await Promise.all(
    Array.from({ length: 9 }, (_, i) =>
      proofOf("a", "b", "10.0.0.2", { protocol: kinds[i % 3] ?? "icmp", port: 9 }),
    ),
  );
  for (const { seen, blind, outcome, flow } of proofs) {
    assert.deepEqual(blind, []);
    assert.equal(outcome, flow.protocol === "icmp" ? "reached" : "dropped");
    const taps = wordsOf(topology, seen).filter((words) => words.includes("e0"));
    assert.deepEqual(taps, ["a out e0", "b in e0", "b out e0", "a in e0"]);
    assert.deepEqual(
      wordsOf(topology, seen).filter((words) => words.includes("output")),
      ["a output out policy accept"],
    );
  }
  assert.equal(tables(), "table ip t");
  assert.equal(descriptors().length, open);
  assert.deepEqual(
    descriptors().filter((name) => name.includes("bpf")),
    [],
  );
});

test("within one namespace", async () => {
  const { outcome, seen } = await proofOf("a", "a", "10.0.0.1", { protocol: "tcp", port: 9 });
  assert.equal(outcome, "dropped");
  assert.deepEqual(wordsOf(topology, seen).slice(0, 3), [
    "a output out policy accept",
    "a out lo",
    "a in lo",
  ]);
});

test("a datagram to a program that does not answer, and a name server's answer", async () => {
  const host = (await labTopology()).namespaces.get(topology.host);
  assert.ok(host);
  const silent = createSocket("udp4").bind(0, "127.0.0.1");
  const server = createSocket("udp4").bind(0, "127.0.0.1");
  await Promise.all([once(silent, "listening"), once(server, "listening")]);
  server.on("message", (query, from) => {
    const answer = Buffer.from(query);
    answer[2] = 0x81; // a response
    server.send(answer, from.port, from.address);
  });
  try {
    const here = host.name;
    const taken = await proofOf(here, here, "127.0.0.1", { protocol: "udp", port: silent.address().port });
    assert.equal(taken.outcome, "delivered");
    const asked = { protocol: "udp", port: server.address().port, query: "db.example" } as const;
    const answered = await proofOf(here, here, "127.0.0.1", asked);
    assert.equal(answered.outcome, "reached");
    assert.deepEqual(
      answered.seen.map(({ direction, kind }) => `${direction} ${kind}`),
      ["there tap", "there tap", "back tap", "back tap", "back answer"],
    );
  } finally {
    silent.close();
    server.close();
  }
});

test("killed, it leaves nothing in the rules", async () => {
  const prover = spawn("nsenter", [...ENTER, "10.0.0.77", "60000"], { stdio: "ignore" });
  try {
    for (let i = 0; !tables().includes("drawbridge-trace-"); i += 1) {
      assert.ok(i < 500, "no table for tracing came");
      await sleep(20);
    }
    prover.kill("SIGKILL");
    await once(prover, "exit");
    for (let i = 0; tables() !== "table ip t"; i += 1) {
      assert.ok(i < 500, tables());
      await sleep(20);
    }
  } finally {
    prover.kill("SIGKILL");
  }
});

test("where the kernel gives no BPF, it says so and sees the rest", () => {
  // In a user namespace of its own: root there is nobody to BPF, and master of its own network.
  const script =
    'ip link set lo up; nft "add table ip t; add chain ip t out { type filter hook output priority 0; }"';
  const { stdout, stderr } = spawnSync(
    "unshare",
    [
      "--user",
      "--map-root-user",
      "--net",
      "sh",
      "-ec",
      `${script}; exec "$@"`,
      "sh",
      process.execPath,
      PROVER,
      "127.0.0.1",
      "500",
    ],
    { encoding: "utf8" },
  );
  assert.notEqual(stdout, "", stderr);
  const { outcome, blind, kinds } = JSON.parse(stdout);
  assert.equal(outcome, "reached");
  assert.deepEqual(kinds, ["rule", "tap", "tap", "rule", "tap", "tap", "answer"]);
  assert.equal(blind.length, 1);
  assert.match(blind[0], /^what the kernel drops is not seen: make a BPF map: .*\(EPERM\)$/);
});

test("without rights nothing is sent, and why is said", () => {
  const { stdout, stderr } = spawnSync(process.execPath, [PROVER, "127.0.0.1", "500", "65534"], {
    encoding: "utf8",
  });
  assert.notEqual(stdout, "", stderr);
  const { outcome, blind } = JSON.parse(stdout);
  assert.equal(outcome, "silent");
  assert.match(blind.join(), /^no probe was sent: enter network namespace .*\(EPERM\); root may/);
});
