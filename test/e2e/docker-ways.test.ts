/** Docker's ways that clients rely on, as the real command and the API show them: states, names, ports, words. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

/** What is looked at of `GET /containers/{id}/json`. */
interface Inspected {
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly Error: string };
  readonly HostConfig: { readonly PortBindings: unknown };
  readonly NetworkSettings: {
    readonly SandboxID: string;
    readonly Ports: unknown;
    readonly Networks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
}

describe("Docker's ways", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  const get = async <T = Inspected>(path: string): Promise<T> => {
    const { status, text } = await suite.engine.request("GET", `/v1.41${path}`);
    assert.equal(status, 200, text);
    return JSON.parse(text);
  };
  const inspected = (name: string) => get(`/containers/${name}/json`);
  const remove = (...names: readonly string[]) => docker("rm -f", ...names);

  before(async () => {
    await docker("network create --subnet 10.81.0.0/24 ways");
    await docker("network create --subnet 10.82.0.0/24 other");
  });

  test("a container that left its last network has none, nor ports, until it joins one, restarts or not", async () => {
    await docker.idle("loner", "-p 8181:80");
    await docker("network disconnect bridge loner");
    const { NetworkSettings } = await inspected("loner");
    assert.deepEqual(NetworkSettings.Networks, {});
    assert.deepEqual(NetworkSettings.Ports, {});
    assert.equal(await docker("port loner"), "");
    assert.equal(await docker("ps --filter name=loner --format", "{{.Ports}}|{{.Networks}}"), "|");
    await docker("network connect ways loner");
    assert.deepEqual(await docker.lines("port loner"), ["80/tcp -> 0.0.0.0:8181", "80/tcp -> [::]:8181"]);
    await docker("network disconnect ways loner");
    await docker("restart -t0 loner");
    assert.deepEqual((await inspected("loner")).NetworkSettings.Networks, {});
    await remove("loner");
  });

  test("a stop clears what a network gave", async () => {
    await docker.idle("stopped", "--network ways --ip 10.81.0.40 -p 8182:80");
    await docker("stop -t0 stopped");
    const { NetworkSettings } = await inspected("stopped");
    assert.equal(NetworkSettings.SandboxID, "");
    assert.deepEqual(NetworkSettings.Ports, {});
    const { EndpointID, IPAddress, IPPrefixLen, MacAddress, Gateway, IPAMConfig } =
      NetworkSettings.Networks.ways ?? {};
    assert.deepEqual([EndpointID, IPAddress, IPPrefixLen, MacAddress, Gateway], ["", "", 0, "", ""]);
    assert.deepEqual(IPAMConfig, { IPv4Address: "10.81.0.40" });
    await remove("stopped");
  });

  test("a binding shows both of its fields, whatever was given", async () => {
    const made = await suite.engine.request("POST", "/v1.41/containers/create?name=bound", {
      Image: "busybox",
      HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "8183" }], "81/udp": [{ HostIp: "127.0.0.1" }] } },
    });
    assert.equal(made.status, 201, made.text);
    assert.deepEqual((await inspected("bound")).HostConfig.PortBindings, {
      "80/tcp": [{ HostIp: "", HostPort: "8183" }],
      "81/udp": [{ HostIp: "127.0.0.1", HostPort: "" }],
    });
    await remove("bound");
  });

  test("a start that fails leaves the code of the last run, or 128", async () => {
    await docker.idle("holder", "-p 8184:80");
    assert.match(
      await docker.refused("run -d --name fresh -p 8184:80 busybox true"),
      /Bind for 0\.0\.0\.0:8184 failed: port is already allocated/,
    );
    const fresh = (await inspected("fresh")).State;
    assert.deepEqual([fresh.Status, fresh.ExitCode], ["created", 128]);
    assert.match(fresh.Error, /port is already allocated/);
    await suite.host.tryDocker("run", "--name", "ended", "busybox", "sh", "-c", "exit 7");
    await docker("network connect --ip 10.81.0.60 ways ended");
    await docker.idle("squatter", "--network ways --ip 10.81.0.60");
    assert.match(await docker.refused("start ended"), /Address already in use/);
    const ended = (await inspected("ended")).State;
    assert.deepEqual([ended.Status, ended.ExitCode, ended.Error], ["exited", 7, "Address already in use"]);
    await remove("holder", "fresh", "ended", "squatter");
  });

  test("network settings that the host's namespace can't have surface at start", async () => {
    const asked: readonly (readonly [body: object, words: RegExp])[] = [
      [{ IPAMConfig: { IPv4Address: "10.81.0.9" } }, /^user specified IP address is supported on user/],
      [
        { Aliases: ["x"] },
        /^network-scoped alias is supported only for containers in user defined networks$/,
      ],
    ];
    for (const [settings, words] of asked) {
      const { status, text } = await suite.engine.request("POST", "/v1.41/containers/create?name=hosted", {
        Image: "busybox",
        HostConfig: { NetworkMode: "host" },
        NetworkingConfig: { EndpointsConfig: { host: settings } },
      });
      assert.equal(status, 201, text);
      const started = await suite.engine.request("POST", "/v1.41/containers/hosted/start");
      assert.equal(started.status, 400, started.text);
      assert.match(JSON.parse(started.text).message, words);
      await remove("hosted");
    }
  });

  test("a link may come before what it leads to, and follows the name to whoever has it", async () => {
    await docker.idle("client", "--network ways --link server:database");
    const address = async () => {
      const { stdout } = await docker.shell("client", "nslookup -type=a database");
      return /^Name:\tdatabase\nAddress: (\S+)$/m.exec(stdout)?.[1];
    };
    assert.equal(await address(), undefined);
    await docker.idle("server", "--network ways --ip 10.81.0.70");
    assert.equal(await address(), "10.81.0.70");
    // As compose makes a container anew.
    await docker("restart -t0 client");
    await docker("stop -t0 server");
    await docker("rename server older-server");
    await docker.idle("server", "--network ways --ip 10.81.0.71");
    await remove("older-server");
    assert.equal(await address(), "10.81.0.71");
    await remove("client", "server");
  });

  test("a link of the default network gives alias, hostname and name", async () => {
    await docker.idle("db", "--hostname dbhost");
    const hosts = await docker("run --rm --link db:store busybox cat /etc/hosts");
    assert.match(hosts, /^172\.17\.\d+\.\d+\tstore dbhost db$/m);
    await remove("db");
  });

  test("the list shows networks without names and options; those that wait for one are found by it", async () => {
    await docker.idle("listed", "--network ways --network-alias alias");
    await docker("create --name waiting --network later busybox");
    const [first] = await get<readonly Inspected[]>(
      `/containers/json?filters=${encodeURIComponent('{"network":["ways"]}')}`,
    );
    const { Aliases, Links, DriverOpts } = first?.NetworkSettings.Networks.ways ?? {};
    assert.deepEqual([Aliases, Links, DriverOpts], [null, null, null]);
    assert.deepEqual(await docker.lines("ps -a --filter network=later --format", "{{.Names}}"), ["waiting"]);
    assert.deepEqual(await docker.lines("ps -a --filter network=nosuch -q"), []);
    await remove("listed", "waiting");
  });

  test("a command that can't be run is told on the output of its exec", async () => {
    await docker.idle("runner");
    const { code, stdout, stderr } = await suite.host.tryDocker("exec", "runner", "nosuch");
    assert.equal(code, 126);
    assert.match(stdout, /^OCI runtime exec failed: .*exec: "nosuch": executable file not found in \$PATH/);
    assert.equal(stderr, "");
    const stranger = await suite.host.tryDocker("exec", "-u", "nosuch", "runner", "id");
    assert.deepEqual(
      [stranger.code, stranger.stdout],
      [126, "unable to find user nosuch: no matching entries in passwd file\r\n"],
    );
    await remove("runner");
  });

  test("what docker-compose 1 reads of an image is there in all versions", async () => {
    for (const version of ["v1.41", "v1.50"]) {
      const { text } = await suite.engine.request("GET", `/${version}/images/busybox/json`);
      assert.ok("ContainerConfig" in JSON.parse(text), version);
    }
  });

  test("a container that was joined live to networks: the first by name carries the default route", async () => {
    await docker.idle("several", "--network ways");
    await docker("network connect other several");
    assert.match(await docker("exec several ip route"), /^default via 10\.82\.0\.1 dev eth1 *$/m);
    await docker("network disconnect other several");
    assert.match(await docker("exec several ip route"), /^default via 10\.81\.0\.1 dev eth0 *$/m);
    await docker("network connect bridge several");
    assert.match(await docker("exec several ip route"), /^default via 172\.17\.0\.1 dev eth1 *$/m);
    await remove("several");
  });

  test("events of a stop: kill, die, network disconnect, stop", async () => {
    const Id = await docker.idle("heard", "--network ways");
    await docker("stop -t0 heard");
    await remove("heard");
    const until = (Date.now() / 1000 + 0.01).toFixed(3);
    const { text } = await suite.engine.request("GET", `/v1.41/events?since=0&until=${until}`);
    const told = text
      .split("\n")
      .filter((line) => line.includes(Id))
      .map((line): string => {
        const { Type, Action } = JSON.parse(line);
        return `${Type} ${Action}`;
      });
    const after = told.slice(told.indexOf("container kill")).filter((line, at, all) => line !== all[at - 1]);
    assert.deepEqual(after, [
      "container kill",
      "container die",
      "network disconnect",
      "container stop",
      "container destroy",
    ]);
  });
});
