/** Who reaches whom by IPv6, in each gateway mode, and what a neighbour who routes at containers gets. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { FAR, HOST, OUTSIDE } from "../support/internet.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";
import { Lab } from "./ipv6-lab.ts";

describe("IPv6", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const lab = new Lab(() => suite.host);
  const { docker } = lab;
  const serve = (name: string, ...flags: string[]) => lab.serve(name, ...flags);
  const network = (name: string, line: string) =>
    docker("network", "create", "--ipv6", ...line.split(" ").filter(Boolean), name);
  const addressOf = async (container: string, of: string) =>
    (await lab.endpoint(container, of)).GlobalIPv6Address;
  /** While `work` goes on, the outside sends what is for `subnet` to the host. */
  const routed = async (subnet: string, work: () => Promise<void>) => {
    await lab.outside(`ip -6 route add ${subnet} via ${HOST.address6}`);
    try {
      await work();
    } finally {
      await lab.outside(`ip -6 route del ${subnet}`);
    }
  };

  before(async () => {
    await lab.serveOutside();
    await network("one", "");
    await network("two", "");
    await serve("a1", "--network", "one");
    await serve("a2", "--network", "one");
    await serve("b1", "--network", "two");
  });

  test("containers of one network each other, their gateway, the host", async () => {
    const { GlobalIPv6Address: a2 } = await lab.endpoint("a2", "one");
    const { IPv6Gateway: gateway } = await lab.endpoint("a1", "one");
    for (const address of [a2, gateway, HOST.address6, "::1"]) await lab.reaches("a1", address);
    assert.equal((await lab.asks("a1", `[${a2}]`)).client, await addressOf("a1", "one"));
    await lab.reaches("host", a2);
    assert.equal((await lab.asks("host", `[${a2}]`)).client, gateway);
  });

  test("the outside, which has no way back, under the host's address", async () => {
    for (const address of [OUTSIDE.address6, FAR.address6]) {
      await lab.reaches("a1", address);
      assert.deepEqual(await lab.asks("a1", `[${address}]`), { server: "outside", client: HOST.address6 });
    }
  });

  test("under another of its addresses where the network says so", async () => {
    await lab.sh("ip address add 2001:db8::22/64 dev eth0 nodad preferred_lft 0");
    await network("snat", "--opt com.docker.network.host_ipv6=2001:db8::22");
    await serve("s1", "--network", "snat");
    assert.equal((await lab.asks("s1", `[${OUTSIDE.address6}]`)).client, "2001:db8::22");
    assert.equal((await lab.asks("s1", OUTSIDE.address)).client, HOST.address);
  });

  test("under its own without masquerade", async () => {
    const option = "com.docker.network.bridge.enable_ip_masquerade=false";
    await network("plain", `--subnet 2001:db8:31::/64 --opt ${option}`);
    await serve("p1", "--network", "plain");
    await lab.reachesNot("p1", OUTSIDE.address6);
    await routed("2001:db8:31::/64", async () => {
      assert.equal((await lab.asks("p1", `[${OUTSIDE.address6}]`)).client, await addressOf("p1", "plain"));
      await lab.asksInVain("outside", `[${await addressOf("p1", "plain")}]`);
    });
  });

  test("not a container of another network, though its gateway", async () => {
    const { GlobalIPv6Address: b1, IPv6Gateway: gateway } = await lab.endpoint("b1", "two");
    await Promise.all([
      lab.reachesNot("a1", b1),
      lab.asksInVain("a1", `[${b1}]`),
      lab.reaches("a1", gateway),
    ]);
  });

  test("a neighbour that routes at a container's address reaches nothing", async () => {
    await serve("open", "--network", "one", "-p", "8080:80");
    const [subnet] = (await lab.network("one")).IPAM.Config.slice(-1).map(({ Subnet }) => Subnet);
    await routed(subnet ?? "", async () => {
      const addresses = await Promise.all(["a1", "open"].map((name) => addressOf(name, "one")));
      await Promise.all(
        addresses.flatMap((address) => [
          lab.reachesNot("outside", address),
          lab.asksInVain("outside", `[${address}]`),
        ]),
      );
      // The way is there: this is an address of the host's own.
      await lab.reaches("outside", (await lab.endpoint("a1", "one")).IPv6Gateway);
    });
  });

  describe("routed", () => {
    const subnet = "2001:db8:20::/64";
    before(async () => {
      await network("routed", `--subnet ${subnet} --opt com.docker.network.bridge.gateway_mode_ipv6=routed`);
      await serve("r1", "--network", "routed", "--ip6", "2001:db8:20::10", "-p", "8090:80");
      await serve("r2", "--network", "routed", "--ip6", "2001:db8:20::20");
    });

    test("published ports are open at the container's own address, others are not", async () => {
      await routed(subnet, async () => {
        assert.deepEqual(await lab.asks("outside", "[2001:db8:20::10]"), {
          server: "r1",
          client: OUTSIDE.address6,
        });
        await lab.asksInVain("outside", "[2001:db8:20::20]");
        await lab.reaches("outside", "2001:db8:20::20");
        // What was asked for is answered, under its own address.
        assert.equal((await lab.asks("r2", `[${OUTSIDE.address6}]`)).client, "2001:db8:20::20");
      });
    });

    test("from another network as from outside", async () => {
      assert.equal((await lab.asks("a1", "[2001:db8:20::10]")).server, "r1");
      await lab.asksInVain("a1", "[2001:db8:20::20]");
    });

    test("no port of the host's stands for those of a network that is routed throughout", async () => {
      const modes = "--opt com.docker.network.bridge.gateway_mode_ipv6=routed";
      await network("only6", `--ipv4=false --subnet 2001:db8:24::/64 ${modes}`);
      await serve("r3", "--network", "only6", "-p", "8093:80");
      await Promise.all([
        lab.asksInVain("outside", `[${HOST.address6}]:8093`),
        lab.asksInVain("host", "[::1]:8093"),
        lab.asksInVain("a1", `[${HOST.address6}]:8093`),
      ]);
      assert.equal((await lab.asks("host", `[${await addressOf("r3", "only6")}]`)).server, "r3");
    });

    test("by IPv4, which is translated, a port of the host's does lead there", async () => {
      assert.deepEqual(await lab.asks("outside", `${HOST.address}:8090`), {
        server: "r1",
        client: OUTSIDE.address,
      });
    });
  });

  test("nat-unprotected: any port at the container's own address, and translated on the way out", async () => {
    const subnet = "2001:db8:21::/64";
    await network(
      "unprotected",
      `--subnet ${subnet} --opt com.docker.network.bridge.gateway_mode_ipv6=nat-unprotected`,
    );
    await serve("u1", "--network", "unprotected", "--ip6", "2001:db8:21::10");
    await routed(subnet, async () => {
      assert.equal((await lab.asks("outside", "[2001:db8:21::10]")).client, OUTSIDE.address6);
      await lab.reaches("outside", "2001:db8:21::10");
      assert.equal((await lab.asks("u1", `[${OUTSIDE.address6}]`)).client, HOST.address6);
    });
  });

  test("internal: one another and the gateway, nothing else, no way out", async () => {
    await network("inside", "--internal");
    await serve("i1", "--network", "inside");
    await serve("i2", "--network", "inside");
    const { IPv6Gateway, GlobalIPv6Address: i1 } = await lab.endpoint("i1", "inside");
    assert.equal(IPv6Gateway, "", "it has none to offer");
    assert.deepEqual(await lab.defaultRoute("i1", 6), []);
    await lab.reaches("i1", await addressOf("i2", "inside"));
    await lab.reaches("host", i1);
    const key = await docker("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", "i1");
    const gateway = (await lab.network("inside")).IPAM.Config.at(-1)?.Gateway ?? "";
    assert.match(gateway, /^fd/);
    await lab.reaches("i1", gateway);
    // Not even with a route of its own making.
    await lab.sh(`nsenter --net=${key} ip -6 route add default via ${gateway}`);
    const elsewhere = await addressOf("a2", "one");
    await Promise.all([
      lab.reachesNot("i1", OUTSIDE.address6),
      lab.asksInVain("i1", `[${elsewhere}]`),
      lab.asksInVain("a1", `[${i1}]`),
    ]);
  });

  test("isolated: one another, and no host", async () => {
    const modes = ["4", "6"].map((n) => `--opt com.docker.network.bridge.gateway_mode_ipv${n}=isolated`);
    await network("isolated", `--internal ${modes.join(" ")}`);
    await serve("l1", "--network", "isolated");
    await serve("l2", "--network", "isolated");
    await lab.reaches("l1", await addressOf("l2", "isolated"));
    const { Id } = await lab.network("isolated");
    assert.doesNotMatch(await lab.sh(`ip address show dev br-${Id.slice(0, 12)}`), /inet/);
    assert.equal(await lab.conf6(`br-${Id.slice(0, 12)}/disable_ipv6`), "1");
    assert.deepEqual(await lab.defaultRoute("l1", 6), []);
  });

  test("icc=false: no neighbour, but the gateway and the outside", async () => {
    await network("apart", "--opt com.docker.network.bridge.enable_icc=false");
    await serve("x1", "--network", "apart");
    await serve("x2", "--network", "apart");
    await lab.reachesNot("x1", await addressOf("x2", "apart"));
    await lab.reaches("x1", (await lab.endpoint("x1", "apart")).IPv6Gateway);
    await lab.reaches("x1", OUTSIDE.address6);
  });
});
