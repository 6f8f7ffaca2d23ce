/** What IPv6 of networks does to the host: forwarding, its uplinks, its other links; and how it is given back. */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, test } from "node:test";
import { ThrowawayHost } from "../support/host.ts";
import { HOST, OUTSIDE } from "../support/internet.ts";
import { withoutRoot } from "../support/root.ts";
import { Lab } from "./ipv6-lab.ts";

/** Another link of the host's, with a machine behind it at 2001:db8:99::2 that the outside has a route to. */
const ANOTHER_LINK = `: >lan; unshare --net=lan true
ip link add lan0 type veth peer name eth0 netns "$PWD/lan"
ip address add 2001:db8:99::1/64 dev lan0 nodad; ip link set lan0 up
nsenter --net=lan ip -batch - <<END
address add 2001:db8:99::2/64 dev eth0 nodad
link set eth0 up
route add default via 2001:db8:99::1 dev eth0
END
echo 0 >/proc/sys/net/ipv6/conf/lan0/accept_ra`;

async function hostWithLan(
  sysctls: Readonly<Record<string, string>> = {},
): Promise<{ host: ThrowawayHost; lab: Lab }> {
  const host = await ThrowawayHost.create({ sysctls: { "net.ipv6.conf.eth0.accept_ra": "1", ...sysctls } });
  const lab = new Lab(() => host);
  try {
    await lab.sh(`cd ${host.directory}\n${ANOTHER_LINK}`);
    await lab.outside(`ip -6 route add 2001:db8:99::/64 via ${HOST.address6}`);
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
  return { host, lab };
}

const ADVERTISE = new URL("ipv6-advertise.ts", import.meta.url).pathname;

const settingsOf = async (lab: Lab) => ({
  forwarding: await lab.conf6("all/forwarding"),
  eth0: await lab.conf6("eth0/accept_ra"),
  lan0: await lab.conf6("lan0/accept_ra"),
});

const OFF = { forwarding: "0", eth0: "1", lan0: "0" };
const ON = { forwarding: "1", eth0: "2", lan0: "0" };
const LAN = "2001:db8:99::2";

describe("the host", { skip: withoutRoot, concurrency: 2 }, () => {
  test("forwards from the first network with IPv6 on, and for containers alone; given back by --clean", async () => {
    const { host: made, lab } = await hostWithLan();
    await using host = made;
    const engine = await host.startEngine();
    await lab.docker("network", "create", "four");
    assert.deepEqual(await settingsOf(lab), OFF);
    await lab.docker("network", "create", "--ipv6", "six");
    assert.deepEqual(await settingsOf(lab), ON);
    await lab.serve("web", "--network", "six");
    await lab.reaches("web", LAN);
    await lab.reaches("host", LAN);
    await lab.reachesNot("outside", LAN);

    // It is known afterwards that it was the engine's doing.
    await engine.stop();
    await lab.reachesNot("outside", LAN);
    const second = await host.startEngine();
    await Promise.all([lab.reachesNot("outside", LAN), lab.reaches("web", LAN)]);
    assert.deepEqual(await settingsOf(lab), ON);
    // Nor does it end with the last such network.
    await lab.docker("rm", "-f", "web");
    await lab.docker("network", "rm", "six");
    await lab.reachesNot("outside", LAN);
    await lab.docker("network", "create", "--ipv6", "again");
    await second.stop();

    const clean = await host.run(new URL("../../bin/drawbridge", import.meta.url).pathname, [
      "daemon",
      "--clean",
      ...["--data-root", host.dataRoot, "--exec-root", host.execRoot],
    ]);
    assert.match(clean.stdout, /set net\.ipv6\.conf\.all\.forwarding back to 0/);
    assert.match(clean.stdout, /set net\.ipv6\.conf\.eth0\.accept_ra back to 1/);
    assert.deepEqual(await settingsOf(lab), OFF);
    assert.doesNotMatch(await lab.sh("ip -6 address; ip -6 route"), /fd[0-9a-f]{2}:/);
    assert.equal(await lab.sh("nft list ruleset"), "");
  });

  test("keeps the way that a router told it of, and goes on listening to it", async () => {
    const { host: made, lab } = await hostWithLan();
    await using host = made;
    await using _engine = await host.startEngine();
    const [uplink] = JSON.parse(await lab.outside("ip -json link show host")) as {
      ifindex: number;
      address: string;
    }[];
    const advertise = (prefix: string) =>
      host.runOutside(process.execPath, [ADVERTISE, String(uplink?.ifindex), uplink?.address ?? "", prefix]);
    const learnt = (prefix: string) =>
      lab.sh(`for i in $(seq 200); do ip -6 route show proto ra 2>/dev/null | grep -q default &&
        ip -6 address show dev eth0 | grep -q "inet6 ${prefix}" && exit 0; sleep 0.05; done; ip -6 address; exit 1`);
    await advertise("2001:db8:a1::/64");
    await learnt("2001:db8:a1:");
    await lab.docker("network", "create", "--ipv6", "six");
    await learnt("2001:db8:a1:");
    await advertise("2001:db8:a2::/64");
    await learnt("2001:db8:a2:");
    // Its bridge has no way out of its own, and takes nobody's word.
    assert.doesNotMatch(await lab.sh("ip -6 route show default"), /dev br-/);
  });

  test("that forwards already is left so, open as it was", async () => {
    const { host: made, lab } = await hostWithLan({ "net.ipv6.conf.all.forwarding": "1" });
    await using host = made;
    await using _engine = await host.startEngine();
    await lab.docker("network", "create", "--ipv6", "six");
    assert.deepEqual(await settingsOf(lab), { ...OFF, forwarding: "1" });
    await lab.reaches("outside", LAN);
  });

  test("--ip-forward-no-drop: its other links are opened with it", async () => {
    const { host: made, lab } = await hostWithLan();
    await using host = made;
    await using _engine = await host.startEngine({ flags: ["--ip-forward-no-drop"] });
    await lab.docker("network", "create", "--ipv6", "six");
    assert.deepEqual(await settingsOf(lab), ON);
    await lab.reaches("outside", LAN);
  });

  test("--ip-forward=false: nothing is turned on", async () => {
    const { host: made, lab } = await hostWithLan();
    await using host = made;
    await using _engine = await host.startEngine({ flags: ["--ip-forward=false"] });
    await lab.docker("network", "create", "--ipv6", "six");
    assert.deepEqual(await settingsOf(lab), OFF);
    await lab.serve("web", "--network", "six");
    await lab.reaches("web", (await lab.endpoint("web", "six")).IPv6Gateway);
    await lab.reachesNot("web", OUTSIDE.address6);
  });

  test("whose forwarding can't be turned on: the network is refused, and nothing has changed", async () => {
    const { host: made, lab } = await hostWithLan();
    await using host = made;
    await lab.sh(`cd /proc/sys/net/ipv6/conf/all
      mount --bind forwarding forwarding && mount -o remount,bind,ro forwarding`);
    await using _engine = await host.startEngine();
    const state = async () => [
      await settingsOf(lab),
      await lab.sh("nft list ruleset"),
      await lab.sh("ip -brief link"),
      await lab.docker("network", "ls", "-q"),
    ];
    const before = await state();
    assert.match(
      await lab.refused("network", "create", "--ipv6", "six"),
      /net\.ipv6\.conf\.all\.forwarding.*EROFS/,
    );
    assert.deepEqual(await state(), before);
    await lab.docker("network", "create", "four");
  });

  test("whose kernel has no IPv6: networks with it are refused, others are made", async () => {
    const { host: made, lab } = await hostWithLan();
    await using host = made;
    // What such a kernel shows of itself: no settings for it.
    await lab.sh(`mount -t tmpfs none /mnt
      for each in core ipv4 netfilter bridge unix; do
        [ -d /proc/sys/net/$each ] || continue
        mkdir /mnt/$each && mount --bind /proc/sys/net/$each /mnt/$each
      done
      mount --rbind /mnt /proc/sys/net`);
    const off = await host.startEngine({ flags: ["--ipv6"] }).then(
      async (engine) => `started: ${await engine.stop()}`,
      (error: Error) => error.message,
    );
    assert.match(off, /network bridge: this host's kernel has no IPv6/);
    await using _engine = await host.startEngine();
    for (const line of ["--ipv6", "--ipv6 --ipv4=false", "--ipv6 --driver macvlan --opt parent=lan0"]) {
      assert.match(
        await lab.refused("network", "create", ...line.split(" "), "six"),
        /network six: this host's kernel has no IPv6/,
        line,
      );
    }
    await lab.docker("network", "create", "four");
    assert.equal((await lab.network("four")).EnableIPv6, false);
  });

  test("whose engine is killed: containers, their ports and ways go on, and it finds all again", async () => {
    const { host: made, lab } = await hostWithLan();
    await using host = made;
    const first = await host.startEngine();
    await lab.docker("network", "create", "--ipv6", "dual");
    await lab.docker("network", "create", "--ipv6", "--ipv4=false", "six");
    const serve = (name: string, ...flags: string[]) => lab.serve(name, ...flags);
    await serve("web", "--network", "dual", "-p", "8080:80");
    await serve("alone", "--network", "six", "-p", "8081:80", "-p", "0.0.0.0:8082:80");
    await serve("four", "-p", "8083:80");
    const seen = async () => [await lab.endpoint("web", "dual"), await lab.endpoint("alone", "six")];
    const before = await seen();
    const at = (port: number) => `[${HOST.address6}]:${port}`;
    const translated = async () => {
      for (const [port, server] of [
        [8080, "web"],
        [8081, "alone"],
      ] as const) {
        assert.deepEqual(await lab.asks("outside", at(port)), { server, client: OUTSIDE.address6 });
      }
      const key = `${host.execRoot}/netns`;
      await lab.sh(`for ns in ${key}/[0-9a-f]*; do
        nsenter --net=$ns ip -6 route show default | grep -q via || continue
        nsenter --net=$ns ping -c1 -W10 ${OUTSIDE.address6}
      done`);
    };
    await translated();
    assert.equal((await lab.asks("outside", at(8083))).server, "four");

    await first.kill9();
    await translated();
    await lab.reachesNot("outside", LAN);

    await using _second = await host.startEngine();
    assert.deepEqual(await seen(), before);
    await translated();
    assert.equal((await lab.asks("outside", at(8083))).server, "four");
    assert.equal((await lab.asks("outside", `${HOST.address}:8082`)).server, "alone");
    assert.equal((await lab.asks("host", "[::1]:8080")).server, "web");
    await lab.docker("network", "connect", "dual", "alone");
    await lab.reaches("alone", "web");
    await serve("next", "--network", "dual");
    const addresses = (
      await Promise.all(["web", "alone", "next"].map((name) => lab.endpoint(name, "dual")))
    ).map(({ GlobalIPv6Address }) => GlobalIPv6Address);
    assert.equal(new Set(addresses).size, 3, addresses.join());
  });
});
