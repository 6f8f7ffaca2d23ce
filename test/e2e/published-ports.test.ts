/** Published ports in every form that `docker run -p` takes: what is shown, who gets through, and as whom. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { dockerIn, namespaceOf } from "../support/docker.ts";
import { FAR, HOST, OUTSIDE } from "../support/internet.ts";
import { ask, type Place, serve, type Target } from "../support/probe.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const SERVED = ["80/tcp", "80/udp", "81/tcp", "8000/tcp", "8001/tcp", "8002/tcp"];

describe("published ports", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  let host: Place;
  let outside: Place;
  /** On the same network as the servers, and on another. */
  let neighbour: Place;
  let stranger: Place;

  const place = async (name: string): Promise<Place> => ({
    name,
    netns: await namespaceOf(suite.host, name),
  });

  before(async () => {
    const { pid, directory } = suite.host;
    host = { name: "host", netns: `/proc/${pid}/ns/net` as NetnsPath };
    outside = { name: "outside", netns: `/proc/${pid}/root${directory}/outside` as NetnsPath };
    await docker("network create --subnet 10.50.0.0/24 four");
    await docker("network create --subnet 10.51.0.0/24 --ipv6 --subnet fd00:51::/64 both");
    await docker.idle("neighbour", "--network four --ip 10.50.0.200");
    await docker.idle("stranger", "--network both --ip 10.51.0.200 --ip6 fd00:51::200");
    neighbour = await place("neighbour");
    stranger = await place("stranger");
  });

  /** A container that answers on SERVED, gone after the test. */
  async function server(flags: string): Promise<Place & AsyncDisposable> {
    await docker.idle("web", flags);
    const web = await place("web");
    await serve(web, ...SERVED);
    return { ...web, [Symbol.asyncDispose]: async () => void (await docker("rm -f web")) };
  }

  const at = (address: string, port: number, protocol: Target["protocol"] = "tcp"): Target => ({
    protocol,
    address,
    port,
  });
  /** The address that the server sees. */
  async function seen(from: Place, to: Target): Promise<string | undefined> {
    const answer = await ask(from, to);
    return answer === undefined ? `nothing from ${to.address}:${to.port}` : answer.replace(/^web from /, "");
  }
  const silence = async (from: Place, to: Target) => assert.equal(await ask(from, to, 300), undefined);
  const port = () => docker.lines("port web");
  const ports = () => docker("ps --filter name=web --format {{.Ports}}");

  test("8080:80 of a container without IPv6", async () => {
    await using web = await server("--network four -p 8080:80");
    assert.deepEqual(await port(), ["80/tcp -> 0.0.0.0:8080", "80/tcp -> [::]:8080"]);
    assert.equal(await ports(), "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
    assert.deepEqual(await docker.lines("port web 80"), ["0.0.0.0:8080", "[::]:8080"]);
    // From the host: by its loopback and bridges' addresses as the gateway.
    assert.equal(await seen(host, at("127.0.0.1", 8080)), "10.50.0.1");
    assert.equal(await seen(host, at("127.7.7.7", 8080)), "10.50.0.1");
    assert.equal(await seen(host, at("10.50.0.1", 8080)), "10.50.0.1");
    assert.equal(await seen(host, at(HOST.address, 8080)), HOST.address);
    assert.equal(await seen(host, at("172.17.0.1", 8080)), "10.50.0.1");
    // IPv6 is relayed, and relayed connections are the engine's own.
    assert.equal(await seen(host, at("::1", 8080)), "10.50.0.1");
    assert.equal(await seen(host, at(HOST.address6, 8080)), "10.50.0.1");
    assert.equal(await seen(outside, at(HOST.address6, 8080)), "10.50.0.1");
    // From outside with the client's own address.
    assert.equal(await seen(outside, at(HOST.address, 8080)), OUTSIDE.address);
    // From containers by the host's addresses, their own as well.
    assert.equal(await seen(neighbour, at(HOST.address, 8080)), "10.50.0.1");
    assert.equal(await seen(neighbour, at("10.50.0.1", 8080)), "10.50.0.1");
    assert.equal(await seen(web, at(HOST.address, 8080)), "10.50.0.1");
    assert.match((await seen(stranger, at(HOST.address, 8080))) ?? "", /^10\.5[01]\.0\.\d+$/);
    assert.match((await seen(stranger, at("10.51.0.1", 8080))) ?? "", /^10\.5[01]\.0\.\d+$/);
    // What is not published is not reached, by whatever address.
    await silence(outside, at(HOST.address, 81));
    await silence(stranger, at(HOST.address, 81));
    await suite.host.runOutside("ip", ["route", "add", "10.50.0.0/24", "via", HOST.address]);
    await silence(outside, at("10.50.0.2", 81));
    await silence(outside, at("10.50.0.2", 80));
    await suite.host.runOutside("ip", ["route", "del", "10.50.0.0/24"]);
    // A container's loopback is its own.
    await silence(neighbour, at("127.0.0.1", 8080));
  });

  test("8080:80 of a container with both families", async () => {
    await using web = await server("--network both -p 8080:80 -p 8080:80/udp");
    assert.deepEqual(await port(), [
      "80/tcp -> 0.0.0.0:8080",
      "80/tcp -> [::]:8080",
      "80/udp -> 0.0.0.0:8080",
      "80/udp -> [::]:8080",
    ]);
    for (const protocol of ["tcp", "udp"] as const) {
      assert.equal(await seen(outside, at(HOST.address, 8080, protocol)), OUTSIDE.address);
      assert.equal(await seen(outside, at(HOST.address6, 8080, protocol)), OUTSIDE.address6);
      assert.equal(await seen(host, at("127.0.0.1", 8080, protocol)), "10.51.0.1");
      assert.equal(await seen(host, at(HOST.address, 8080, protocol)), HOST.address);
      assert.equal(await seen(host, at(HOST.address6, 8080, protocol)), HOST.address6);
      assert.match((await seen(host, at("::1", 8080, protocol))) ?? "", /^(fd00:51::1|10\.51\.0\.1)$/);
      assert.equal(await seen(web, at(HOST.address, 8080, protocol)), "10.51.0.1");
      assert.equal(await seen(web, at(HOST.address6, 8080, protocol)), "fd00:51::1");
      assert.equal(await seen(stranger, at(HOST.address6, 8080, protocol)), "fd00:51::1");
    }
  });

  test("127.0.0.1:8080:80 and 127.0.0.1::80: of the host's own, and nobody else's", async () => {
    await using _ = await server("--network four -p 127.0.0.1:8080:80 -p 127.0.0.1::81");
    const [first, second] = await port();
    assert.equal(first, "80/tcp -> 127.0.0.1:8080");
    const any = Number(/^81\/tcp -> 127\.0\.0\.1:(\d+)$/.exec(second ?? "")?.[1]);
    assert.ok(any >= 32768, `any port: ${second}`);
    assert.equal(await seen(host, at("127.0.0.1", 8080)), "10.50.0.1");
    assert.equal(await seen(host, at("127.0.0.1", any)), "10.50.0.1");
    for (const from of [host, outside, neighbour, stranger]) await silence(from, at(HOST.address, 8080));
    await silence(host, at("::1", 8080));
    // A neighbour that routes 127/8 at the host.
    await suite.host.runOutside("sh", [
      "-ec",
      `sysctl -qw net.ipv4.conf.all.route_localnet=1
       ip address del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via ${HOST.address}`,
    ]);
    await silence(outside, at("127.0.0.1", 8080));
    await suite.host.runOutside("sh", [
      "-ec",
      "ip route del 127.0.0.1; ip address add 127.0.0.1/8 dev lo; sysctl -qw net.ipv4.conf.all.route_localnet=0",
    ]);
  });

  test("[::1]:8080:80", async () => {
    await using _ = await server("--network four -p [::1]:8080:80");
    assert.deepEqual(await port(), ["80/tcp -> [::1]:8080"]);
    assert.equal(await ports(), "[::1]:8080->80/tcp");
    assert.equal(await seen(host, at("::1", 8080)), "10.50.0.1");
    for (const from of [host, outside]) {
      await silence(from, at(HOST.address, 8080));
      await silence(from, at(HOST.address6, 8080));
    }
    await silence(host, at("127.0.0.1", 8080));
  });

  test("an address of the host's, of each family", async () => {
    await using _ = await server(`--network both -p ${HOST.address}:8080:80 -p [${HOST.address6}]:8081:80`);
    assert.deepEqual((await port()).toSorted(), [
      `80/tcp -> ${HOST.address}:8080`,
      `80/tcp -> [${HOST.address6}]:8081`,
    ]);
    assert.equal(await seen(outside, at(HOST.address, 8080)), OUTSIDE.address);
    assert.equal(await seen(outside, at(HOST.address6, 8081)), OUTSIDE.address6);
    await silence(host, at("127.0.0.1", 8080));
    await silence(outside, at(HOST.address, 8081));
    await silence(outside, at(HOST.address6, 8080));
  });

  test("80, 0:80 and -P: any free port, the same of both families", async () => {
    await using _ = await server("--network four -p 80 -p 0:81 --expose 8000-8001 --expose 80/udp -P");
    const lines = await port();
    const numbers = new Map<string, Set<string>>();
    for (const line of lines) {
      const [, key = "", number = ""] = /^(\S+) -> .*:(\d+)$/.exec(line) ?? [];
      numbers.set(key, (numbers.get(key) ?? new Set()).add(number));
    }
    assert.deepEqual([...numbers.keys()].sort(), ["80/tcp", "80/udp", "8000/tcp", "8001/tcp", "81/tcp"]);
    assert.equal(lines.length, 10);
    for (const [key, of] of numbers) {
      const [number = "", ...more] = of;
      assert.deepEqual(more, [], `${key}: one port for both families`);
      assert.ok(Number(number) >= 32768 && Number(number) <= 60999, number);
      const protocol = key.endsWith("udp") ? "udp" : "tcp";
      assert.equal(await seen(outside, at(HOST.address, Number(number), protocol)), OUTSIDE.address);
    }
  });

  test("8000-8010:80: the first that is free; 8000-8002:8000-8002: each its own", async () => {
    await docker.idle("first", "--network four -p 8000-8010:80");
    await docker.idle("second", "--network four -p 8000-8010:80");
    assert.equal(await docker("port first 80/tcp"), "0.0.0.0:8000\n[::]:8000");
    assert.equal(await docker("port second 80/tcp"), "0.0.0.0:8001\n[::]:8001");
    assert.match(
      await docker.refused("run --name third --network four -p 8000-8001:80 busybox true"),
      /Bind for 0\.0\.0\.0:8000-8001 failed: all ports are allocated/,
    );
    await docker("rm -f first second third");
    {
      await using _ = await server("--network four -p 8000-8002:8000-8002");
      assert.equal(await ports(), "0.0.0.0:8000-8002->8000-8002/tcp, [::]:8000-8002->8000-8002/tcp");
      for (const number of [8000, 8001, 8002]) {
        assert.equal(await seen(outside, at(HOST.address, number)), OUTSIDE.address);
      }
    }
    assert.match(
      await docker.refused("create --network four -p 8000-8002:8000-8001 busybox"),
      /invalid ranges specified for container and host Ports|range/i,
    );
  });

  test("8080:80/udp: answers come from the address that was asked", async () => {
    await using _ = await server("--network four -p 8080:80/udp");
    assert.deepEqual(await port(), ["80/udp -> 0.0.0.0:8080", "80/udp -> [::]:8080"]);
    assert.equal(await seen(host, at("127.0.0.1", 8080, "udp")), "10.50.0.1");
    assert.equal(await seen(host, at("::1", 8080, "udp")), "10.50.0.1");
    assert.equal(await seen(outside, at(HOST.address, 8080, "udp")), OUTSIDE.address);
    assert.equal(await seen(outside, at(HOST.address6, 8080, "udp")), "10.50.0.1");
    assert.equal(await seen(neighbour, at(HOST.address, 8080, "udp")), "10.50.0.1");
    await silence(outside, at(HOST.address, 8080));
  });

  test("8080:80/sctp: shown, with its rules", async () => {
    await using _ = await server("--network four -p 8080:80/sctp");
    assert.equal(await ports(), "0.0.0.0:8080->80/sctp, [::]:8080->80/sctp");
    const { stdout } = await suite.host.run("nft", ["list", "ruleset"]);
    assert.match(stdout, /sctp \. 8080 : 10\.50\.0\.\d+ \. 80/);
  });

  test("several host ports for one of the container's", async () => {
    await using _ = await server("--network four -p 8080:80 -p 127.0.0.1:8081:80 -p 8082:80");
    assert.equal(await seen(outside, at(HOST.address, 8080)), OUTSIDE.address);
    assert.equal(await seen(outside, at(HOST.address, 8082)), OUTSIDE.address);
    await silence(outside, at(HOST.address, 8081));
    assert.equal(await seen(host, at("127.0.0.1", 8081)), "10.50.0.1");
    assert.deepEqual(await docker.lines("ps --filter publish=8081 --format {{.Names}}"), ["web"]);
    assert.deepEqual(await docker.lines("ps --filter publish=80 --format {{.Names}}"), []);
    assert.deepEqual(await docker.lines("ps --filter expose=80 --format {{.Names}}"), ["web"]);
  });

  test("on the default bridge, by a real server", async () => {
    await docker("run -d --name httpd -p 8080:80 busybox httpd -f -v -h /etc");
    const name = await docker("exec httpd hostname");
    for (const at of ["127.0.0.1", "[::1]", HOST.address]) {
      assert.equal((await suite.host.run("curl", ["-s", `http://${at}:8080/hostname`])).stdout.trim(), name);
    }
    const { stdout } = await suite.host.runOutside("curl", ["-s", `http://${HOST.address}:8080/hostname`]);
    assert.equal(stdout.trim(), name);
    const inside = await docker(`run --rm busybox wget -qO- http://${HOST.address}:8080/hostname`);
    assert.equal(inside, name);
    assert.match(
      (await suite.host.docker("logs", "httpd")).stderr,
      /\[::ffff:203\.0\.113\.1\]:\d+: response:200/,
    );
    await docker("rm -f httpd");
  });

  test("host_binding_ipv4: where a network publishes its ports", async () => {
    await docker("network create -o com.docker.network.bridge.host_binding_ipv4=127.0.0.1 shy");
    {
      await using _ = await server("--network shy -p 8080:80 -p 0.0.0.0:8081:80");
      assert.deepEqual((await port()).toSorted(), ["80/tcp -> 0.0.0.0:8081", "80/tcp -> 127.0.0.1:8080"]);
      await silence(outside, at(HOST.address, 8080));
      assert.equal(await seen(outside, at(HOST.address, 8081)), OUTSIDE.address);
    }
    await docker("network rm shy");
  });

  test("gateway_mode nat-unprotected: every port, by whoever has a route", async () => {
    await docker(
      "network create --subnet 10.52.0.0/24 -o com.docker.network.bridge.gateway_mode_ipv4=nat-unprotected bare",
    );
    await suite.host.runOutside("ip", ["route", "add", "10.52.0.0/24", "via", HOST.address]);
    {
      await using _ = await server("--network bare -p 8080:80");
      assert.equal(await seen(outside, at("10.52.0.2", 81)), OUTSIDE.address);
      assert.equal(await seen(outside, at(HOST.address, 8080)), OUTSIDE.address);
    }
    await suite.host.runOutside("ip", ["route", "del", "10.52.0.0/24"]);
    await docker("network rm bare");
  });

  test("an internal network publishes nothing, and says so nowhere", async () => {
    await docker("network create --internal inner");
    {
      await using _ = await server("--network inner -p 8080:80");
      await silence(outside, at(HOST.address, 8080));
      assert.deepEqual(await port(), []);
    }
    await docker("network rm inner");
  });

  test("a far client keeps its address", async () => {
    await using _ = await server("--network four -p 8080:80");
    const { stdout } = await suite.host.runOutside("curl", [
      "-s",
      "--interface",
      FAR.address,
      "--http0.9",
      `http://${HOST.address}:8080/`,
    ]);
    assert.equal(stdout, `web from ${FAR.address}`);
  });
});
