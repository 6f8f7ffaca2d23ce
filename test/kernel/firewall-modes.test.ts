/** What a network's own options open and close, with real traffic, by both families. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { OPTION } from "../../src/network/bridge/options.ts";
import { ADMIN_TABLE, makeAdminTable } from "../../src/network/firewall/admin.ts";
import { isolated } from "../support/isolated.ts";
import { ask, type Place, serve, sh, succeeds } from "../support/probe.ts";
import { HOST, Lab, type Member } from "./firewall-lab.ts";

isolated(import.meta);

const lab = await Lab.start();
const { outside } = lab;

const both = (mode: string) => ({ [OPTION.mode4]: mode, [OPTION.mode6]: mode });
const made = async (name: string, options: Readonly<Record<string, string>>) =>
  lab.join(await lab.network(name, { options }), name);

const plain = await made("plain", {});
const routed = await made("routed", both("routed"));
const open = await made("open", both("nat-unprotected"));
const trusting = await made("trusting", { [OPTION.trusted]: "lan0" });
const named = await made("named", { [OPTION.source4]: "203.0.113.7", [OPTION.source6]: "2001:db8::7" });
const bare = await made("bare", { [OPTION.masquerade]: "false" });
const guarded = await made("guarded", { [OPTION.hostGuard]: "true" });
const cut = await lab.network("cut", { internal: true, options: both("isolated") });
const cut1 = await lab.join(cut, "cut1");
const cut2 = await lab.join(cut, "cut2");

const lan = lab.addHost("lan", "lan0", {
  gateway: ["192.0.2.1/24", "2001:db8:2::1/64"],
  host: ["192.0.2.2/24", "2001:db8:2::2/64"],
});

const members = [plain, routed, open, trusting, named, bare, guarded];
for (const [index, member] of members.entries()) {
  // On a routed network there is no host port: it is entered by the container's own.
  await lab.publish(member, `${8000 + index}:80/tcp`, `[::]:${8000 + index}:80/tcp`);
}
for (const member of [...members, cut1, cut2]) await serve(member, "80/tcp", "81/tcp");
await serve(HOST, "53/tcp", "53/udp", "99/tcp", "99/udp");
for (const place of [outside, lan]) await serve(place, "80/tcp");
// An address that no link is preferred by.
sh(`ip addr add 203.0.113.7/32 dev lo; ip addr add 2001:db8::7/128 dev lo
  ip -n outside -6 route add 2001:db8::7/128 via 2001:db8::2
  for name in outside lan; do
    ip -n $name route add default via $([ $name = lan ] && echo 192.0.2.1 || echo 203.0.113.2)
    ip -n $name -6 route add default via $([ $name = lan ] && echo 2001:db8:2::1 || echo 2001:db8::2)
  done`);

type Family = 4 | 6;
const own = (member: Member, family: Family): string => (family === 4 ? member.address4 : member.address6);
const gateway = ({ network }: Member, family: Family): string => lab.gateway(network, family);
const uplink = (family: Family): string => (family === 4 ? "203.0.113.2" : "2001:db8::2");
const beyond = (family: Family): string => (family === 4 ? "203.0.113.1" : "2001:db8::1");
const inLan = (family: Family): string => (family === 4 ? "192.0.2.2" : "2001:db8:2::2");

const tcp = (from: Place, address: string, port: number, wait?: number) =>
  ask(from, { protocol: "tcp", address, port }, wait);

const hears = async (from: Place, address: string, port: number, answer: string): Promise<void> =>
  assert.equal(await tcp(from, address, port), answer);

/** None of these is answered. */
const silent = async (...asked: readonly (readonly [Place, string, number])[]): Promise<void> => {
  const answers = await Promise.all(asked.map(([from, address, port]) => tcp(from, address, port, 300)));
  assert.deepEqual(
    answers,
    asked.map(() => undefined),
  );
};

const pings = (from: Place, to: string, seconds = 2): boolean =>
  succeeds(`ip netns exec ${from.name} ping -c1 -W${seconds} ${to}`);

for (const family of [4, 6] as const) {
  const [up, away, near] = [uplink(family), beyond(family), inLan(family)];

  describe(`IPv${family}`, { concurrency: true }, () => {
    test("routed: anyone reaches published ports and pings, and nothing else; nothing is translated", async () => {
      const to = own(routed, family);
      await hears(outside, to, 80, `routed from ${away}`);
      await hears(plain, to, 80, `routed from ${gateway(routed, family)}`);
      assert.ok(pings(outside, to));
      await silent([outside, to, 81], [plain, to, 81], [outside, up, 8001], [outside, up, 80]);
      await hears(routed, away, 80, `outside from ${to}`);
      await hears(HOST, to, 81, `routed from ${gateway(routed, family)}`);
    });

    test("nat-unprotected: anyone reaches all of its ports, and published ones at the host", async () => {
      const to = own(open, family);
      await hears(outside, to, 80, `open from ${away}`);
      await hears(outside, to, 81, `open from ${away}`);
      assert.ok(pings(outside, to));
      await hears(outside, up, 8002, `open from ${away}`);
      await hears(open, away, 80, `outside from ${up}`);
    });

    test("nat: nobody pings a container", () => {
      assert.ok(!pings(outside, own(plain, family), 0.3));
      assert.ok(pings(outside, gateway(plain, family)), "the host's own address is another matter");
    });

    test("trusted links knock at published ports by the container's own address", async () => {
      const to = own(trusting, family);
      await hears(lan, to, 80, `trusting from ${near}`);
      await silent([lan, to, 81], [outside, to, 80], [lan, own(plain, family), 80]);
      await hears(outside, up, 8003, `trusting from ${away}`);
    });

    test("a source address of the user's choice, towards all but its own network", async () => {
      await hears(named, away, 80, `outside from ${family === 4 ? "203.0.113.7" : "2001:db8::7"}`);
      await hears(HOST, own(named, family), 80, `named from ${gateway(named, family)}`);
      await hears(named, up, 8004, `named from ${gateway(named, family)}`);
    });

    test("without masquerade it leaves as it is, and published ports lead back all the same", async () => {
      await hears(bare, away, 80, `outside from ${own(bare, family)}`);
      await hears(outside, up, 8005, `bare from ${away}`);
      await hears(bare, up, 8005, `bare from ${gateway(bare, family)}`);
      if (family === 4) await hears(HOST, "127.0.0.1", 8005, `bare from ${gateway(bare, family)}`);
    });

    test("guarded: of the host DNS alone; all else as any", async () => {
      const host = gateway(guarded, family);
      await hears(guarded, host, 53, `host from ${own(guarded, family)}`);
      const question = { protocol: "udp", address: host, port: 53 } as const;
      assert.equal(await ask(guarded, question), `host from ${own(guarded, family)}`);
      await silent([guarded, host, 99], [guarded, up, 99], [guarded, gateway(plain, family), 99]);
      assert.equal(await ask(guarded, { ...question, port: 99 }, 300), undefined);
      assert.ok(!pings(guarded, host, 0.3));
      await hears(HOST, own(guarded, family), 80, `guarded from ${host}`);
      await hears(guarded, away, 80, `outside from ${up}`);
      await hears(guarded, up, 8000, `plain from ${gateway(plain, family)}`);
    });

    test("isolated: no way but to each other, and no address of the host's to ask", async () => {
      await hears(cut1, own(cut2, family), 80, `cut2 from ${own(cut1, family)}`);
      await silent([cut1, away, 80], [cut1, up, 99], [cut1, gateway(plain, family), 99]);
      await silent([outside, own(cut1, family), 80], [HOST, own(cut1, family), 80]);
    });
  });
}

describe("the administrator's table", () => {
  beforeEach(() => lab.kernel.nft(makeAdminTable()));
  afterEach(() => sh(`nft delete table ${ADMIN_TABLE}`));
  const change = (line: string) => sh(`nft '${line}'`);

  for (const family of [4, 6] as const) {
    const [up, away] = [uplink(family), beyond(family)];
    const ip = family === 4 ? "ip" : "ip6";

    test(`IPv${family}: a published port that is closed is closed to all but the host`, async () => {
      await hears(outside, up, 8000, `plain from ${away}`);
      change(`add element ${ADMIN_TABLE} closed { tcp . 8000 }`);
      await silent([outside, up, 8000], [named, up, 8000]);
      await hears(HOST, up, 8000, `plain from ${up}`);
      await hears(outside, up, 8002, `open from ${away}`);
      // By what the client asked for, not by where it leads.
      change(`delete element ${ADMIN_TABLE} closed { tcp . 8000 }`);
      change(`add element ${ADMIN_TABLE} closed { tcp . 80 }`);
      await hears(outside, up, 8000, `plain from ${away}`);
    });

    test(`IPv${family}: or to those who come by one link`, async () => {
      change(`add element ${ADMIN_TABLE} closed_from { "eth0" . tcp . 8000 }`);
      await silent([outside, up, 8000]);
      await hears(lan, up, 8000, `plain from ${inLan(family)}`);
      await hears(open, up, 8000, `plain from ${gateway(plain, family)}`);
    });

    test(`IPv${family}: sources that are denied enter no network, and answer those that ask them`, async () => {
      change(`add element ${ADMIN_TABLE} denied${family} { ${away}/${family === 4 ? 24 : 64} }`);
      await silent([outside, up, 8000], [outside, own(routed, family), 80], [outside, own(open, family), 80]);
      await hears(plain, away, 80, `outside from ${up}`);
      await hears(lan, up, 8000, `plain from ${inLan(family)}`);
    });

    test(`IPv${family}: rules of one's own`, async () => {
      change(`add rule ${ADMIN_TABLE} user ${ip} saddr ${away} tcp dport 80 drop`);
      await silent([outside, up, 8000], [outside, own(routed, family), 80]);
      await hears(plain, away, 80, `outside from ${up}`);
      change(`flush chain ${ADMIN_TABLE} user`);
      await hears(outside, up, 8000, `plain from ${away}`);
    });
  }

  test("nothing that the engine drops is opened", async () => {
    change(`add rule ${ADMIN_TABLE} user accept`);
    await silent([outside, plain.address4, 81], [outside, plain.address6, 80], [plain, named.address4, 80]);
  });
});

test("ports are in hairpin mode where they are translated and guarded, and again when they join again", async () => {
  const unguarded = await made("unguarded", { [OPTION.spoofGuard]: "false" });
  const isHairpin = ({ endpoint }: Member): boolean =>
    sh(`cat /sys/class/net/${endpoint.hostInterface}/brport/hairpin_mode`).trim() === "1";
  assert.deepEqual(
    [plain, open, routed, cut1, unguarded].map((member) => isHairpin(member)),
    [true, true, false, false, false],
  );
  sh(`ip link set ${plain.endpoint.hostInterface} nomaster`);
  await lab.rejoin(plain);
  assert.ok(isHairpin(plain));
  await hears(plain, uplink(4), 8000, `plain from ${gateway(plain, 4)}`);
});
