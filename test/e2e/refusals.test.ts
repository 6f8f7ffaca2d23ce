/** Bad input is refused with Docker's status and words, and changes nothing. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { before, describe, test } from "node:test";
import { ThrowawayHost } from "../support/host.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

/** All that a refused request must leave alone. */
async function stateOf(host: ThrowawayHost): Promise<unknown> {
  const told = async (command: string, ...args: string[]) => (await host.run(command, args)).stdout;
  return {
    links: (await told("ip", "-brief", "link")).replace(/^(?=.*NO-CARRIER).*$/gm, ""),
    rules: await told("nft", "list", "ruleset"),
    mounts: (await told("findmnt", "--list", "--noheadings", "--output", "TARGET")).split("\n").sort(),
    containers: await told("docker", "ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"),
    directories: [`${host.dataRoot}/containers`, `${host.dataRoot}/overlay`, `${host.execRoot}/netns`].map(
      (path) => readdirSync(path).sort(),
    ),
  };
}

describe("a refused request", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  before(async () => {
    await suite.host.docker("run", "-d", "--name", "taken", "busybox", "sleep", "1000");
    await suite.host.docker("create", "--name", "idle", "busybox");
  });

  /** Flags of `docker run`, or a whole command line; the text that a person sees. */
  const byCommand: readonly [line: string, says: RegExp][] = [
    [
      "run --name taken busybox",
      /Conflict\. The container name "\/taken" is already in use by container "[0-9a-f]{64}"\. You have to remove \(or rename\) that container to be able to reuse that name\./,
    ],
    ["run --name x busybox", /Invalid container name \(x\), only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed/],
    ["run --pull never nosuch", /No such image: nosuch:latest/],
    ["run nosuch", /lookup registry-1\.docker\.io .*: no such host/],
    ["run Nosuch", /must be lowercase/],
    ["run --memory 1k busybox", /Minimum memory limit allowed is 6MB/],
    ["run --cap-add NO_SUCH busybox", /NO_SUCH/],
    ["run --workdir relative busybox", /relative.*absolute/],
    ["run --restart sometimes busybox", /unknown policy .sometimes./],
    ["run --stop-signal SIGWHAT busybox", /SIGWHAT/],
    ["run --sysctl kernel.hostname=x busybox", /sysctl/],
    ["run --dns not-an-address busybox", /not-an-address/],
    ["run --add-host nocolon busybox", /nocolon/],
    ["run --mac-address 01:00:5e:00:00:01 busybox", /MAC address/],
    ["run --network host --mac-address 02:00:00:00:00:01 busybox", /conflicting options|mac/i],
    ["run --network container:nosuch busybox", /No such container: nosuch/],
    ["run --network container:idle busybox", /cannot join network of a non running container/],
    ["run --log-driver nosuch busybox", /nosuch/],
    ["run -v a/b:/data busybox", /includes invalid characters for a local volume name/],
    ["volume create x", /volume name is too short/],
    ["run -v data:/ busybox", /destination can't be '\/'/],
    [
      "run --mount type=bind,source=/no/such,target=/x busybox",
      /bind source path does not exist: \/no\/such/,
    ],
    ["run --storage-opt size=1G busybox", /--storage-opt is supported only for overlay over xfs/],
    ["run --security-opt nosuch=1 busybox", /nosuch/],
    ["exec idle true", /container [0-9a-f]{64} is not running/],
    ["exec nosuch true", /No such container: nosuch/],
    ["exec -w relative taken true", /absolute|must be/],
    ["kill idle", /is not running/],
    ["kill -s NOSUCH taken", /nosuch/i],
    ["rename taken idle", /Conflict\. The container name "\/idle" is already in use/],
    ["rename idle idle", /same name/i],
    ["rm taken", /(cannot remove|container is running|running)/],
    ["rmi busybox", /conflict: unable to remove repository reference "busybox" \(must force\)/],
    ["rmi nosuch", /No such image: nosuch(:latest)?/],
    ["network inspect nosuch", /network nosuch not found|No such network: nosuch/],
    ["logs nosuch", /No such container: nosuch/],
    ["wait nosuch", /No such container: nosuch/],
    ["attach idle", /cannot attach to a stopped container/i],
    ["pull nosuch", /lookup registry-1\.docker\.io/],
  ];
  for (const [line, says] of byCommand) {
    test(`docker ${line}`, async () => {
      const before = await stateOf(suite.host);
      const { code, stderr, stdout } = await suite.host.tryDocker(...line.split(" "));
      assert.notEqual(code, 0, stdout);
      assert.match(stderr, says);
      if (line.startsWith("run")) assert.equal(code, 125);
      // A refusal at start leaves the container created, as Docker does: that one goes.
      const created = (await suite.host.docker("ps", "-aq", "--filter", "status=created")).stdout
        .split("\n")
        .filter(Boolean);
      const idle = (await suite.host.docker("ps", "-aq", "--filter", "name=^idle$")).stdout.trim();
      for (const id of created.filter((id) => id !== idle)) await suite.host.docker("rm", id);
      assert.deepEqual(await stateOf(suite.host), before);
    });
  }

  const byStatus: readonly [method: string, path: string, body: unknown, status: number][] = [
    ["GET", "/containers/nosuch/json", undefined, 404],
    ["GET", "/images/nosuch/json", undefined, 404],
    ["GET", "/networks/nosuch", undefined, 404],
    ["GET", "/no/such/page", undefined, 404],
    ["GET", "/v9.99/containers/json", undefined, 400],
    ["GET", "/v1.10/containers/json", undefined, 400],
    ["GET", "/containers/json?filters=nojson", undefined, 400],
    ["GET", "/containers/json?limit=many", undefined, 400],
    ["POST", "/containers/create", {}, 400],
    ["POST", "/containers/create", { Image: 7 }, 400],
    ["POST", "/containers/create", { Image: "busybox", Cmd: { a: 1 } }, 400],
    ["POST", "/containers/create", { Image: "nosuch" }, 404],
    ["POST", "/containers/create?name=taken", { Image: "busybox" }, 409],
    ["POST", "/containers/create", { Image: "busybox", HostConfig: { Memory: "much" } }, 400],
    ["POST", "/containers/taken/start", undefined, 304],
    ["POST", "/containers/idle/stop", undefined, 304],
    ["POST", "/containers/idle/kill", undefined, 409],
    ["POST", "/containers/idle/exec", { Cmd: ["true"] }, 409],
    ["POST", "/containers/taken/exec", { Cmd: [] }, 400],
    ["POST", "/exec/nosuch/start", {}, 404],
    ["POST", "/containers/taken/wait?condition=sometime", undefined, 400],
    ["POST", "/containers/taken/attach?stream=1&detachKeys=ctrl-nosuch", undefined, 400],
    ["DELETE", "/containers/taken", undefined, 409],
    ["POST", "/swarm/init", {}, 503],
    ["GET", "/services", undefined, 503],
  ];
  for (const [method, path, body, status] of byStatus) {
    test(`${method} ${path} ${body === undefined ? "" : JSON.stringify(body)} is ${status}`, async () => {
      const before = await stateOf(suite.host);
      const response = await suite.engine.request(method, path, body);
      assert.equal(response.status, status, response.text);
      if (status !== 304) {
        assert.deepEqual(Object.keys(JSON.parse(response.text)), ["message"]);
        assert.equal(response.headers["content-type"], "application/json");
      }
      assert.deepEqual(await stateOf(suite.host), before);
    });
  }
});

describe("an engine that must not start", { skip: withoutRoot }, () => {
  const start = (host: ThrowawayHost, ...flags: string[]) =>
    host.startEngine({ flags }).then(
      async (engine) => {
        await engine.stop();
        return "started";
      },
      (error: Error) => error.message,
    );

  test("docker0 held by another engine: who, and what to pass; nothing is touched", async () => {
    await using host = await ThrowawayHost.create({ sysctls: { "net.ipv4.ip_forward": "0" } });
    await host.run("sh", [
      "-ec",
      "ip link add docker0 type bridge; ip addr add 172.17.0.1/16 dev docker0; ip link set docker0 up",
    ]);
    const state = async () =>
      (await host.run("sh", ["-ec", "ip -4 -o addr; ip route; nft list ruleset; sysctl net.ipv4.ip_forward"]))
        .stdout;
    const before = await state();
    const said = await start(host);
    assert.match(said, /docker0/);
    assert.match(said, /--bridge db0 --bip 172\.30\.0\.1\/16/);
    assert.equal(await state(), before);

    await using _engine = await host.startEngine({ flags: ["--bridge", "db0", "--bip", "172.30.0.1/16"] });
    assert.equal((await host.docker("run", "--rm", "busybox", "hostname", "-i")).stdout, "172.30.0.2\n");
    assert.match(
      (await host.run("ip", ["-brief", "link", "show", "type", "bridge"])).stdout,
      /docker0.*db0/s,
    );
  });

  test("a route over the subnet: refused, naming its link", async () => {
    await using host = await ThrowawayHost.create();
    await host.run("ip", ["route", "add", "172.17.4.0/24", "via", "203.0.113.1"]);
    assert.match(await start(host), /172\.17\.4\.0\/24.*eth0.*--bip/s);
  });

  test("--clean gives the host back as it was", async () => {
    await using host = await ThrowawayHost.create({ sysctls: { "net.ipv4.ip_forward": "0" } });
    const state = async () =>
      (
        await host.run("sh", [
          "-ec",
          "ip -4 -o addr; ip route; nft list ruleset; sysctl net.ipv4.ip_forward; findmnt -ln -o TARGET",
        ])
      ).stdout;
    const before = await state();
    const engine = await host.startEngine();
    await host.docker("run", "-d", "--name", "one", "busybox", "sleep", "1000");
    await engine.stop();
    const clean = () =>
      host.run(
        new URL("../../bin/drawbridge", import.meta.url).pathname,
        ["daemon", "--clean", "--data-root", host.dataRoot, "--exec-root", host.execRoot],
        { check: false },
      );
    const refused = await clean();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /containers run: one/);

    const again = await host.startEngine();
    await host.docker("rm", "-f", "one");
    await again.stop();
    const { code, stdout } = await clean();
    assert.equal(code, 0);
    assert.match(stdout, /set net\.ipv4\.ip_forward back to 0/);
    assert.equal(await state(), before);
  });
});
