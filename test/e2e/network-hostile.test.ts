/** What a stranger, or a container that he runs, does to networks: it is refused or borne, and leaves nothing behind. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dockerIn, networkState } from "../support/docker.ts";
import { linksOf } from "../support/inspect.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("networks among strangers", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  const post = (path: string, body?: unknown) => suite.engine.request("POST", path, body);

  /** Made and removed again, after which all is as before. */
  const comesAndGoes = async (asked: object) => {
    const state = await networkState(suite);
    const { status, text } = await post("/networks/create", { Name: "odd", ...asked });
    assert.equal(status, 201, text);
    const { Id } = JSON.parse(text) as { Id: string };
    assert.equal((await suite.engine.request("DELETE", `/networks/${Id}`)).status, 204);
    assert.deepEqual(await networkState(suite), state);
  };

  const MTU = "com.docker.network.driver.mtu";
  const TRUSTED = "com.docker.network.bridge.trusted_host_interfaces";
  for (const [what, asked] of [
    ["a name longer than a link's alias", { Name: "x".repeat(300) }],
    ["a long name of wide characters", { Name: "網".repeat(300) }],
    ["a name that reads like rules", { Name: '"; flush ruleset' }],
    ["an MTU too small for IPv6", { Options: { [MTU]: "1279" } }],
    ["the smallest MTU", { Options: { [MTU]: "68" } }],
    ["an interface trusted twice", { Options: { [TRUSTED]: "eth0:eth0" } }],
    ["a label of a megabyte", { Labels: { x: "y".repeat(1 << 20) } }],
  ] as const) {
    test(what, () => comesAndGoes(asked));
  }

  test("a MAC address that can't be an interface's is refused before anything is made", async () => {
    const state = await networkState(suite);
    const NetworkingConfig = { EndpointsConfig: { bridge: { MacAddress: "00:00:00:00:00:00" } } };
    const { status, text } = await post("/containers/create", { Image: "busybox", NetworkingConfig });
    assert.equal(status, 400, text);
    assert.match(text, /invalid MAC address: 00:00:00:00:00:00: all zeros/);
    assert.deepEqual(await networkState(suite), state);
  });

  test("of long names the links of containers are still told apart, and go", async () => {
    const [network, container] = ["n".repeat(300), "c".repeat(300)];
    await docker("network create", network);
    const before = await linksOf(suite.host);
    await docker(`run -d --name ${container} --network ${network} busybox sleep 1000`);
    const aliases = (await linksOf(suite.host)).flatMap(({ ifalias }) => ifalias ?? []);
    assert.ok(aliases.includes(`${"c".repeat(126)} @ ${"n".repeat(126)}`), aliases.join("\n"));
    await docker("rm -f", container);
    assert.equal((await linksOf(suite.host)).length, before.length);
    await docker("network rm", network);
  });

  test("a container that ruins its own interfaces is still connected, disconnected and removed", async () => {
    await docker("network create ruined");
    await docker("network create other");
    const state = await networkState(suite);
    await docker.idle("ruiner", "--cap-add NET_ADMIN --network ruined");
    const ruin = await docker.shell(
      "ruiner",
      "ip link del eth0; ip link add eth1 type bridge; ip addr flush dev lo; ip link set lo down",
    );
    assert.equal(ruin.code, 0, ruin.stderr);
    assert.match(await docker.refused("network connect other ruiner"), /file already exists/);
    await docker.shell("ruiner", "ip link del eth1");
    await docker("network connect other ruiner");
    await docker("network disconnect ruined ruiner");
    await docker("network connect ruined ruiner");
    assert.match((await docker.shell("ruiner", "ip -o link")).stdout, /eth0@/);
    await docker("rm -f ruiner");
    assert.deepEqual(await networkState(suite), state);
  });

  test("networks that the engine removes itself are nobody's attack", async () => {
    const names = Array.from({ length: 40 }, (_, i) => `many${i}`);
    for (const Name of names) assert.equal((await post("/networks/create", { Name })).status, 201);
    for (const name of names) {
      assert.equal((await suite.engine.request("DELETE", `/networks/${name}`)).status, 204);
    }
    assert.doesNotMatch(suite.engine.log(), /again and again/);
  });

  test("an internal network is not left by the relay of a port that others publish", async () => {
    const create = (name: string, subnet: string, ...more: string[]) =>
      docker("network", "create", "--ipv6", "--subnet", subnet, ...more, name);
    await create("shut", "fd00:3::/64", "--internal");
    await create("open", "fd00:4::/64");
    await docker("run", "-d", "--name", "web", "-p", "7001:80", "busybox", "httpd", "-f", "-h", "/etc");
    for (const name of ["shut", "open"]) {
      await docker("run", "-d", "--name", `in-${name}`, "--network", name, "busybox", "sleep", "1000");
    }
    const ask = (name: string, address: string) =>
      suite.host.tryDocker("exec", name, "busybox", "wget", "-qO-", `http://[${address}]:7001/hostname`);
    assert.equal((await ask("in-open", "fd00:4::1")).code, 0);
    assert.notEqual((await ask("in-shut", "fd00:3::1")).code, 0);
    const bridge = `br-${(await docker("network", "ls", "-q", "-f", "name=^shut$")).trim()}`;
    const { stdout } = await suite.host.run("ip", [
      "-6",
      "-o",
      "address",
      "show",
      "dev",
      bridge,
      "scope",
      "link",
    ]);
    const link = /inet6 (\S+)\//.exec(stdout)?.[1] ?? assert.fail(stdout);
    assert.notEqual((await ask("in-shut", `${link}%eth0`)).code, 0);
    await docker("rm", "-f", "web", "in-shut", "in-open");
    await docker("network", "rm", "shut", "open");
  });
});
