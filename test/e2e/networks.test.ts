/** Networks as people make them with the docker command, by each option that shows on the outside. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { inspectNetwork, linksOf, only } from "../support/inspect.ts";
import { FAR, HOST, OUTSIDE } from "../support/internet.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("docker network create", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  const linkOf = async (name: string) =>
    only(await linksOf(suite.host), name, (link) => link.ifname === name);
  const addressesOf = (link: { addr_info: readonly { local: string; prefixlen: number }[] }) =>
    link.addr_info
      .filter(({ local }) => !local.startsWith("fe80"))
      .map((at) => `${at.local}/${at.prefixlen}`);
  const run = async (flags: string, ...command: string[]) =>
    (await suite.host.tryDocker("run", "--rm", ...flags.split(" "), "busybox", ...command)).stdout;

  test("without options: a bridge of the id's name, with the next subnet", async () => {
    const id = await docker("network create plain");
    assert.match(id, /^[0-9a-f]{64}$/);
    const { IPAM, Options } = await inspectNetwork(suite.host, "plain");
    assert.deepEqual(Options, {});
    const [pool] = IPAM.Config;
    assert.match(pool?.Subnet ?? "", /^172\.(1[89]|2\d|3[01])\.0\.0\/16$/);
    assert.deepEqual(addressesOf(await linkOf(`br-${id.slice(0, 12)}`)), [`${pool?.Gateway}/16`]);
    await docker("network rm plain");
  });

  test("--subnet --gateway --ip-range --aux-address", async () => {
    const id = await docker(
      "network create --subnet 10.9.0.0/24 --gateway 10.9.0.254 --ip-range 10.9.0.64/26 " +
        "--aux-address router=10.9.0.64 --aux-address printer=10.9.0.66 ranged",
    );
    assert.deepEqual(addressesOf(await linkOf(`br-${id.slice(0, 12)}`)), ["10.9.0.254/24"]);
    await docker.idle("r1", "--network ranged");
    await docker.idle("r2", "--network ranged");
    const { Containers, IPAM } = await inspectNetwork(suite.host, "ranged");
    assert.deepEqual(
      Object.values(Containers)
        .map(({ Name, IPv4Address }) => `${Name} ${IPv4Address}`)
        .sort(),
      ["r1 10.9.0.65/24", "r2 10.9.0.67/24"],
    );
    assert.deepEqual(IPAM.Config, [
      {
        Subnet: "10.9.0.0/24",
        IPRange: "10.9.0.64/26",
        Gateway: "10.9.0.254",
        AuxiliaryAddresses: { router: "10.9.0.64", printer: "10.9.0.66" },
      },
    ]);
    assert.match(await docker("exec r1 ip route"), /^default via 10\.9\.0\.254 dev eth0/m);
    await docker("rm -f r1 r2");
    await docker("network rm ranged");
  });

  test("several subnets, of both families", async () => {
    const id = await docker(
      "network create --ipv6 --subnet 10.8.0.0/24 --subnet 10.8.1.0/24 --subnet fd00:8::/64 " +
        "--gateway fd00:8::ff --gateway 10.8.1.9 wide",
    );
    // The command line sends subnets in any order.
    assert.deepEqual(addressesOf(await linkOf(`br-${id.slice(0, 12)}`)).sort(), [
      "10.8.0.1/24",
      "10.8.1.9/24",
      "fd00:8::ff/64",
    ]);
    await docker.idle("w1", "--network wide --ip6 fd00:8::77");
    await docker.idle("w2", "--network wide --ip 10.8.1.5");
    const first = await docker("exec w1 ip -o address");
    assert.match(first, /inet 10\.8\.[01]\.\d\/24 .*inet6 fd00:8::77\/64/s);
    assert.match(await docker("exec w1 ip -6 route"), /^default via fd00:8::ff dev eth0/m);
    assert.match(await docker("exec w2 ip route"), /^default via 10\.8\.1\.9 dev eth0/m);
    await docker("exec w1 ping -6 -c1 -W2 w2");
    await docker(`exec w1 ping -c1 -W2 ${OUTSIDE.address}`);
    await docker(`exec w1 ping -c1 -W2 ${OUTSIDE.address6}`);
    await docker("rm -f w1 w2");
    await docker("network rm wide");
  });

  test("--ipv6 without a subnet: one of the engine's own; --ipv4=false: none of the other", async () => {
    await docker("network create --ipv6 --ipv4=false six");
    const [pool, ...more] = (await inspectNetwork(suite.host, "six")).IPAM.Config;
    assert.match(pool?.Subnet ?? "", /^fd[0-9a-f:]+::\/64$/);
    assert.equal(more.length, 0);
    const told = await run("--network six", "sh", "-c", `ip -o addr show eth0; ping -c1 -W2 ${FAR.address6}`);
    assert.match(told, /inet6 fd/);
    assert.doesNotMatch(told, /inet /);
    assert.match(told, / 0% packet loss/);
    await docker("network rm six");
  });

  test("--internal: no way out, and the host itself within reach", async () => {
    await docker("network create --internal --subnet 10.7.0.0/24 inner");
    await docker.idle("i1", "--network inner");
    await docker.idle("i2", "--network inner");
    assert.doesNotMatch(await docker("exec i1 ip route"), /default/);
    await docker("exec i1 ping -c1 -W2 i2");
    await suite.host.run("ping", ["-c1", "-W2", "10.7.0.2"]);
    // Not by a route of its own either.
    await docker("rm -f i1");
    await docker.idle("i1", "--network inner --cap-add NET_ADMIN");
    await docker("exec i1 ip route add default via 10.7.0.1");
    const { stdout } = await docker.shell("i1", `ping -c1 -W1 ${OUTSIDE.address}`);
    assert.match(stdout, /100% packet loss/);
    await docker("rm -f i1 i2");
    await docker("network rm inner");
  });

  test("bridge.name, mtu, container_iface_prefix", async () => {
    await docker(
      "network create -o com.docker.network.bridge.name=lan0 -o com.docker.network.driver.mtu=1400 " +
        "-o com.docker.network.container_iface_prefix=lan named",
    );
    assert.equal((await linkOf("lan0")).mtu, 1400);
    const told = await run("--network named", "ip", "link");
    assert.match(told, /\blan0@if\d+: .*mtu 1400 /);
    await docker("network rm named");
    assert.deepEqual(
      (await linksOf(suite.host)).filter(({ ifname }) => ifname === "lan0"),
      [],
    );
  });

  test("a bridge that a user made is used, with its links, and stays", async () => {
    await suite.host.run("ip", ["link", "add", "mine0", "type", "bridge"]);
    await docker("network create -o com.docker.network.bridge.name=mine0 --subnet 10.6.0.0/24 mine");
    assert.match(await run("--network mine", "ping", "-c1", "-W2", OUTSIDE.address), / 0% packet loss/);
    await docker("network rm mine");
    assert.deepEqual(addressesOf(await linkOf("mine0")), []);
    await suite.host.run("ip", ["link", "del", "mine0"]);
  });

  test("enable_icc=false: containers reach the outside, not each other", async () => {
    await docker("network create -o com.docker.network.bridge.enable_icc=false apart");
    await docker.idle("a1", "--network apart");
    assert.match(await run("--network apart", "ping", "-c1", "-W1", "a1"), /100% packet loss/);
    assert.match(await run("--network apart", "ping", "-c1", "-W2", OUTSIDE.address), / 0% packet loss/);
    await docker("rm -f a1");
    await docker("network rm apart");
  });

  test("enable_ip_masquerade=false: packets leave under the container's own address", async () => {
    await docker("network create -o com.docker.network.bridge.enable_ip_masquerade=false bare");
    // The outside has no way back to it.
    assert.match(await run("--network bare", "ping", "-c1", "-W1", OUTSIDE.address), /100% packet loss/);
    assert.match(await run("--network bare", "ping", "-c1", "-W2", HOST.address), / 0% packet loss/);
    await docker("network rm bare");
  });

  test("host_ipv4 and host_ipv6: the address that packets leave under", async () => {
    await suite.host.run("sh", [
      "-ec",
      "ip address add 203.0.113.77/24 dev eth0; ip address add 2001:db8::77/64 dev eth0 nodad",
    ]);
    await docker(
      "network create --ipv6 -o com.docker.network.host_ipv4=203.0.113.77 -o com.docker.network.host_ipv6=2001:db8::77 snat",
    );
    const rules = `table inet seen {
      counter four { }
      counter six { }
      chain in {
        type filter hook input priority 0
        ip saddr 203.0.113.77 icmp type echo-request counter name four
        ip6 saddr 2001:db8::77 icmpv6 type echo-request counter name six
      }
    }`;
    await suite.host.runOutside("nft", ["-f", "-"], { input: rules });
    await run("--network snat", "sh", "-c", `ping -c1 -W2 ${FAR.address}; ping -c1 -W2 ${FAR.address6}`);
    const { stdout } = await suite.host.runOutside("nft", ["list", "counters", "table", "inet", "seen"]);
    assert.deepEqual(
      [...stdout.matchAll(/packets (\d+)/g)].map(([, count]) => count),
      ["1", "1"],
    );
    await suite.host.runOutside("nft", ["delete", "table", "inet", "seen"]);
    await docker("network rm snat");
    await suite.host.run("sh", [
      "-ec",
      "ip address del 203.0.113.77/24 dev eth0; ip address del 2001:db8::77/64 dev eth0",
    ]);
  });

  test("gateway_mode routed: whoever has a route reaches published ports alone, untranslated", async () => {
    await docker(
      "network create --subnet 10.5.0.0/24 -o com.docker.network.bridge.gateway_mode_ipv4=routed routed",
    );
    await docker("run -d --name open --network routed -p 80 busybox httpd -f -h /etc");
    await suite.host.runOutside("ip", ["route", "add", "10.5.0.0/24", "via", HOST.address]);
    const ask = (port: number) =>
      suite.host.runOutside("curl", ["-sm1", `http://10.5.0.2:${port}/hostname`], { check: false });
    await docker("exec -d open httpd -p 81 -h /etc");
    assert.match((await ask(80)).stdout, /^[0-9a-f]{12}\n$/);
    assert.equal((await ask(81)).stdout, "");
    await suite.host.runOutside("ip", ["route", "del", "10.5.0.0/24"]);
    await docker("rm -f open");
    await docker("network rm routed");
  });

  test("gateway_mode isolated: the bridge has no address, its containers no gateway", async () => {
    const id = await docker(
      "network create --internal --ipv6 -o com.docker.network.bridge.gateway_mode_ipv4=isolated " +
        "-o com.docker.network.bridge.gateway_mode_ipv6=isolated island",
    );
    assert.deepEqual(addressesOf(await linkOf(`br-${id.slice(0, 12)}`)), []);
    await docker.idle("l1", "--network island");
    const told = await run("--network island", "sh", "-c", "ip route; ping -c1 -W2 l1");
    assert.doesNotMatch(told, /default/);
    assert.match(told, / 0% packet loss/);
    await docker("rm -f l1");
    await docker("network rm island");
  });

  test("inhibit_ipv4: the gateway is another's", async () => {
    const id = await docker(
      "network create --subnet 10.4.0.0/24 --gateway 10.4.0.254 -o com.docker.network.bridge.inhibit_ipv4=true foreign",
    );
    assert.deepEqual(addressesOf(await linkOf(`br-${id.slice(0, 12)}`)), []);
    assert.match(await run("--network foreign", "ip", "route"), /^default via 10\.4\.0\.254 dev eth0/m);
    await docker("network rm foreign");
  });

  test("--config-only and --config-from", async () => {
    await docker("network create --config-only --subnet 10.3.0.0/24 --label kind=config base");
    const before = (await linksOf(suite.host)).length;
    assert.equal(await docker("network inspect base --format {{.ConfigOnly}}/{{.Driver}}"), "true/null");
    await docker("network create --config-from base derived");
    assert.equal((await linksOf(suite.host)).length, before + 1);
    assert.equal(
      await docker("network inspect derived --format {{.ConfigFrom.Network}}/{{.Driver}}/{{.Labels.kind}}"),
      "base/bridge/config",
    );
    assert.match(await run("--network derived", "hostname", "-i"), /^10\.3\.0\.2$/m);
    assert.match(await docker.refused("network rm base"), /configuration network "base" is in use/);
    assert.match(
      await docker.refused("run --name based --network base busybox"),
      /configuration-only network/,
    );
    await docker("rm based");
    await docker("network rm derived base");
  });

  test("--ipam-driver null: containers have an interface, and no address", async () => {
    await docker("network create -d macvlan -o parent=eth0 --ipv4=false --ipam-driver null void");
    const told = await run("--network void", "ip", "address");
    assert.match(told, /: eth0@/);
    assert.doesNotMatch(told, /inet (?!127)/);
    await docker("network rm void");
  });

  test("macvlan: on the parent's own wire, with no way to the parent", async () => {
    await docker(
      "network create -d macvlan -o parent=eth0 --subnet 203.0.113.0/24 --gateway 203.0.113.1 " +
        "--ip-range 203.0.113.128/28 --aux-address host=203.0.113.2 wire",
    );
    const told = await run(
      "--network wire",
      "sh",
      "-c",
      `ip -o addr; ping -c1 -W2 ${OUTSIDE.address}; ping -c1 -W2 ${FAR.address}; ping -c1 -W1 ${HOST.address}`,
    );
    assert.match(told, /eth0 +inet 203\.0\.113\.128\/24/);
    assert.deepEqual(
      [...told.matchAll(/(\d+)% packet loss/g)].map(([, lost]) => lost),
      ["0", "0", "100"],
    );
    await docker("network rm wire");
  });

  test("pools go on after the 31st", async () => {
    const names = Array.from({ length: 33 }, (_, index) => `many${index}`);
    for (const name of names) await suite.engine.request("POST", "/networks/create", { Name: name });
    const subnets = await docker.lines(
      "network inspect --format",
      "{{(index .IPAM.Config 0).Subnet}}",
      ...names,
    );
    assert.equal(new Set(subnets).size, 33);
    assert.match(subnets.at(-1) ?? "", /^10\.\d+\.\d+\.0\/24$/);
    assert.match(await run("--network many32", "ping", "-c1", "-W2", OUTSIDE.address), / 0% packet loss/);
    await docker("network rm", ...names);
  });

  test("a host's route is passed over", async () => {
    await suite.host.run("ip", ["route", "add", "172.18.0.0/15", "via", OUTSIDE.address]);
    await docker("network create beside");
    const [pool] = (await inspectNetwork(suite.host, "beside")).IPAM.Config;
    assert.doesNotMatch(pool?.Subnet ?? "", /^172\.1[89]\./);
    await docker("network rm beside");
    await suite.host.run("ip", ["route", "del", "172.18.0.0/15"]);
  });
});
