/** Networks listed, inspected, pruned, removed, and told of. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { linksOf } from "../support/inspect.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

describe("docker network ls, inspect, prune, rm", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  const ls = (...filters: string[]) =>
    docker.lines("network ls --format {{.Name}}", ...filters.flatMap((filter) => ["--filter", filter]));

  test("ls: the engine's own three, and filters", async () => {
    assert.deepEqual(await docker.lines("network ls --format", "{{.Name}} {{.Driver}} {{.Scope}}"), [
      "bridge bridge local",
      "host host local",
      "none null local",
    ]);
    const id = await docker("network create --label team=a --label x lsone");
    await docker("network create --label team=b lstwo");
    await docker("network create -d macvlan -o parent=eth0 --subnet 10.30.0.0/24 lswire");
    await docker.idle("lsbox", "--network lstwo");
    assert.deepEqual(await ls("name=ls"), ["lsone", "lstwo", "lswire"]);
    assert.deepEqual(await ls("name=^lsone$"), ["lsone"]);
    assert.deepEqual(await ls("name=lsone", "name=lstwo"), ["lsone", "lstwo"]);
    assert.deepEqual(await ls(`id=${id.slice(0, 12)}`), ["lsone"]);
    assert.deepEqual(await ls("driver=macvlan"), ["lswire"]);
    assert.deepEqual(await ls("driver=null"), ["none"]);
    assert.deepEqual(await ls("label=team"), ["lsone", "lstwo"]);
    assert.deepEqual(await ls("label=team=b"), ["lstwo"]);
    assert.deepEqual(await ls("label=team", "label=x"), ["lsone"]);
    assert.deepEqual(await ls("type=builtin"), ["bridge", "host", "none"]);
    assert.deepEqual(await ls("type=custom"), ["lsone", "lstwo", "lswire"]);
    assert.deepEqual(await ls("scope=local", "driver=host"), ["host"]);
    assert.deepEqual(await ls("scope=swarm"), []);
    assert.deepEqual(await ls("dangling=true"), ["lsone", "lswire"]);
    assert.deepEqual(await ls("dangling=false", "type=custom"), ["lstwo"]);
    assert.deepEqual(await docker.lines("network ls -q --no-trunc --filter name=lsone"), [id]);
    assert.deepEqual(await docker.lines("network ls -q --filter name=lsone"), [id.slice(0, 12)]);
    assert.match(await docker.refused("network ls --filter nosuch=1"), /invalid filter 'nosuch'/);
    assert.match(await docker.refused("network ls --filter type=odd"), /invalid filter: 'type'='odd'|odd/);
    await docker("rm -f lsbox");
    await docker("network rm lsone lstwo lswire");
  });

  test("inspect: by name, id and prefix; several; --verbose; --format", async () => {
    const id = await docker(
      "network create --attachable --internal --label a=b --subnet 10.31.0.0/24 -o com.docker.network.driver.mtu=1450 looked",
    );
    await docker.idle("seen", "--network looked --network-alias other --mac-address 02:00:00:00:00:31");
    const [whole] = JSON.parse(await docker("network inspect --verbose looked"));
    const { Created, Containers, ...rest } = whole;
    assert.match(Created, /^20\d\d-.*Z$/);
    assert.deepEqual(rest, {
      Name: "looked",
      Id: id,
      Scope: "local",
      Driver: "bridge",
      EnableIPv4: true,
      EnableIPv6: false,
      IPAM: { Driver: "default", Options: {}, Config: [{ Subnet: "10.31.0.0/24", Gateway: "10.31.0.1" }] },
      Internal: true,
      Attachable: true,
      Ingress: false,
      ConfigFrom: { Network: "" },
      ConfigOnly: false,
      Options: { "com.docker.network.driver.mtu": "1450" },
      Labels: { a: "b" },
    });
    const container = await docker("inspect --format {{.Id}} seen");
    const endpoint = await docker("inspect --format {{.NetworkSettings.Networks.looked.EndpointID}} seen");
    assert.deepEqual(Containers, {
      [container]: {
        Name: "seen",
        EndpointID: endpoint,
        MacAddress: "02:00:00:00:00:31",
        IPv4Address: "10.31.0.2/24",
        IPv6Address: "",
      },
    });
    for (const reference of [id, id.slice(0, 12), id.slice(0, 5)]) {
      assert.equal(await docker(`network inspect --format {{.Name}} ${reference}`), "looked");
    }
    assert.deepEqual(await docker.lines("network inspect --format {{.Driver}} host none bridge"), [
      "host",
      "null",
      "bridge",
    ]);
    assert.match(await docker.refused("network inspect looked nosuch"), /network nosuch not found/);
    // A stopped container is on its network, and not in it.
    await docker("stop -t 0 seen");
    assert.equal(await docker("network inspect looked --format", "{{len .Containers}}"), "0");
    await docker("rm seen");
    await docker("network rm looked");
  });

  test("rm: several at once, past those that it refuses; in use; predefined; unknown", async () => {
    await docker("network create gone1");
    await docker("network create used");
    await docker("network create gone2");
    await docker.idle("user", "--network used");
    const { code, stdout, stderr } = await suite.host.tryDocker(
      ..."network rm gone1 used bridge nosuch gone2".split(" "),
    );
    assert.equal(code, 1);
    assert.deepEqual(stdout.split("\n").filter(Boolean), ["gone1", "gone2"]);
    assert.match(
      stderr,
      /error while removing network: network used (id [0-9a-f]{64} )?has active endpoints \(name:"user" id:"[0-9a-f]+"\)/,
    );
    assert.match(stderr, /bridge is a pre-defined network and cannot be removed/);
    assert.match(stderr, /network nosuch not found/);
    assert.deepEqual(await ls("type=custom"), ["used"]);
    for (const name of ["host", "none"]) {
      assert.match(await docker.refused(`network rm ${name}`), /pre-defined network and cannot be removed/);
    }
    // Stopped, it holds nothing.
    await docker("stop -t 0 user");
    await docker("network rm used");
    assert.match(await docker.refused("start user"), /network [0-9a-f]+ not found/);
    await docker("rm user");
    assert.equal((await suite.host.tryDocker("network", "rm", "--force", "nosuch")).code, 0);
  });

  test("prune: what nobody uses, and filters; the engine's own stay", async () => {
    await docker("network create --label keep=yes pr1");
    await docker("network create pr2");
    await docker("network create pr3");
    await docker.idle("holder", "--network pr3");
    const links = (await linksOf(suite.host)).length;
    assert.equal(await docker("network prune -f --filter until=1h"), "");
    assert.equal(await docker("network prune -f --filter label=none"), "");
    assert.equal(await docker("network prune -f --filter label!=keep=yes"), "Deleted Networks:\npr2");
    assert.equal((await linksOf(suite.host)).length, links - 1);
    assert.equal(await docker("network prune -f"), "Deleted Networks:\npr1");
    assert.deepEqual(await ls("type=custom"), ["pr3"]);
    await docker("rm -f holder");
    assert.equal(await docker("network prune -f"), "Deleted Networks:\npr3");
    assert.equal(await docker("network prune -f"), "");
    assert.deepEqual(await ls(), ["bridge", "host", "none"]);
  });

  test("events: create, connect, disconnect, destroy, with their filters", async () => {
    // By nanoseconds: what other tests did in this second is not of this one.
    const since = (await suite.host.run("date", ["+%s.%N"])).stdout.trim();
    const id = await docker("network create told");
    const other = await docker("network create untold");
    const container = await docker.idle("teller", "--network told");
    await docker("network connect untold teller");
    await docker("network disconnect untold teller");
    await docker("rm -f teller");
    await docker("network rm told untold");
    const until = (await suite.host.run("date", ["+%s.%N"])).stdout.trim();
    const format = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}";
    const events = (...filters: string[]) =>
      docker.lines(
        `events --since ${since} --until ${until} --format`,
        format,
        ...filters.flatMap((filter) => ["--filter", filter]),
      );
    assert.deepEqual(await events("type=network"), [
      "network create told bridge",
      "network create untold bridge",
      "network connect told bridge",
      "network connect untold bridge",
      "network disconnect untold bridge",
      "network disconnect told bridge",
      "network destroy told bridge",
      "network destroy untold bridge",
    ]);
    assert.deepEqual(await events("network=untold", "event=connect"), ["network connect untold bridge"]);
    assert.deepEqual(await events(`network=${id}`, "event=create", "event=destroy"), [
      "network create told bridge",
      "network destroy told bridge",
    ]);
    assert.deepEqual(
      await docker.lines(
        `events --since ${since} --until ${until} --filter type=network --filter event=connect --format`,
        "{{.Actor.ID}} {{.Actor.Attributes.container}}",
      ),
      [`${id} ${container}`, `${other} ${container}`],
    );
  });
});
