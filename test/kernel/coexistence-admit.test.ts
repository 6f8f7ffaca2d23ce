/** Beside rules as dockerd makes them, with the iptables programs of the machine: traffic, and who reads what. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { after, before, beforeEach, describe, test } from "node:test";
import { silent } from "../../src/lib/log.ts";
import { findProgram } from "../../src/lib/programs.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { Keeper } from "../../src/network/coexistence/keeper.ts";
import { NOTHING_SEEN, survey, withdrawAll } from "../../src/network/coexistence/survey.ts";
import { isolated } from "../support/isolated.ts";
import { DOCKERD_20, UFW } from "../unit/coexistence-firewalls.ts";
import { Arrivals, newReactor, sh } from "./coexistence-fixture.ts";

isolated(import.meta);

const kernel = await startKernel();
after(() => kernel.close());

/** `us` behind br-a, `theirs` behind dockerd's bridge, `outside` behind eth0; all know the way. */
before(() => {
  sh(`sysctl -qw net.ipv4.ip_forward=1
    for name in us theirs outside; do ip netns add $name; ip -n $name link set lo up; done
    ip link add br-a type bridge; ip addr add 172.30.0.1/16 dev br-a; ip link set br-a up
    ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up
    ip link add us0 type veth peer name eth0 netns us; ip link set us0 master br-a up
    ip link add theirs0 type veth peer name eth0 netns theirs; ip link set theirs0 master docker0 up
    ip link add eth0 type veth peer name eth0 netns outside; ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up
    ip -n us addr add 172.30.0.2/16 dev eth0; ip -n us link set eth0 up; ip -n us route add default via 172.30.0.1
    ip -n theirs addr add 172.17.0.2/16 dev eth0; ip -n theirs link set eth0 up; ip -n theirs route add default via 172.17.0.1
    ip -n outside addr add 203.0.113.1/24 dev eth0; ip -n outside link set eth0 up
    ip -n outside route add default via 203.0.113.2; ip route add default via 203.0.113.1`);
});

function pings(from: string, to: string): boolean {
  try {
    execFileSync("ip", ["netns", "exec", from, "ping", "-c1", "-W0.4", to], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const look = (admit = true, bridges = ["br-a"]) => survey({ kernel, bridges, admit }, NOTHING_SEEN);

/** Why tests with that kind can't run; false where they can. */
function missing(kind: "nft" | "legacy"): string | false {
  if (!findProgram(`iptables-${kind}`)) return `iptables-${kind} is not installed: apt-get install iptables`;
  const { status } = spawnSync(`iptables-${kind}`, ["-S"]);
  return status === 0 ? false : `the kernel has no tables of iptables-${kind}`;
}

for (const kind of ["nft", "legacy"] as const) {
  describe(`iptables-${kind}`, { skip: missing(kind) }, () => {
    const load = (rules: string) => execFileSync(`iptables-${kind}-restore`, { input: rules });
    const clear = () => {
      sh("nft flush ruleset");
      load("*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n");
    };
    const rules = () => sh(`iptables-${kind} -S`);

    beforeEach(() => {
      clear();
      load(DOCKERD_20);
    });
    after(clear);

    test("our traffic passes, dockerd's containers stay behind its rules, and iptables can still read it all", async () => {
      const before = rules();
      assert.equal(pings("us", "203.0.113.1"), false);
      const { warnings, done } = await look();
      assert.deepEqual(warnings, []);
      assert.equal(done.length, 1);
      assert.equal(pings("us", "203.0.113.1"), true);
      assert.equal(pings("outside", "172.30.0.2"), true, "our own tables decide who enters");
      assert.equal(pings("us", "172.17.0.2"), false);
      assert.equal(pings("outside", "172.17.0.2"), false);
      assert.match(
        rules(),
        /^-A DOCKER-USER -m comment --comment drawbridge -j DRAWBRIDGE\n-A DOCKER-USER -j RETURN$/m,
      );

      assert.deepEqual((await look()).done, [], "once is enough");
      const taken = await withdrawAll(kernel);
      assert.equal(taken.length, 1);
      assert.equal(rules(), before);
      assert.equal(pings("us", "203.0.113.1"), false);
    });

    test("what is taken away is put back, and follows the bridges", async () => {
      await look();
      sh(`iptables-${kind} -F DOCKER-USER`);
      assert.equal((await look()).done.length, 1);
      assert.equal(pings("us", "203.0.113.1"), true);
      await look(true, []);
      assert.doesNotMatch(rules(), /DRAWBRIDGE/);
    });

    test("where it isn't wanted it is taken out, and told", async () => {
      await look();
      const { warnings, done } = await look(false);
      assert.equal(done.length, 1);
      assert.match(warnings[0] ?? "", /^dockerd drops what is forwarded for br-a: /);
      assert.doesNotMatch(rules(), /DRAWBRIDGE/);
    });

    test("ufw's policy is the administrator's: it is told, not passed", async () => {
      clear();
      load(UFW.replace("COMMIT", ":DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT"));
      const { warnings, done } = await look();
      assert.deepEqual(done, []);
      assert.match(warnings[0] ?? "", /^ufw drops .* To let it pass: ufw route allow in on br-a/);
    });
  });
}

// Changes of the legacy kind are announced by nobody.
test("the keeper admits what comes later, and what was taken away", {
  skip: missing("nft"),
}, async (t) => {
  sh("nft flush ruleset");
  const reactor = newReactor();
  const told = new Arrivals<string>();
  const info = (_: object, message: string) => told.add(message);
  const options = {
    kernel,
    reactor,
    repair: async () => false,
    bridges: () => ["br-a"],
    admit: true,
    rest: 20,
  };
  const keeper = new Keeper({ ...options, logger: { ...silent, info } });
  t.after(async () => {
    await keeper.stop();
    await reactor.close();
  });
  await keeper.start();
  const admitted = (message: string) => message.startsWith("let what is forwarded for br-a ");
  await told.after(() => execFileSync("iptables-nft-restore", { input: DOCKERD_20 }), admitted);
  await told.after(() => sh("iptables-nft -F DOCKER-USER"), admitted);
  await told.after(() => sh("iptables-nft -I DOCKER-USER -j RETURN"), admitted);
  assert.deepEqual(keeper.warnings(), []);
  await told.after(
    () => sh("iptables-nft -P FORWARD ACCEPT"),
    (message) => message.startsWith("take the engine's rules out "),
  );
  assert.doesNotMatch(sh("iptables-nft -S"), /DRAWBRIDGE/);
});
