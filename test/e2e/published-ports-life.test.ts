/** Published ports over a container's life: taken, given back, opened and closed while it runs. */
import assert from "node:assert/strict";
import process from "node:process";
import { before, describe, test } from "node:test";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { CommandResult } from "../support/command.ts";
import { dockerIn, namespaceOf, networkState } from "../support/docker.ts";
import { HOST, OUTSIDE } from "../support/internet.ts";
import { ask, type Place, serve } from "../support/probe.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

/** Asks again until it is answered: nothing says that a server is there. */
const SPEAK = `const socket = require("node:dgram").createSocket("udp4");
const ask = () => socket.send("?", Number(process.argv[2]), process.argv[1]);
socket.bind(5555, ask);
const again = setInterval(ask, 100);
setTimeout(() => process.exit(1), 5000).unref();
socket.on("message", (text) => { console.log(String(text)); clearInterval(again); socket.close(); });`;

const DRAWBRIDGE = new URL("../../bin/drawbridge", import.meta.url).pathname;

describe("published ports", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  let outside: Place;

  before(async () => {
    const { pid, directory } = suite.host;
    outside = { name: "outside", netns: `/proc/${pid}/root${directory}/outside` as NetnsPath };
    await docker("network create --subnet 10.60.0.0/24 front");
    await docker("network create --subnet 10.61.0.0/24 back");
  });

  const asks = (from: Place, port: number, protocol: "tcp" | "udp" = "tcp", wait?: number) =>
    ask(from, { protocol, address: HOST.address, port }, wait);
  /** A server that ends with its container: `httpd` of a directory with its name in it. */
  const httpd = (name: string, flags: string) =>
    docker(`run -d --name ${name} --hostname ${name} ${flags} busybox httpd -f -h /etc`);
  const page = async (port: number): Promise<string> => {
    const { stdout } = await suite.host.runOutside(
      "curl",
      [
        "-sm2",
        "--retry",
        "20",
        "--retry-connrefused",
        "--retry-delay",
        "0",
        `http://${HOST.address}:${port}/hostname`,
      ],
      { check: false },
    );
    return stdout.trim();
  };
  const closed = async (port: number) =>
    assert.equal(await asks(outside, port, "tcp", 300), undefined, `port ${port}`);
  /** A program of the host's listens while `work` runs. */
  const withListener = async (port: number, work: () => Promise<void>): Promise<void> => {
    const listener = suite.host.run("busybox", ["nc", "-l", "-p", String(port)], { check: false });
    for (let tries = 0; tries < 200; tries += 1) {
      const { stdout } = await suite.host.run("ss", ["-Hltn", `sport = ${port}`]);
      if (stdout !== "") break;
    }
    try {
      await work();
    } finally {
      await suite.host.run("sh", [
        "-c",
        `kill $(ss -Hltnp 'sport = ${port}' | sed 's/.*pid=\\([0-9]*\\).*/\\1/')`,
      ]);
      await listener;
    }
  };
  const bindable = async (port: number): Promise<boolean> => {
    const { code } = await suite.host.run(
      "timeout",
      ["-s", "KILL", "0.2", "busybox", "nc", "-l", "-p", String(port)],
      { check: false },
    );
    return code === 137;
  };

  test("stopped, they are free and shown no more; started, they are the same, and others where any was asked for", async () => {
    await httpd("web", "--network front -p 8080:80 -p 81");
    const before = await docker.lines("port web");
    assert.equal(await page(8080), "web");
    assert.equal(await bindable(8080), false);
    await docker("stop -t 0 web");
    assert.deepEqual(await docker.lines("port web"), []);
    assert.equal(await docker("ps -a --filter name=web --format {{.Ports}}"), "");
    await closed(8080);
    assert.equal(await bindable(8080), true);
    await docker("start web");
    assert.equal(await page(8080), "web");
    const after = await docker.lines("port web");
    const fixed = (lines: readonly string[]) => lines.filter((line) => line.startsWith("80/"));
    assert.deepEqual(fixed(after), fixed(before));
    assert.notDeepEqual(after, before);
    await docker("restart -t 0 web");
    assert.equal(await page(8080), "web");
    await docker("pause web");
    assert.deepEqual(fixed(await docker.lines("port web")), fixed(before));
    await docker("unpause web");
    assert.equal(await page(8080), "web");
    await docker("rm -f web");
    assert.equal(await bindable(8080), true);
  });

  test("a killed process gives them back; a restart policy takes them again", async () => {
    await httpd("again", "--network front --restart always -p 8080:80");
    assert.equal(await page(8080), "again");
    await docker("exec again kill -9 1").catch(() => {});
    await suite.host.run("sh", ["-c", `kill -9 ${await docker("inspect --format {{.State.Pid}} again")}`]);
    assert.equal(await page(8080), "again");
    assert.notEqual(await docker("inspect --format {{.RestartCount}} again"), "0");
    await docker("rm -f again");
    await httpd("once", "--network front -p 8080:80");
    await docker("kill once");
    await docker("wait once");
    assert.equal(await bindable(8080), true);
    await docker("rm once");
  });

  test("taken by another container: refused, with nothing half-done", async () => {
    await docker.idle("first", "--network front -p 127.0.0.1:8080:80 -p 8090:80/udp");
    for (const taken of [
      "-p 8080:80",
      "-p 127.0.0.1:8080:80",
      "-p 9000:80 -p 0.0.0.0:8080:81",
      "-p 9000:80 -p 8090:80/udp",
    ]) {
      await docker(`create --name late --network front ${taken} busybox httpd -f`);
      const state = await networkState(suite);
      assert.match(
        await docker.refused("start late"),
        /driver failed programming external connectivity on endpoint late \([0-9a-f]{64}\): Bind for \S+:(8080|8090) failed: port is already allocated/,
      );
      assert.deepEqual(await networkState(suite), state);
      assert.equal(await bindable(9000), true);
      await docker("rm late");
    }
    // Another protocol, another address, another port: all free.
    await docker.idle("other", `--network front -p 8080:80/udp -p ${HOST.address}:8080:80 -p 8090:80`);
    await docker("rm -f first other");
  });

  test("taken by a program: refused, with nothing half-done; then free", async () => {
    await withListener(8080, async () => {
      await docker("create --name late --network front -p 9000:80 -p 8080:80 busybox httpd -f -h /etc");
      const state = await networkState(suite);
      assert.match(
        await docker.refused("start late"),
        /driver failed programming external connectivity on endpoint late \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated/,
      );
      assert.deepEqual(await networkState(suite), state);
      assert.equal(await bindable(9000), true);
    });
    await docker("start late");
    assert.match(await page(8080), /^[0-9a-f]{12}$/);
    await docker("rm -f late");
  });

  test("a published port is no program's to take", async () => {
    await httpd("web", "--network front -p 8080:80 -p 127.0.0.1:8081:80 -p 8082:80/udp");
    for (const port of [8080, 8081]) assert.equal(await bindable(port), false);
    await docker("rm -f web");
  });

  test("they move to another network when the one that carries them is left", async () => {
    await httpd("web", "--network back -p 8080:80");
    await docker("network connect front web");
    assert.equal(await page(8080), "web");
    const before = await docker.lines("port web");
    for (const [leave, join] of [
      ["back", "front"],
      ["front", "back"],
    ] as const) {
      await docker(`network disconnect ${leave} web`);
      assert.deepEqual(await docker.lines("port web"), before);
      assert.equal(await page(8080), "web");
      if (join === "back") break;
      await docker("network connect back web");
    }
    await docker("network disconnect front web").catch(() => {});
    await docker("rm -f web");
    await closed(8080);
  });

  test("on no network they wait, and are there with the first that is joined", async () => {
    await httpd("web", "--network front -p 8080:80");
    await docker("network disconnect front web");
    await closed(8080);
    await docker("network connect back web");
    assert.equal(await page(8080), "web");
    await docker("rm -f web");
  });

  test("a UDP client that goes on speaking is led to the next container", async () => {
    // From one port of its own, so that the kernel would take it for the same conversation.
    const speak = async (): Promise<string> =>
      (await suite.host.runOutside(process.execPath, ["-e", SPEAK, HOST.address, "8080"])).stdout.trim();
    for (const [name, flags] of [
      ["old", "--ip 10.60.0.98"],
      ["young", "--ip 10.60.0.99"],
    ] as const) {
      await docker.idle(name, `--network front ${flags} -p 8080:80/udp`);
      await serve({ name, netns: await namespaceOf(suite.host, name) }, "80/udp");
      assert.equal(await speak(), `${name} from ${OUTSIDE.address}`);
      await docker(`rm -f ${name}`);
    }
  });

  const port = (verb: "add" | "rm", ...args: string[]): Promise<CommandResult> =>
    suite.host.run(DRAWBRIDGE, ["port", verb, ...args], {
      env: { DRAWBRIDGE_HOST: suite.host.address },
      check: false,
    });

  test("drawbridge port add and rm: open and closed while it runs, and so over its next start", async () => {
    await httpd("web", "--network front -p 8080:80");
    const added = await port("add", "web", "8085:80", "127.0.0.1:8086:80/udp");
    assert.deepEqual([added.code, added.stderr], [0, ""]);
    assert.match(added.stdout, /8085/);
    assert.equal(await page(8085), "web");
    assert.equal(await page(8080), "web");
    assert.deepEqual(await docker.lines("port web 80/udp"), ["127.0.0.1:8086"]);
    assert.equal(
      await docker("ps --filter name=web --format {{.Ports}}"),
      "0.0.0.0:8080->80/tcp, 0.0.0.0:8085->80/tcp, 127.0.0.1:8086->80/udp, [::]:8080->80/tcp, [::]:8085->80/tcp",
    );
    await docker("restart -t 0 web");
    assert.equal(await page(8085), "web");

    const removed = await port("rm", "web", "8080:80");
    assert.deepEqual([removed.code, removed.stderr], [0, ""]);
    await closed(8080);
    assert.equal(await bindable(8080), true);
    assert.equal(await page(8085), "web");
    await docker("restart -t 0 web");
    await closed(8080);
    assert.equal(await page(8085), "web");

    // Refused whole.
    const state = await networkState(suite);
    const ports = await docker.lines("port web");
    for (const [verb, specs, says] of [
      ["add", ["9000:80", "8085:81"], /port is already allocated/],
      ["add", ["9000:80", "x"], /x/],
      ["rm", ["8085:80", "9999:80"], /9999|80/],
      ["rm", ["80/sctp"], /no public port '80\/sctp' published/],
    ] as const) {
      const { code, stderr } = await port(verb, "web", ...specs);
      assert.notEqual(code, 0);
      assert.match(stderr, says);
      assert.deepEqual(await networkState(suite), state);
      assert.deepEqual(await docker.lines("port web"), ports);
    }
    assert.match((await port("add", "nosuch", "1:1")).stderr, /No such container: nosuch/);
    await docker("stop -t 0 web");
    assert.match((await port("add", "web", "8087:80")).stderr, /not running/);
    await docker("rm web");
  });
});
