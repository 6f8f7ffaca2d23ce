/** Containers on several networks, joined at the start and later, in whatever state they are. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { portsOf } from "../support/inspect.ts";
import { OUTSIDE } from "../support/internet.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("containers on networks", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  /** `eth0 10.40.0.2/24` … */
  const addresses = async (name: string) =>
    [...(await docker(`exec ${name} ip -o -4 address`)).matchAll(/^\d+: (\S+) +inet (\S+)/gm)]
      .map(([, link, address]) => `${link} ${address}`)
      .filter((line) => !line.startsWith("lo"));
  const gateway = async (name: string, family = 4) =>
    /^default via (\S+) dev (\S+)/m
      .exec(await docker(`exec ${name} ip -${family} route`))
      ?.slice(1, 3)
      .join(" ");
  const shown = (name: string, network: string, field: string) =>
    docker("inspect --format", `{{(index .NetworkSettings.Networks "${network}").${field}}}`, name);
  /** Three networks of a test's own. */
  const threeNetworks = async (name: string, third: number) => {
    const names = ["a", "b", "c"].map((letter) => `${name}-${letter}`);
    for (const [index, network] of names.entries()) {
      await docker(
        `network create --ipv6 --subnet 10.${third}.${index}.0/24 --subnet fd00:${third}:${index}::/64 ${network}`,
      );
    }
    return {
      names,
      async [Symbol.asyncDispose]() {
        const ids = await docker.lines("ps -aq");
        if (ids.length > 0) await docker("rm -f", ...ids);
        await docker("network rm", ...names);
      },
    };
  };

  test("link-local addresses of the user's choice, at the start and later", async () => {
    await using _ = await threeNetworks("local", 39);
    await docker("run -d --name chosen --network name=local-a,link-local-ip=169.254.8.8 busybox sleep 1000");
    await docker("network connect --link-local-ip 169.254.9.9 local-b chosen");
    assert.deepEqual(await addresses("chosen"), [
      "eth0 10.39.0.2/24",
      "eth0 169.254.8.8/16",
      "eth1 10.39.1.2/24",
      "eth1 169.254.9.9/16",
    ]);
    assert.equal(await shown("chosen", "local-b", "IPAMConfig.LinkLocalIPs"), "[169.254.9.9]");
    // Its port may speak with that address, and with no other.
    const ping = "busybox ping -c1 -W1 169.254.8.8";
    await docker(`run --rm --network name=local-a,link-local-ip=169.254.8.9 ${ping}`);
    await docker("exec --privileged chosen ip address add 169.254.8.7/16 dev eth0");
    await assert.rejects(
      docker(`run --rm --network name=local-a,link-local-ip=169.254.8.9 ${ping.replace(/8$/, "7")}`),
    );
  });

  test("run with several --network, each with options of its own", async () => {
    await using _ = await threeNetworks("run", 40);
    await docker(
      "run -d --name many --network run-b --network name=run-c,ip=10.40.2.77,ip6=fd00:40:2::77,alias=c1,alias=c2,mac-address=02:00:00:00:00:77 " +
        "--network name=run-a,gw-priority=10,driver-opt=com.docker.network.endpoint.ifname=front busybox sleep 1000",
    );
    // The mode's network is the first; the others follow by name.
    assert.deepEqual(await addresses("many"), [
      "eth0 10.40.1.2/24",
      "front 10.40.0.2/24",
      "eth1 10.40.2.77/24",
    ]);
    assert.equal(await gateway("many"), "10.40.0.1 front");
    assert.equal(await gateway("many", 6), "fd00:40::1 front");
    assert.match(await docker("exec many ip link show eth1"), /02:00:00:00:00:77/);
    assert.equal(await shown("many", "run-c", "GlobalIPv6Address"), "fd00:40:2::77");
    assert.equal(await shown("many", "run-c", "Aliases"), "[c1 c2]");
    assert.equal(await shown("many", "run-a", "GwPriority"), "10");
    await docker(`exec many ping -c1 -W2 ${OUTSIDE.address}`);
    // Over a stop and start, what was asked for is as it was.
    await docker("stop -t 0 many");
    assert.equal(await shown("many", "run-c", "IPAddress"), "");
    await docker("start many");
    assert.deepEqual(await addresses("many"), [
      "eth0 10.40.1.2/24",
      "front 10.40.0.2/24",
      "eth1 10.40.2.77/24",
    ]);
  });

  test("--ip --ip6 --mac-address --network-alias", async () => {
    await using _ = await threeNetworks("one", 41);
    await docker.idle(
      "exact",
      "--network one-a --ip 10.41.0.200 --ip6 fd00:41::200 --mac-address 02:00:00:00:02:00 --network-alias x --network-alias y",
    );
    assert.deepEqual(await addresses("exact"), ["eth0 10.41.0.200/24"]);
    assert.match(await docker("exec exact ip address show eth0"), /02:00:00:00:02:00.*fd00:41::200\/64/s);
    assert.equal(await shown("exact", "one-a", "IPAMConfig.IPv4Address"), "10.41.0.200");
    assert.equal(await shown("exact", "one-a", "MacAddress"), "02:00:00:00:02:00");
    await docker.idle("asker", "--network one-a");
    for (const name of ["exact", "x", "y"]) await docker(`exec asker ping -4 -c1 -W2 ${name}`);
    assert.match(
      await docker.refused("run --network one-a --ip 10.41.0.200 busybox true"),
      /Address already in use/,
    );
  });

  test("endpoint sysctls", async () => {
    await using _ = await threeNetworks("ctl", 42);
    await docker(
      "run -d --name tuned --network",
      'name=ctl-a,"driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.forwarding=0"',
      "busybox",
      "sleep",
      "1000",
    );
    const read = async (key: string) => docker(`exec tuned cat /proc/sys/net/ipv4/conf/eth0/${key}`);
    assert.deepEqual([await read("log_martians"), await read("forwarding")], ["1", "0"]);
    await docker(
      "network connect --driver-opt com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.mc_forwarding=0,net.ipv4.conf.IFNAME.log_martians=1 ctl-b tuned",
    ).then(
      () => assert.fail("mc_forwarding can't be written"),
      (error: Error) => assert.match(error.message, /mc_forwarding/),
    );
    assert.deepEqual(await addresses("tuned"), ["eth0 10.42.0.2/24"]);
  });

  test("connect and disconnect while it runs: interfaces, default route, free numbers", async () => {
    await using _ = await threeNetworks("live", 43);
    await docker.idle("live", "--network live-b");
    assert.equal(await gateway("live"), "10.43.1.1 eth0");
    await docker("network connect --ip 10.43.2.9 --ip6 fd00:43:2::9 --alias third live-c live");
    assert.deepEqual(await addresses("live"), ["eth0 10.43.1.2/24", "eth1 10.43.2.9/24"]);
    assert.equal(await gateway("live"), "10.43.1.1 eth0");
    // Docker's order is the alphabet's.
    await docker("network connect live-a live");
    assert.equal(await gateway("live"), "10.43.0.1 eth2");
    assert.equal(await gateway("live", 6), "fd00:43::1 eth2");
    await docker("network disconnect live-b live");
    assert.deepEqual(await addresses("live"), ["eth1 10.43.2.9/24", "eth2 10.43.0.2/24"]);
    await docker("network connect --gw-priority 5 live-b live");
    assert.equal(await gateway("live"), "10.43.1.1 eth0");
    await docker(`exec live ping -c1 -W2 ${OUTSIDE.address}`);
    for (const name of ["live-a", "live-b", "live-c"]) await docker(`network disconnect ${name} live`);
    assert.deepEqual(await addresses("live"), []);
    assert.equal(await docker("inspect --format {{.NetworkSettings.Networks}} live"), "map[]");
    await docker("network connect live-c live");
    assert.equal((await addresses("live")).length, 1);
    await docker(`exec live ping -c1 -W2 ${OUTSIDE.address}`);
  });

  test("connect and disconnect before it runs, and after", async () => {
    await using _ = await threeNetworks("idle", 44);
    await docker("create --name late --network idle-a busybox sleep 1000");
    await docker("network connect --ip 10.44.1.5 --alias bee idle-b late");
    await docker("network connect idle-c late");
    await docker("network disconnect idle-a late");
    assert.deepEqual(
      Object.keys(
        JSON.parse(await docker("inspect --format", "{{json .NetworkSettings.Networks}}", "late")),
      ).sort(),
      ["idle-b", "idle-c"],
    );
    await docker("start late");
    assert.deepEqual(await addresses("late"), ["eth0 10.44.1.5/24", "eth1 10.44.2.2/24"]);
    await docker("stop -t 0 late");
    await docker("network connect idle-a late");
    await docker("network disconnect idle-c late");
    await docker("start late");
    assert.deepEqual((await addresses("late")).map((line) => line.split(" ")[1]).sort(), [
      "10.44.0.2/24",
      "10.44.1.5/24",
    ]);
  });

  test("connect and disconnect while it is paused", async () => {
    await using _ = await threeNetworks("froze", 45);
    await docker.idle("frozen", "--network froze-a");
    await docker("pause frozen");
    await docker("network connect froze-b frozen");
    await docker("network disconnect froze-a frozen");
    await docker("unpause frozen");
    assert.deepEqual(await addresses("frozen"), ["eth1 10.45.1.2/24"]);
    await docker(`exec frozen ping -c1 -W2 ${OUTSIDE.address}`);
  });

  test("the default bridge is joined and left like any other", async () => {
    await using _ = await threeNetworks("def", 46);
    await docker.idle("usual");
    await docker("network connect def-a usual");
    assert.equal((await addresses("usual")).length, 2);
    await docker("network disconnect bridge usual");
    assert.deepEqual(await addresses("usual"), ["eth1 10.46.0.2/24"]);
    assert.deepEqual(await portsOf(suite.host, "docker0"), []);
    await docker("network connect bridge usual");
    await docker(`exec usual ping -c1 -W2 ${OUTSIDE.address}`);
  });

  test("disconnect --force by the name of a network's container; a removed container leaves", async () => {
    await using _ = await threeNetworks("force", 47);
    await docker.idle("held", "--network force-a");
    await docker("network disconnect -f force-a held");
    assert.deepEqual(await addresses("held"), []);
    assert.match(await docker.refused("network disconnect -f force-a held"), /not connected|not found/);
  });

  test("container: mode shares the networks, and whoever shares has none of its own", async () => {
    await using _ = await threeNetworks("share", 48);
    await docker.idle("owner", "--network share-a");
    await docker.idle("guest", "--network container:owner");
    await docker("network connect share-b owner");
    assert.deepEqual(await addresses("guest"), await addresses("owner"));
    assert.match(
      await docker.refused("network connect share-c guest"),
      /container sharing network namespace with another container or host cannot be connected to any other network/,
    );
    await docker("stop -t 0 owner");
    assert.deepEqual(await addresses("guest"), []);
  });
});
