/** The classic lesson of Docker's bridge network, by the real `docker` command and the host's own programs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect, inspectNetwork, linksOf, only, portsOf } from "../support/inspect.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("two containers on docker0", { skip: withoutRoot }, () => {
  // The opposite of what is asserted below.
  const suite = hostWithEngine({ sysctls: { "net.ipv4.ip_forward": "0" } });

  const docker = async (...args: string[]): Promise<string> =>
    (await suite.host.docker(...args)).stdout.trimEnd();

  test("the three networks stand before any container", async () => {
    const lines = await docker("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}");
    assert.deepEqual(lines.split("\n").sort(), ["bridge bridge local", "host host local", "none null local"]);
    const { stdout } = await suite.host.run("sysctl", ["-n", "net.ipv4.ip_forward"]);
    assert.equal(stdout.trim(), "1");
    const docker0 = only(await linksOf(suite.host), "docker0", ({ ifname }) => ifname === "docker0");
    const address = only(docker0.addr_info, "IPv4 addresses", ({ family }) => family === "inet");
    assert.equal(`${address.local}/${address.prefixlen}`, "172.17.0.1/16");
    assert.equal(address.broadcast, "172.17.255.255");
    assert.equal(docker0.mtu, 1500);
    assert.ok(docker0.flags.includes("UP"));
    assert.equal(
      Number.parseInt(docker0.address.slice(0, 2), 16) & 3,
      2,
      "locally administered, not a group",
    );
  });

  test("the first command of any tutorial runs without an image", async () => {
    assert.match(await docker("run", "-itd", "--name=container1", "busybox"), /^[0-9a-f]{64}$/);
    assert.match(await docker("run", "-itd", "--name=container2", "busybox"), /^[0-9a-f]{64}$/);
    const lines = await docker("ps", "--format", "{{.Names}}|{{.Image}}|{{.Command}}|{{.Status}}");
    assert.match(lines, /^container2\|busybox\|"sh"\|Up .*\ncontainer1\|busybox\|"sh"\|Up /);
  });

  test("inspect and network inspect agree, and say what the kernel says", async () => {
    const network = await inspectNetwork(suite.host, "bridge");
    assert.deepEqual(network.Options, {
      "com.docker.network.bridge.default_bridge": "true",
      "com.docker.network.bridge.enable_icc": "true",
      "com.docker.network.bridge.enable_ip_masquerade": "true",
      "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
      "com.docker.network.bridge.name": "docker0",
      "com.docker.network.driver.mtu": "1500",
    });
    assert.deepEqual(network.IPAM.Config, [{ Subnet: "172.17.0.0/16", Gateway: "172.17.0.1" }]);
    assert.deepEqual(await docker("inspect", "--format", "{{.Id}}", "bridge"), network.Id);
    for (const [name, address, mac] of [
      ["container1", "172.17.0.2", "02:42:ac:11:00:02"],
      ["container2", "172.17.0.3", "02:42:ac:11:00:03"],
    ] as const) {
      const { Id, NetworkSettings: settings } = await inspect(suite.host, name);
      const listed = network.Containers[Id];
      assert.deepEqual(listed, {
        Name: name,
        EndpointID: settings.EndpointID,
        MacAddress: mac,
        IPv4Address: `${address}/16`,
        IPv6Address: "",
      });
      assert.equal(settings.Networks.bridge?.EndpointID, settings.EndpointID);
      assert.equal(settings.Networks.bridge?.Gateway, "172.17.0.1");
      assert.deepEqual([settings.IPAddress, settings.MacAddress], [address, mac]);
      assert.equal(settings.SandboxKey, `${suite.host.execRoot}/netns/${settings.SandboxID.slice(0, 12)}`);
    }
  });

  test("the ends of each pair name each other by index", async () => {
    const ports = await portsOf(suite.host, "docker0");
    assert.equal(ports.length, 2);
    for (const container of ["container1", "container2"]) {
      const { NetworkSettings: settings } = await inspect(suite.host, container);
      const inside = await linksOf(suite.host, settings.SandboxKey);
      assert.deepEqual(inside.map(({ ifname }) => ifname).sort(), ["eth0", "lo"]);
      for (const link of inside) assert.ok(link.flags.includes("UP"), `${link.ifname} is up`);
      const eth0 = only(inside, "eth0", ({ ifname }) => ifname === "eth0");
      const address = only(eth0.addr_info, "addresses (IPv6 is off)", () => true);
      assert.equal(address.broadcast, "172.17.255.255");
      assert.equal(eth0.address, settings.MacAddress);

      const port = only(
        ports,
        `ports with index ${eth0.link_index}`,
        ({ ifindex }) => ifindex === eth0.link_index,
      );
      assert.equal(port.link_index, eth0.ifindex);
      assert.match(port.ifname, /^veth[0-9a-f]{7}$/);
      assert.match(port.ifalias ?? "", new RegExp(`${container}.*bridge`));
      const peerIndex = async (args: readonly string[]) => {
        const { stdout } = await suite.host.run("nsenter", args);
        return Number(/peer_ifindex: (\d+)/.exec(stdout)?.[1]);
      };
      assert.equal(await peerIndex(["ethtool", "-S", port.ifname]), eth0.ifindex);
      assert.equal(await peerIndex([`--net=${settings.SandboxKey}`, "ethtool", "-S", "eth0"]), port.ifindex);
      assert.match(
        await docker("exec", container, "ip", "a"),
        new RegExp(`${eth0.ifindex}: eth0@if${port.ifindex}:`),
      );
    }
    const { stdout } = await suite.host.run("brctl", ["show", "docker0"]);
    for (const { ifname } of ports) assert.ok(stdout.includes(ifname), `brctl show names ${ifname}`);
  });

  test("a sandbox can be given a name, and every tool works in it", async () => {
    const { NetworkSettings: settings } = await inspect(suite.host, "container1");
    await suite.host.run("ln", ["-s", settings.SandboxKey, "/var/run/netns/c1"]);
    assert.match(
      (await suite.host.run("ip", ["netns", "exec", "c1", "ip", "a"])).stdout,
      /172\.17\.0\.2\/16/,
    );
    assert.match(
      (await suite.host.run("ip", ["netns", "exec", "c1", "ethtool", "-S", "eth0"])).stdout,
      /peer_ifindex/,
    );
    await suite.host.run("rm", ["/var/run/netns/c1"]);
  });

  const pings = async (run: () => Promise<string>) => assert.match(await run(), / 0% packet loss/);

  test("each other, the gateway, the host and itself are reached", async () => {
    for (const target of ["172.17.0.3", "172.17.0.1", "172.17.0.2", "203.0.113.2", "127.0.0.1"]) {
      await pings(() => docker("exec", "container1", "ping", "-c1", "-W2", target));
    }
    await pings(async () => (await suite.host.run("ping", ["-c1", "-W2", "172.17.0.2"])).stdout);
  });

  test("the outside answers, though it has no route back: NAT", async () => {
    const { stdout } = await suite.host.runOutside("ip", ["route", "show", "172.17.0.0/16"]);
    assert.equal(stdout, "");
    await pings(() => docker("exec", "container1", "ping", "-c2", "-W2", "www.baidu.com"));
  });

  test("the outside reaches no container, even with a route", async () => {
    await suite.host.runOutside("ip", ["route", "add", "172.17.0.0/16", "via", "203.0.113.2"]);
    const { code, stdout } = await suite.host.runOutside("ping", ["-c1", "-W1", "172.17.0.2"], {
      check: false,
    });
    assert.notEqual(code, 0, stdout);
    // … while what the container asks for comes back by that very route.
    await pings(() => docker("exec", "container1", "ping", "-c1", "-W2", "203.0.113.1"));
    await suite.host.runOutside("ip", ["route", "del", "172.17.0.0/16"]);
  });

  test("stop and rm leave nothing, and the address is the next one given", async () => {
    const id = await docker(
      "run",
      "-d",
      "--name",
      "test1",
      "busybox",
      "/bin/sh",
      "-c",
      "while true; do sleep 3600; done",
    );
    const { NetworkSettings: settings } = await inspect(suite.host, "test1");
    assert.equal(settings.IPAddress, "172.17.0.4");
    await suite.host.docker("stop", "-t", "1", "test1");
    const stopped = await inspect(suite.host, "test1");
    assert.deepEqual(
      [stopped.State.Status, stopped.NetworkSettings.IPAddress, stopped.NetworkSettings.EndpointID],
      ["exited", "", ""],
    );
    assert.equal((await portsOf(suite.host, "docker0")).length, 2);
    await suite.host.docker("rm", "test1");
    assert.equal((await inspectNetwork(suite.host, "bridge")).Containers[id], undefined);
    assert.equal(
      (await suite.host.run("ls", [`${suite.host.execRoot}/netns`])).stdout.split("\n").filter(Boolean)
        .length,
      2,
    );
    assert.equal(await docker("run", "--rm", "busybox", "hostname", "-i"), "172.17.0.4");
  });
});
