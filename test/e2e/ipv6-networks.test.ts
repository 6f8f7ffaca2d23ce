/** Networks with IPv6: their subnets, the addresses and settings of containers on them, and ways out. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";
import { Lab } from "./ipv6-lab.ts";

describe("a network with IPv6", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const lab = new Lab(() => suite.host);
  const { docker } = lab;
  const idle = (name: string, ...flags: string[]) =>
    docker("run", "-d", "--name", name, "--hostname", name, ...flags, "busybox", "sleep", "1000");

  test("without a subnet: one of the engine's own unique local prefix, another each", async () => {
    await docker("network", "create", "--ipv6", "ula1");
    await docker("network", "create", "--ipv6", "ula2");
    const [one, two] = [await lab.network("ula1"), await lab.network("ula2")];
    const subnets = [one, two].map(({ IPAM }) => IPAM.Config[1]?.Subnet ?? "");
    for (const subnet of subnets) assert.match(subnet, /^fd[0-9a-f]{2}:.*::\/64$/);
    const [first = "", second = ""] = subnets;
    assert.equal(first.split(":").slice(0, 3).join(), second.split(":").slice(0, 3).join(), "one prefix");
    assert.notEqual(first, second);
    assert.deepEqual([one.EnableIPv4, one.EnableIPv6], [true, true]);
    assert.match(one.IPAM.Config[0]?.Subnet ?? "", /^172\.18\./);

    await idle("born", "--network", "ula1");
    const seen = await lab.endpoint("born", "ula1");
    const prefix = first.replace("/64", "");
    assert.equal(seen.GlobalIPv6Address, `${prefix}2`);
    assert.equal(seen.GlobalIPv6PrefixLen, 64);
    assert.equal(seen.IPv6Gateway, `${prefix}1`);
    assert.equal(seen.IPAddress, "172.18.0.2");
    const listed = Object.values((await lab.network("ula1")).Containers);
    assert.deepEqual(
      listed.map(({ Name, IPv4Address, IPv6Address }) => [Name, IPv4Address, IPv6Address]),
      [["born", "172.18.0.2/16", `${prefix}2/64`]],
    );
    assert.match(
      await lab.refused("run", "--network", "ula1", "--ip6", `${prefix}9`, "busybox"),
      /user configured subnets/,
    );
  });

  test("with subnets of both families: addresses that are there at once, and its gateway's", async () => {
    await docker(
      ..."network create --ipv6 --subnet 172.30.0.0/24 --subnet 2001:db8:1::/64".split(" "),
      ..."--gateway 2001:db8:1::fe --ip-range 2001:db8:1::8:0/112 --aux-address x=2001:db8:1::8:0 dual".split(
        " ",
      ),
    );
    const { IPAM } = await lab.network("dual");
    assert.deepEqual(
      IPAM.Config.find(({ Subnet }) => Subnet === "2001:db8:1::/64"),
      {
        Subnet: "2001:db8:1::/64",
        IPRange: "2001:db8:1::8:0/112",
        Gateway: "2001:db8:1::fe",
        AuxiliaryAddresses: { x: "2001:db8:1::8:0" },
      },
    );
    // Before anything else is done inside: no address may still be asking whether it is free.
    const born = ["run", "--rm", "--network", "dual", "busybox", "ip", "-6", "address", "show", "eth0"];
    const told = await docker(...born);
    assert.match(told, /inet6 2001:db8:1::8:1\/64 scope global/);
    assert.match(told, /inet6 fe80::.* scope link/);
    assert.doesNotMatch(told, /tentative|flags [0-9a-f]*[4c]0\b/);

    await idle("own", "--network", "dual", "--ip", "172.30.0.77", "--ip6", "2001:db8:1::77");
    const seen = await lab.endpoint("own", "dual");
    assert.equal(seen.IPAddress, "172.30.0.77");
    assert.equal(seen.GlobalIPv6Address, "2001:db8:1::77");
    assert.equal(seen.IPv6Gateway, "2001:db8:1::fe");
    assert.equal(seen.IPAMConfig?.IPv6Address, "2001:db8:1::77");
    const addresses = await lab.addresses6("own", "eth0");
    assert.deepEqual(addresses.map(({ local, prefixlen }) => `${local}/${prefixlen}`).slice(0, 1), [
      "2001:db8:1::77/64",
    ]);
    assert.ok(addresses.every(({ tentative }) => !tentative));
    assert.deepEqual(
      (await lab.defaultRoute("own", 6)).map(({ gateway }) => gateway),
      ["2001:db8:1::fe"],
    );
    for (const [address, says] of [
      ["2001:db8:1::77", /Address already in use/],
      ["2001:db8:9::1", /no configured subnet.*contain/],
      ["2001:db8:1::fe", /Address already in use/],
    ] as const) {
      assert.match(
        await lab.refused("run", "--network", "dual", "--ip6", address, "busybox"),
        says,
        `--ip6 ${address}`,
      );
    }
  });

  test("settings inside: none listens to routers or asks for duplicates", async () => {
    for (const [key, value] of [
      ["eth0/accept_ra", "0"],
      ["eth0/accept_dad", "0"],
      ["eth0/disable_ipv6", "0"],
      ["lo/disable_ipv6", "0"],
    ] as const) {
      assert.equal(await lab.conf6(key, "own"), value, key);
    }
    const bridge = `br-${(await lab.network("dual")).Id.slice(0, 12)}`;
    assert.equal(await lab.conf6(`${bridge}/accept_ra`), "0");
    assert.equal(await lab.conf6(`${bridge}/disable_ipv6`), "0");
    assert.match(await lab.sh(`ip -6 address show dev ${bridge}`), /2001:db8:1::fe\/64/);
    assert.doesNotMatch(await lab.sh(`ip -6 address show dev ${bridge}`), /tentative/);
  });

  test("a network without leaves its containers without, and its bridge", async () => {
    await docker("network", "create", "plain");
    await idle("four", "--network", "plain");
    for (const key of ["all", "default", "lo", "eth0"]) {
      assert.equal(await lab.conf6(`${key}/disable_ipv6`, "four"), "1", key);
    }
    assert.deepEqual(await lab.addresses6("four", "eth0"), []);
    const { Id, EnableIPv6 } = await lab.network("plain");
    assert.equal(EnableIPv6, false);
    assert.equal(await lab.conf6(`br-${Id.slice(0, 12)}/disable_ipv6`), "1");
    const seen = await lab.endpoint("four", "plain");
    assert.deepEqual([seen.GlobalIPv6Address, seen.GlobalIPv6PrefixLen, seen.IPv6Gateway], ["", 0, ""]);
    assert.doesNotMatch(await lab.inside("four", "cat /etc/hosts"), /:/);
  });

  test("without IPv4: nothing of it but the loopback's", async () => {
    await docker("network", "create", "--ipv4=false", "--ipv6", "six");
    const seen = await lab.network("six");
    assert.deepEqual([seen.EnableIPv4, seen.EnableIPv6, seen.IPAM.Config.length], [false, true, 1]);
    await idle("alone", "--network", "six");
    const { IPAddress, Gateway, GlobalIPv6Address, IPv6Gateway } = await lab.endpoint("alone", "six");
    assert.deepEqual([IPAddress, Gateway], ["", ""]);
    assert.equal(`${IPv6Gateway.slice(0, -1)}2`, GlobalIPv6Address);
    assert.doesNotMatch(await lab.inside("alone", "ip -4 address show eth0"), /inet /);
    assert.deepEqual(await lab.defaultRoute("alone", 4), []);
    assert.match(
      await lab.inside("alone", "cat /etc/hosts"),
      new RegExp(`^${GlobalIPv6Address}\\talone$`, "m"),
    );
    await lab.reaches("alone", "2001:db8::1");
    const link = `br-${seen.Id.slice(0, 12)}`;
    assert.doesNotMatch(await lab.sh(`ip -4 address show ${link}`), /inet /);
  });

  test("two of them without IPv4 give a container two MAC addresses", async () => {
    for (const name of ["fresh1", "fresh2"])
      await docker("network", "create", "--ipv4=false", "--ipv6", name);
    await idle("twofold", "--network", "fresh1", "--network", "fresh2");
    const seen = [await lab.endpoint("twofold", "fresh1"), await lab.endpoint("twofold", "fresh2")];
    for (const { GlobalIPv6Address } of seen) assert.match(GlobalIPv6Address, /::2$/);
    const macs = seen.map(({ MacAddress }) => MacAddress);
    assert.equal(new Set(macs).size, 2, macs.join());
    for (const mac of macs) assert.match(mac, /^02:42:/);
  });

  test("several IPv6 subnets: a gateway in each, addresses of any", async () => {
    await docker(
      ..."network create --ipv6 --subnet 2001:db8:a::/64 --subnet 2001:db8:b::/64 several".split(" "),
    );
    const { IPAM, Id } = await lab.network("several");
    assert.deepEqual(
      IPAM.Config.map(({ Subnet, Gateway }) => `${Subnet} ${Gateway}`)
        .filter((text) => text.startsWith("2001"))
        .sort(),
      ["2001:db8:a::/64 2001:db8:a::1", "2001:db8:b::/64 2001:db8:b::1"],
    );
    const bridge = await lab.sh(`ip -6 address show dev br-${Id.slice(0, 12)}`);
    assert.match(bridge, /2001:db8:a::1\/64/);
    assert.match(bridge, /2001:db8:b::1\/64/);
    await idle("sa", "--network", "several", "--ip6", "2001:db8:a::10");
    await idle("sb", "--network", "several", "--ip6", "2001:db8:b::10");
    assert.equal((await lab.endpoint("sa", "several")).IPv6Gateway, "2001:db8:a::1");
    assert.equal((await lab.endpoint("sb", "several")).IPv6Gateway, "2001:db8:b::1");
    await lab.reaches("sa", "2001:db8:b::10");
    await lab.reaches("sb", "2001:db8:a::10");
    for (const from of ["sa", "sb"]) await lab.reaches(from, "2001:db8::1");
  });

  test("each family's way out is that of the highest priority that has one", async () => {
    await idle("way", "--network", "ula1", "--network", "name=plain,gw-priority=5");
    const [ula1, plain] = [await lab.endpoint("way", "ula1"), await lab.endpoint("way", "plain")];
    const out = async (family: 4 | 6) =>
      (await lab.defaultRoute("way", family)).map((route) => route.gateway);
    assert.deepEqual(await out(4), [plain.Gateway]);
    assert.deepEqual(await out(6), [ula1.IPv6Gateway]);
    await docker("network", "connect", "--gw-priority", "9", "dual", "way");
    assert.deepEqual(await out(4), ["172.30.0.1"]);
    assert.deepEqual(await out(6), ["2001:db8:1::fe"]);
    await docker("network", "disconnect", "dual", "way");
    assert.deepEqual(await out(4), [plain.Gateway]);
    assert.deepEqual(await out(6), [ula1.IPv6Gateway]);
    await docker("network", "disconnect", "ula1", "way");
    assert.deepEqual(await out(4), [plain.Gateway]);
    assert.deepEqual(await out(6), []);
  });

  test("the first one of a container that was born without, and its last", async () => {
    await idle("late", "--network", "plain");
    await docker("network", "connect", "--ip6", "2001:db8:1::a7e", "dual", "late");
    const addresses = await lab.addresses6("late", "eth1");
    assert.equal(addresses[0]?.local, "2001:db8:1::a7e");
    assert.ok(addresses.every(({ tentative }) => !tentative));
    await lab.reaches("late", "2001:db8::1");
    await lab.reaches("late", "2001:db8:1::77");
    await lab.reaches("late", "::1");
    assert.equal(await lab.conf6("eth0/disable_ipv6", "late"), "1", "the network that has none");
    assert.deepEqual(await lab.addresses6("late", "eth0"), []);
    assert.match(await lab.inside("late", "cat /etc/hosts"), /^2001:db8:1::a7e\tlate$/m);

    await docker("network", "disconnect", "dual", "late");
    assert.deepEqual(await lab.defaultRoute("late", 6), []);
    assert.doesNotMatch(await lab.inside("late", "cat /etc/hosts"), /2001:db8/);
    // And another, which is eth1 again.
    await docker("network", "connect", "six", "late");
    const { GlobalIPv6Address } = await lab.endpoint("late", "six");
    assert.equal((await lab.addresses6("late", "eth1"))[0]?.local, GlobalIPv6Address);
  });

  test("one that can't be is refused, and leaves nothing", async () => {
    const before = await docker("network", "ls", "-q");
    for (const [line, says] of [
      ["--ipv4=false", /IPv4 or IPv6 must be enabled/],
      ["--ipv6 --subnet fe80::/64", /Link-Local/],
      ["--ipv6 --subnet 2001:db8:1::/48", /Pool overlaps with other one on this address space/],
      ["--ipv6 --subnet 2001:db8::/64", /overlap/],
      ["--ipv6 --subnet 2001:db8:7::/64 --gateway 2001:db8:8::1", /gateway/],
      ["--ipv6 --subnet 2001:db8:7::/128", /subnet|pool|address/i],
      ["--ipv6 --opt com.docker.network.bridge.gateway_mode_ipv6=isolated", /isolated/],
      ["--ipv6 --opt com.docker.network.bridge.gateway_mode_ipv6=some", /gateway mode/],
      ["--ipv6 --opt com.docker.network.host_ipv6=192.0.2.1", /IPv6/],
      ["--ipv6 --opt com.docker.network.driver.mtu=1000", /1280/],
    ] as const) {
      const said = await lab.refused("network", "create", ...line.split(" "), "refused");
      assert.match(said, says, line);
    }
    assert.equal(await docker("network", "ls", "-q"), before);
  });
});
