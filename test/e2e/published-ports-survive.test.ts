/** Published ports outlive their engine, and its next start has them again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { HOST } from "../support/internet.ts";

const HTTPD = "busybox httpd -f -h /etc";

/** The name of who answers, asked from the outside until somebody does; empty where nobody ever does. */
const page = async (host: ThrowawayHost, port: number, ...more: string[]) => {
  const url = `http://${HOST.address}:${port}/hostname`;
  return (await host.runOutside("curl", ["-sm2", ...more, url], { check: false })).stdout.trim();
};
const RETRY = ["--retry", "20", "--retry-connrefused", "--retry-delay", "0"];
const rulesOf = async (host: ThrowawayHost) => (await host.run("nft", ["list", "ruleset"])).stdout;

/** Whether a program of the host's can listen there. */
const bindable = async (host: ThrowawayHost, port: number): Promise<boolean> => {
  const listen = ["-s", "KILL", "0.2", "busybox", "nc", "-l", "-p", String(port)];
  return (await host.run("timeout", listen, { check: false })).code === 137;
};

test("an engine killed: ports go on, and are held again", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  const docker = dockerIn({ host, engine: first });
  await docker("network create front");
  const flags = "--network front -p 8080:80 -p 81 -p 8080:80/udp -p [::1]:8088:80";
  await docker(`run -d --name web --hostname web ${flags} ${HTTPD}`);
  assert.equal(await page(host, 8080, ...RETRY), "web");
  const ports = await docker.lines("port web");
  const rules = await rulesOf(host);
  await first.kill9();
  assert.equal(await page(host, 8080), "web");
  assert.equal(await rulesOf(host), rules);

  await using second = await host.startEngine();
  assert.doesNotMatch(second.log(), /"level":"(warn|error)"/);
  assert.deepEqual(await docker.lines("port web"), ports);
  assert.equal(await rulesOf(host), rules);
  assert.equal(await page(host, 8080), "web");
  assert.equal(await bindable(host, 8080), false);
  assert.equal((await host.run("curl", ["-s", "http://[::1]:8088/hostname"])).stdout, "web\n");
  assert.match(await docker.refused("run --name late -p 8080:80 busybox true"), /port is already allocated/);
  await docker("rm -f web late");
  assert.equal(await page(host, 8080), "");
  assert.equal(await bindable(host, 8080), true);
});

test("an orderly stop and start is no different", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  const docker = dockerIn({ host, engine: first });
  await docker(`run -d --name web --hostname web -p 8080:80 ${HTTPD}`);
  assert.equal(await page(host, 8080, ...RETRY), "web");
  const rules = await rulesOf(host);
  assert.equal(await first.stop(), 0);
  assert.equal(await page(host, 8080), "web");
  await using _ = await host.startEngine();
  assert.equal(await rulesOf(host), rules);
  assert.equal(await bindable(host, 8080), false);
  await docker("rm -f web");
});

test("a container that ended while no engine ran gave its ports back", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  const docker = dockerIn({ host, engine: first });
  await docker(`run -d --name web -p 8080:80 ${HTTPD}`);
  const pid = await docker("inspect --format {{.State.Pid}} web");
  await first.kill9();
  await host.run("kill", ["-9", pid]);
  await using _ = await host.startEngine();
  assert.equal(await docker("inspect --format {{.State.Status}} web"), "exited");
  assert.deepEqual(await docker.lines("port web"), []);
  assert.equal(await bindable(host, 8080), true);
  await docker("rm web");
});

test("a port that a program took meanwhile: the engine says so, and the container keeps the rest", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const first = await host.startEngine();
  const docker = dockerIn({ host, engine: first });
  await docker(`run -d --name web --hostname web -p 8080:80 -p 8081:80 ${HTTPD}`);
  assert.equal(await page(host, 8081, ...RETRY), "web");
  await first.kill9();
  const listener = host.run("timeout", ["-s", "KILL", "20", "busybox", "nc", "-l", "-p", "8080"], {
    check: false,
  });
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await host.run("ss", ["-Hltn", "sport = 8080"])).stdout !== "") break;
  }
  await using second = await host.startEngine();
  assert.match(second.log(), /"level":"(warn|error)".*8080/);
  assert.equal(await page(host, 8081), "web");
  assert.equal(await bindable(host, 8081), false);
  await docker("rm -f web");
  await host.run("sh", ["-c", "kill -9 $(ss -Hltnp 'sport = 8080' | sed 's/.*pid=\\([0-9]*\\).*/\\1/')"]);
  await listener;
});
