/** The keeper on a real kernel: what others take away is put back, what they drop is told. */
import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { startKernel } from "../../src/linux/kernel-client.ts";
import type { Damage } from "../../src/network/coexistence/damage.ts";
import { Keeper } from "../../src/network/coexistence/keeper.ts";
import { isolated } from "../support/isolated.ts";
import { Arrivals, foreignNft, newReactor, sh } from "./coexistence-fixture.ts";

isolated(import.meta);

const RULES = `add table inet drawbridge
add set inet drawbridge bridges { type ifname; }
add element inet drawbridge bridges { "br-a" }
`;

const reactor = newReactor();
const kernel = await startKernel();
after(async () => {
  await kernel.close();
  await reactor.close();
});

/** What a controller would do. */
async function restore(damage: Damage): Promise<void> {
  if (damage.rules) await kernel.nft(`add table inet drawbridge\ndelete table inet drawbridge\n${RULES}`);
  if (damage.links) {
    sh("ip link show br-a >/dev/null 2>&1 || ip link add br-a type bridge");
    sh("ip addr replace 172.30.0.1/16 dev br-a; ip link set br-a up");
  }
}

class Kept {
  readonly repairs = new Arrivals<Damage>();
  readonly told = new Arrivals<string>();
  readonly keeper: Keeper;

  constructor() {
    const tell = (_: object, message: string) => this.told.add(message);
    this.keeper = new Keeper({
      kernel,
      reactor,
      logger: { debug: tell, info: tell, warn: tell, error: tell },
      repair: async (damage) => {
        await restore(damage);
        this.repairs.add(damage);
        return true;
      },
      bridges: () => ["br-a"],
      admit: true,
      rest: 20,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keeper.stop();
  }
}

async function started(): Promise<Kept> {
  const kept = new Kept();
  await kept.keeper.start();
  return kept;
}

beforeEach(async () => {
  sh("nft flush ruleset; ip link del br-a 2>/dev/null; ip link del eth0 2>/dev/null; true");
  sh(`ip link add eth0 type veth peer name eth1; ip addr add 203.0.113.2/24 dev eth0
    ip link set eth0 up; ip link set eth1 up; ip route add default via 203.0.113.1`);
  await restore({ rules: true, links: true });
});

test("rules are put back after a flush of everything, and again", async () => {
  await using kept = await started();
  for (let i = 0; i < 2; i += 1) {
    await kept.repairs.after(
      () => sh("nft flush ruleset"),
      ({ rules }) => rules,
    );
    assert.match(sh("nft list set inet drawbridge bridges"), /"br-a"/);
  }
});

test("so is an element, and a bridge that was deleted, set down, or lost its address", async () => {
  await using kept = await started();
  const { repairs } = kept;
  const bridge = () => sh("ip -o -4 addr show br-a; ip -o link show br-a");
  await repairs.after(
    () => sh(`nft 'delete element inet drawbridge bridges { "br-a" }'`),
    ({ rules }) => rules,
  );
  assert.match(sh("nft list set inet drawbridge bridges"), /"br-a"/);
  for (const damage of ["ip link del br-a", "ip link set br-a down", "ip addr flush dev br-a"]) {
    await repairs.after(
      () => sh(damage),
      ({ links }) => links,
    );
    assert.match(bridge(), /172\.30\.0\.1\/16[\s\S]*[<,]UP[,>]/, damage);
  }
});

test("what the repair itself does is not taken for damage", async () => {
  await using kept = await started();
  // Its own announcements have come before those of the next foreign change.
  await kept.repairs.after(
    () => sh("nft flush ruleset"),
    ({ rules }) => rules,
  );
  await kept.told.after(
    () =>
      foreignNft(`add table inet admin
        add chain inet admin f { type filter hook forward priority 0; policy drop; }`),
    (message) => message.includes("table inet admin"),
  );
  assert.equal(kept.repairs.all.length, 1);
});

test("a policy that drops is told once, stays a warning while it stands, and is told anew when it comes back", async () => {
  await using kept = await started();
  const drop = () =>
    foreignNft(`add table inet admin
      add chain inet admin f { type filter hook forward priority 0; policy drop; }`);
  const about = (message: string) => message.startsWith("the host's firewall drops ");
  assert.deepEqual(kept.keeper.warnings(), []);
  const message = await kept.told.after(drop, about);
  assert.deepEqual(kept.keeper.warnings(), [message]);
  // Its own advice makes way.
  const [, fix = ""] = message.split("To let it pass: ");
  sh(fix);
  await vanished(kept);
  sh("nft delete table inet admin");
  assert.equal(await kept.told.after(drop, about), message);
});

test("a policy that drops is there from the start on", async () => {
  foreignNft(`add table ip admin
    add chain ip admin f { type filter hook forward priority 0; policy drop; }
    add rule ip admin f iifname "eth0" oifname "br-a" accept`);
  await using kept = await started();
  assert.equal(kept.keeper.warnings().length, 1);
  assert.match(kept.keeper.warnings()[0] ?? "", /br-a send out/);
});

/** Nothing is told of that; a look at rules that stopped dropping ends before the next one begins. */
async function vanished({ keeper }: Kept): Promise<void> {
  while (keeper.warnings().length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}
