/** Names of containers with IPv6: the embedded DNS and the hosts file. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { FAR, OUTSIDE } from "../support/internet.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";
import { Lab } from "./ipv6-lab.ts";

describe("names", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const lab = new Lab(() => suite.host);
  const { docker } = lab;
  const idle = (name: string, ...flags: string[]) =>
    docker("run", "-d", "--name", name, "--hostname", `${name}-host`, ...flags, "busybox", "sleep", "1000");
  /** What a container's resolver answers, sorted: addresses, or for an address its names. */
  const resolved = async (container: string, name: string, type: "a" | "aaaa" | "ptr") => {
    const what = type === "ptr" ? name : `-type=${type} ${name}`;
    const said = await lab.inside(container, `nslookup ${what} || true`);
    assert.doesNotMatch(said, /NXDOMAIN|SERVFAIL|REFUSED/, `${type} ${name}`);
    // The server's own address comes first.
    const answers = said.split("\n\n").slice(1).join("\n");
    return [...answers.matchAll(/(?:Address:|name =) (\S+)/g)].map(([, found]) => found).sort();
  };

  before(async () => {
    await docker("network", "create", "--ipv6", "dual");
    await docker("network", "create", "--ipv6", "--ipv4=false", "six");
    await docker("network", "create", "four");
    await idle("both", "--network", "dual", "--network-alias", "all");
    await idle("more", "--network", "dual", "--network-alias", "all");
    await idle("alone", "--network", "six", "--network-alias", "lonely");
    await idle("friend", "--network", "six");
    await idle("plain", "--network", "four");
  });

  test("of both families have an address of each", async () => {
    const { IPAddress, GlobalIPv6Address } = await lab.endpoint("both", "dual");
    for (const name of ["both", "both.dual", "both-host"]) {
      assert.deepEqual(await resolved("more", name, "a"), [IPAddress], name);
      assert.deepEqual(await resolved("more", name, "aaaa"), [GlobalIPv6Address], name);
    }
    assert.deepEqual(await resolved("more", GlobalIPv6Address, "ptr"), ["both.dual"]);
    const more = (await lab.endpoint("more", "dual")).GlobalIPv6Address;
    assert.deepEqual(await resolved("both", "all", "aaaa"), [GlobalIPv6Address, more].sort());
    await lab.inside("more", "ping -6 -c1 -W10 both && ping -4 -c1 -W10 both");
  });

  test("of one family have none of the other, and are known all the same", async () => {
    const { GlobalIPv6Address } = await lab.endpoint("alone", "six");
    assert.deepEqual(await resolved("friend", "alone", "aaaa"), [GlobalIPv6Address]);
    assert.deepEqual(await resolved("friend", "lonely", "aaaa"), [GlobalIPv6Address]);
    assert.deepEqual(await resolved("friend", "alone", "a"), []);
    assert.deepEqual(await resolved("plain", "plain", "aaaa"), []);
    await lab.reaches("friend", "alone");
  });

  test("of the world, with and without IPv6", async () => {
    assert.deepEqual(await resolved("both", "v6.example.org", "aaaa"), [FAR.address6]);
    assert.deepEqual(await resolved("both", "v6.example.org", "a"), [FAR.address]);
    await lab.reaches("both", "v6.example.org");
  });

  test("of the world where the host's resolver is of the other family", async () => {
    assert.deepEqual(await resolved("alone", "v6.example.org", "aaaa"), [FAR.address6]);
    await lab.reaches("alone", "v6.example.org");
    // The host gets another one.
    await lab.sh(`echo nameserver ${OUTSIDE.address6} >/etc/resolv.conf`);
    try {
      await idle("later", "--network", "four");
      assert.deepEqual(await resolved("later", "v6.example.org", "a"), [FAR.address]);
      await idle("later6", "--network", "six");
      assert.deepEqual(await resolved("later6", "v6.example.org", "aaaa"), [FAR.address6]);
    } finally {
      await lab.sh(`echo nameserver ${OUTSIDE.address} >/etc/resolv.conf`);
    }
  });

  test("of nobody outside on an internal network, whatever its family", async () => {
    await docker("network", "create", "--internal", "--ipv6", "--ipv4=false", "inside");
    await idle("kept", "--network", "inside");
    assert.match(await lab.inside("kept", "nslookup v6.example.org || true"), /NXDOMAIN|SERVFAIL|REFUSED/);
  });

  test("by a server that is named", async () => {
    await idle("asking", "--network", "six", "--dns", OUTSIDE.address6);
    assert.deepEqual(await resolved("asking", "v6.example.org", "aaaa"), [FAR.address6]);
  });

  test("in the hosts file: its own addresses of either family, and those that are added", async () => {
    await idle("added", "--network", "dual", "--add-host", "db:2001:db8::7", "--add-host", "db:192.0.2.7");
    const { IPAddress, GlobalIPv6Address } = await lab.endpoint("added", "dual");
    const hosts = (await lab.inside("added", "cat /etc/hosts")).split("\n");
    for (const line of [
      "::1\tlocalhost ip6-localhost ip6-loopback",
      "2001:db8::7\tdb",
      "192.0.2.7\tdb",
      `${IPAddress}\tadded-host`,
      `${GlobalIPv6Address}\tadded-host`,
    ]) {
      assert.ok(hosts.includes(line), `${line} in\n${hosts.join("\n")}`);
    }
    await idle("without", "--network", "four", "--add-host", "db:2001:db8::7");
    assert.doesNotMatch(await lab.inside("without", "cat /etc/hosts"), /:/);
  });
});
