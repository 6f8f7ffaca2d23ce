/** Options of a network that open or close it: trusted_host_interfaces, host-guard, spoof-guard. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { dockerIn, namespaceOf } from "../support/docker.ts";
import { HOST, OUTSIDE } from "../support/internet.ts";
import { ask, type Place, serve } from "../support/probe.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("a network's guards", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  let host: Place;
  let outside: Place;

  before(() => {
    const { pid, directory } = suite.host;
    host = { name: "host", netns: `/proc/${pid}/ns/net` as NetnsPath };
    outside = { name: "outside", netns: `/proc/${pid}/root${directory}/outside` as NetnsPath };
  });

  const place = async (name: string): Promise<Place> => ({
    name,
    netns: await namespaceOf(suite.host, name),
  });
  const tcp = (address: string, port: number) => ({ protocol: "tcp", address, port }) as const;
  const silence = async (from: Place, address: string, port: number) =>
    assert.equal(await ask(from, tcp(address, port), 300), undefined, `${from.name} to ${address}:${port}`);

  test("trusted_host_interfaces: published ports by the container's own address, from these links alone", async () => {
    await docker(
      "network create --subnet 10.90.0.0/24 -o com.docker.network.bridge.trusted_host_interfaces=eth0 trusting",
    );
    await docker("network create --subnet 10.91.0.0/24 wary");
    for (const [name, subnet] of [
      ["trusting", "10.90.0.0/24"],
      ["wary", "10.91.0.0/24"],
    ] as const) {
      await docker.idle(name, `--network ${name} -p 80`);
      await serve(await place(name), "80/tcp", "81/tcp");
      await suite.host.runOutside("ip", ["route", "add", subnet, "via", HOST.address]);
    }
    assert.equal(await ask(outside, tcp("10.90.0.2", 80)), `trusting from ${OUTSIDE.address}`);
    await silence(outside, "10.90.0.2", 81);
    await silence(outside, "10.91.0.2", 80);
    // Another network's containers come by another link.
    await silence(await place("wary"), "10.90.0.2", 80);
    for (const subnet of ["10.90.0.0/24", "10.91.0.0/24"]) {
      await suite.host.runOutside("ip", ["route", "del", subnet]);
    }
    await docker("rm -f trusting wary");
    await docker("network rm trusting wary");
  });

  test("drawbridge.host-guard: the host's own services are closed, its published ports are not", async () => {
    await serve(host, "9000/tcp");
    await docker("network create -o drawbridge.host-guard=true guarded");
    await docker("network create plain");
    await docker.idle("web", "--network plain -p 8080:80");
    await serve(await place("web"), "80/tcp");
    for (const name of ["guarded", "plain"]) await docker.idle(`on-${name}`, `--network ${name}`);
    const [guarded, plain] = [await place("on-guarded"), await place("on-plain")];
    assert.match((await ask(plain, tcp(HOST.address, 9000))) ?? "", /^host from 172\./);
    await silence(guarded, HOST.address, 9000);
    assert.match((await ask(guarded, tcp(HOST.address, 8080))) ?? "", /^web from /);
    // Names are still to be had.
    assert.match(await docker("exec on-guarded nslookup example.org"), /198\.51\.100\.10/);
    await docker(`exec on-guarded ping -c1 -W2 ${OUTSIDE.address}`);
    await docker("rm -f web on-guarded on-plain");
    await docker("network rm guarded plain");
  });

  test("drawbridge.spoof-guard: a container's own address alone, unless it is off", async () => {
    for (const [name, option, reached] of [
      ["tight", "", false],
      ["slack", "-o drawbridge.spoof-guard=false", true],
    ] as const) {
      await docker(`network create --subnet 10.92.0.0/24 ${option} ${name}`);
      await docker.idle("honest", `--network ${name}`);
      await docker.idle("liar", `--network ${name} --cap-add NET_ADMIN`);
      await docker("exec liar ip address add 10.92.0.77/24 dev eth0");
      const { code } = await docker.shell("liar", "ping -c1 -W1 -I 10.92.0.77 10.92.0.2");
      assert.equal(code === 0, reached, name);
      assert.equal((await docker.shell("liar", "ping -c1 -W2 10.92.0.2")).code, 0, name);
      await docker("rm -f honest liar");
      await docker(`network rm ${name}`);
    }
  });
});
