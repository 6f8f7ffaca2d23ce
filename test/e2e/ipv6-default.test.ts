/** The default bridge network with IPv6, by the daemon's flags; turned on, kept, and turned off again. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ThrowawayHost } from "../support/host.ts";
import { HOST, OUTSIDE } from "../support/internet.ts";
import { withoutRoot } from "../support/root.ts";
import { Lab } from "./ipv6-lab.ts";

describe("the default bridge", { skip: withoutRoot, concurrency: 2 }, () => {
  const idle = (name: string, ...flags: string[]) => [
    ...["run", "-d", "--name", name, "--hostname", name, ...flags],
    ...["busybox", "sleep", "1000"],
  ];

  test("--ipv6: a subnet of the engine's own, the same after restart, none when it is turned off", async () => {
    await using host = await ThrowawayHost.create();
    const lab = new Lab(() => host);
    const first = await host.startEngine({ flags: ["--ipv6"] });
    const { EnableIPv6, IPAM } = await lab.network("bridge");
    assert.equal(EnableIPv6, true);
    const { Subnet: subnet = "", Gateway: gateway = "" } = IPAM.Config[1] ?? {};
    assert.match(subnet, /^fd[0-9a-f]{2}:.*::\/64$/);
    assert.equal(gateway, subnet.replace("/64", "1"));
    assert.match(await lab.sh("ip -6 address show docker0"), new RegExp(`inet6 ${gateway}/64`));
    await lab.serve("web", "-p", "8080:80");
    const seen = await lab.endpoint("web", "bridge");
    assert.equal(seen.GlobalIPv6Address, subnet.replace("/64", "2"));
    assert.equal(seen.IPv6Gateway, gateway);
    assert.equal(
      await lab.docker(
        "inspect",
        "--format",
        "{{.NetworkSettings.GlobalIPv6Address}} {{.NetworkSettings.GlobalIPv6PrefixLen}} {{.NetworkSettings.IPv6Gateway}}",
        "web",
      ),
      `${seen.GlobalIPv6Address} 64 ${gateway}`,
    );
    await lab.reaches("web", OUTSIDE.address6);
    assert.equal((await lab.asks("outside", `[${HOST.address6}]:8080`)).client, OUTSIDE.address6);

    await first.stop();
    const off = await host.startEngine().then(
      async (engine) => `started: ${await engine.stop()}`,
      (error: Error) => error.message,
    );
    assert.match(off, /network bridge can't change .* while containers are on it: web/);

    const second = await host.startEngine({ flags: ["--ipv6"] });
    assert.deepEqual((await lab.network("bridge")).IPAM.Config[1], { Subnet: subnet, Gateway: gateway });
    await lab.docker("rm", "-f", "web");
    await second.stop();

    await using _third = await host.startEngine();
    const now = await lab.network("bridge");
    assert.deepEqual([now.EnableIPv6, now.IPAM.Config.length], [false, 1]);
    assert.doesNotMatch(await lab.sh("ip -6 address show docker0"), /inet6/);
    assert.equal(await lab.conf6("docker0/disable_ipv6"), "1");
    await lab.docker(...idle("four"));
    assert.equal((await lab.endpoint("four", "bridge")).GlobalIPv6Address, "");
    assert.equal(await lab.conf6("all/disable_ipv6", "four"), "1");
    await lab.reaches("four", OUTSIDE.address);
  });

  test("turned on while containers run: they stay as they are, new ones have it", async () => {
    await using host = await ThrowawayHost.create();
    const lab = new Lab(() => host);
    const first = await host.startEngine();
    await lab.docker(...idle("old"));
    await first.stop();
    await using _second = await host.startEngine({
      flags: ["--ipv6", "--fixed-cidr-v6", "2001:db8:17::/64"],
    });
    await lab.docker(...idle("new"));
    assert.equal((await lab.endpoint("old", "bridge")).GlobalIPv6Address, "");
    assert.equal(await lab.conf6("all/disable_ipv6", "old"), "1");
    assert.equal((await lab.endpoint("new", "bridge")).GlobalIPv6Address, "2001:db8:17::2");
    await lab.reaches("new", OUTSIDE.address6);
    await lab.reaches("old", (await lab.endpoint("new", "bridge")).IPAddress);
    await lab.docker("restart", "-t", "0", "old");
    assert.equal((await lab.endpoint("old", "bridge")).GlobalIPv6Address, "2001:db8:17::3");
    await lab.reaches("old", OUTSIDE.address6);
  });

  test("--bip6, --fixed-cidr-v6 and --default-gateway-v6", async () => {
    await using host = await ThrowawayHost.create();
    const lab = new Lab(() => host);
    const flags = "--ipv6 --bip6 2001:db8:17::fe/64 --fixed-cidr-v6 2001:db8:17::8:0/112";
    await using _engine = await host.startEngine({
      flags: [...flags.split(" "), "--default-gateway-v6", "2001:db8:17::77"],
    });
    assert.deepEqual((await lab.network("bridge")).IPAM.Config[1], {
      Subnet: "2001:db8:17::/64",
      IPRange: "2001:db8:17::8:0/112",
      Gateway: "2001:db8:17::fe",
      AuxiliaryAddresses: { DefaultGatewayIPv6: "2001:db8:17::77" },
    });
    await lab.docker(...idle("one", "--add-host", "up:host-gateway"));
    assert.match(await lab.inside("one", "cat /etc/hosts"), /^172\.17\.0\.1\tup\n2001:db8:17::fe\tup$/m);
    const seen = await lab.endpoint("one", "bridge");
    assert.match(seen.GlobalIPv6Address, /^2001:db8:17::8:[01]$/);
    assert.equal(seen.IPv6Gateway, "2001:db8:17::77");
    assert.deepEqual(
      (await lab.defaultRoute("one", 6)).map(({ gateway }) => gateway),
      ["2001:db8:17::77"],
    );
    assert.match(await lab.sh("ip -6 address show docker0"), /inet6 2001:db8:17::fe\/64/);
    await lab.reaches("one", "2001:db8:17::fe");
  });

  test("what contradicts itself, or the host, keeps the engine from starting", async () => {
    await using host = await ThrowawayHost.create();
    await host.run("ip", ["-6", "route", "add", "2001:db8:77::/48", "via", OUTSIDE.address6]);
    const before = (await host.run("ip", ["-brief", "address"])).stdout;
    for (const [flags, says] of [
      ["--ipv6 --bip6 2001:db8:17::/64", /--bip6.*2001:db8:17::\/64 is the subnet itself/],
      ["--ipv6 --bip6 172.30.0.1/16", /--bip6/],
      ["--ipv6 --fixed-cidr-v6 172.30.0.0/16", /--fixed-cidr-v6/],
      ["--ipv6 --bip6 2001:db8:17::1/64 --fixed-cidr-v6 2001:db8:18::/80", /--fixed-cidr-v6: .*not within/],
      ["--ipv6 --fixed-cidr-v6 2001:db8:17::/64 --default-gateway-v6 2001:db8:18::1", /--default-gateway-v6/],
      [
        "--ipv6 --fixed-cidr-v6 2001:db8:77:1::/64",
        /2001:db8:77:1::\/64 overlaps with .*2001:db8:77::\/48.*eth0/,
      ],
      ["--ipv6 --fixed-cidr-v6 2001:db8::/64", /overlaps with/],
    ] as const) {
      const said = await host.startEngine({ flags: flags.split(" ") }).then(
        async (engine) => `started: ${await engine.stop()}`,
        // Its log has those of the others before.
        (error: Error) => error.message.trimEnd().split("\n").at(-1) ?? "",
      );
      assert.match(said, says, flags);
      assert.doesNotMatch(said, /started/);
    }
    assert.equal(
      (await host.run("ip", ["-brief", "address"])).stdout.replace(/ fe80\S+/g, ""),
      before.replace(/ fe80\S+/g, ""),
    );
  });
});
