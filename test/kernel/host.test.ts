import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineProcess } from "../support/engine-process.ts";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { FAR, HOST, OUTSIDE } from "../support/internet.ts";

/** One place where a cgroup parent stands, whichever version of cgroups the machine has. */
function cgroupOf(parent: string): string {
  const v1 = "/sys/fs/cgroup/freezer";
  return join(existsSync(v1) ? v1 : "/sys/fs/cgroup", parent);
}

/** Pids of the processes in the namespace that `link` names. */
function processesIn(namespace: string): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/ns/pid`) === namespace;
    } catch {
      return false; // it has ended
    }
  });
}

test("a host has an eth0, an outside that answers, and nothing of the machine's", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create({ sysctls: { "net.ipv4.conf.all.rp_filter": "1" } });
  const links = await host.run("ip", ["-br", "link"]);
  assert.match(links.stdout, /^lo .*\neth0@if\d+ .*\n$/);
  assert.deepEqual((await host.run("ls", ["/sys/class/net"])).stdout, "eth0\nlo\n");
  assert.equal((await host.run("nft", ["list", "ruleset"])).stdout, "");
  assert.equal((await host.run("sysctl", ["-n", "net.ipv4.ip_forward"])).stdout, "0\n");
  assert.equal((await host.run("sysctl", ["-n", "net.ipv4.conf.all.rp_filter"])).stdout, "1\n");
  assert.equal((await host.run("cat", ["/etc/resolv.conf"])).stdout, `nameserver ${OUTSIDE.address}\n`);
  const ping = await host.run("ping", ["-c1", "-W5", "www.baidu.com"]);
  assert.match(ping.stdout, new RegExp(`www.baidu.com \\(${FAR.address}\\).* 0% packet loss`, "s"));
  await host.run("ping", ["-6", "-c1", "-W5", "v6.example.org"]);
});

test("the outside reaches the host, and no container address", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  await host.runOutside("ping", ["-c1", "-W5", HOST.address]);
  const ping = await host.runOutside("ping", ["-c1", "-W5", "172.17.0.2"], { check: false });
  assert.equal(ping.code, 2);
  assert.match(ping.stderr, /Network is unreachable/);
});

test("commands get input and environment, and tell how they failed", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  const echo = await host.run("sh", ["-c", 'cat; echo "$A"'], { input: "hi\n", env: { A: "b" } });
  assert.equal(echo.stdout, "hi\nb\n");
  await assert.rejects(host.run("sh", ["-c", "echo no >&2; exit 3"]), /exit code 3: sh -c .*\nno$/s);
  assert.equal((await host.run("sh", ["-c", "exit 3"], { check: false })).code, 3);
  await assert.rejects(host.run("sleep", ["1000"], { timeout: 50 }), /no end after 50 ms: sleep 1000/);
  assert.equal((await host.run("pgrep", ["-x", "sleep"], { check: false })).stdout, "");
});

test("two hosts at once don't see each other", async (t) => {
  if (needsRoot(t)) return;
  const hosts = await Promise.all([ThrowawayHost.create(), ThrowawayHost.create()]);
  await using one = hosts[0];
  await using other = hosts[1];
  await one.run("ip", ["link", "add", "docker0", "type", "bridge"]);
  await other.run("ip", ["link", "add", "docker0", "type", "bridge"]);
  await one.run("touch", ["/run/mine"]);
  assert.equal((await other.run("test", ["-e", "/run/mine"], { check: false })).code, 1);
  assert.notEqual(one.cgroupParent, other.cgroupParent);
});

test("a terminal is waited for and typed at", async (t) => {
  if (needsRoot(t)) return;
  await using host = await ThrowawayHost.create();
  await using pty = host.pty("sh", [
    "-c",
    "stty size; trap 'stty size; exit 7' WINCH; echo it\\'s; read x; echo =$x; while :; do sleep 0.01; done",
  ]);
  await pty.waitFor("24 80");
  await pty.waitFor("it's");
  pty.send("abc\r");
  await pty.waitFor(/=abc/);
  await pty.resize(100, 30);
  await pty.waitFor("30 100");
  assert.equal(await pty.exited, 7);
  await assert.rejects(pty.waitFor("more"), /the command has ended/);
});

/** Fill a host with all that an engine may leave behind in it. */
async function clutter(host: ThrowawayHost): Promise<void> {
  const cgroup = cgroupOf(host.cgroupParent);
  mkdirSync(join(cgroup, "container"), { recursive: true });
  const script = `
    setsid sh -c 'trap "" TERM; echo $$ >${cgroup}/container/cgroup.procs; sleep 1000' >/dev/null 2>&1 &
    setsid sleep 1000 >/dev/null 2>&1 &
    ip link add docker0 type bridge
    nft add table inet drawbridge
    ip netns add c1
    ip link add veth0 type veth peer name eth0 netns c1
    mkdir ${host.dataRoot}/merged && mount -t tmpfs tmpfs ${host.dataRoot}/merged && touch ${host.dataRoot}/merged/file
    while ! grep -q . ${cgroup}/container/cgroup.procs; do sleep 0.01; done`;
  await host.run("sh", ["-ec", script]);
  // A paused container. On cgroup v2 a frozen process dies of SIGKILL as any other does.
  if (existsSync(join(cgroup, "container/freezer.state"))) {
    await host.run("sh", ["-c", `echo FROZEN >${cgroup}/container/freezer.state`]);
  }
}

async function assertGone(what: {
  directory: string;
  cgroupParent: string;
  namespace: string;
}): Promise<void> {
  for (let tries = 0; tries < 500 && existsSync(what.directory); tries += 1) await sleep(10);
  assert.equal(existsSync(what.directory), false, `${what.directory} is still there`);
  assert.deepEqual(processesIn(what.namespace), []);
  assert.equal(existsSync(cgroupOf(what.cgroupParent)), false, "its cgroup is still there");
  assert.equal(readFileSync("/proc/self/mountinfo", "utf8").includes(what.directory), false);
}

test("nothing is left when it is disposed of, whatever was done in it", async (t) => {
  if (needsRoot(t)) return;
  const host = await ThrowawayHost.create();
  const { directory, cgroupParent, pid } = host;
  const namespace = readlinkSync(`/proc/${pid}/ns/pid`);
  await clutter(host);
  assert.ok(processesIn(namespace).length >= 4);
  await host[Symbol.asyncDispose]();
  await assertGone({ directory, cgroupParent, namespace });
});

test("an engine is killed and started again, and its containers go with the host", async (t) => {
  if (needsRoot(t)) return;
  const host = await ThrowawayHost.create();
  const { directory, cgroupParent, pid } = host;
  const namespace = readlinkSync(`/proc/${pid}/ns/pid`);
  try {
    const first = await host.startEngine();
    const { Id } = await created(first);
    assert.equal((await first.request("POST", `/containers/${Id}/start`)).status, 204);
    await first.kill9();
    assert.equal(await first.exited, 137);
    const second = await host.startEngine({ flags: ["--log-level", "debug"] });
    assert.notEqual(second.pid, first.pid);
    const { State } = JSON.parse((await second.request("GET", `/containers/${Id}/json`)).text);
    assert.equal(State.Running, true);
    assert.equal(await second.stop(), 0);
    assert.match(second.log(), /API listen on .*API listen on .*stopped/s);
    await assert.rejects(
      host.startEngine({ flags: ["--no-such-flag"] }),
      /the engine ended with code \d+:.*no-such-flag/s,
    );
  } finally {
    await host[Symbol.asyncDispose]();
  }
  await assertGone({ directory, cgroupParent, namespace });
});

async function created(engine: EngineProcess): Promise<{ Id: string }> {
  const answer = await engine.request("POST", "/containers/create", {
    Image: "busybox",
    Cmd: ["sleep", "1000"],
  });
  assert.equal(answer.status, 201, answer.text);
  return JSON.parse(answer.text);
}

test("nothing is left of a test that threw", async (t) => {
  if (needsRoot(t)) return;
  let seen: ThrowawayHost | undefined;
  let namespace = "";
  const failing = async () => {
    await using host = await ThrowawayHost.create();
    seen = host;
    namespace = readlinkSync(`/proc/${host.pid}/ns/pid`);
    throw new Error("the test's own");
  };
  await assert.rejects(failing, /^Error: the test's own$/);
  assert.ok(seen);
  await assertGone({ directory: seen.directory, cgroupParent: seen.cgroupParent, namespace });
});

for (const signal of ["SIGINT", "SIGTERM", "SIGKILL"] as const) {
  test(`nothing is left of a test process that died of ${signal}`, async (t) => {
    if (needsRoot(t)) return;
    const script = `
      import { ThrowawayHost } from ${JSON.stringify(join(import.meta.dirname, "../support/host.ts"))};
      const { directory, cgroupParent, pid } = await ThrowawayHost.create();
      console.log(JSON.stringify({ directory, cgroupParent, pid }));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(child.stdout, "data");
    const host = JSON.parse(String(line));
    const namespace = readlinkSync(`/proc/${host.pid}/ns/pid`);
    mkdirSync(join(cgroupOf(host.cgroupParent), "container"), { recursive: true });
    child.kill(signal);
    await once(child, "exit");
    await assertGone({ ...host, namespace });
  });
}

test("an unwritable sysctl fails the host's making, and leaves nothing", async (t) => {
  if (needsRoot(t)) return;
  const before = readdirSync("/tmp").filter((name) => name.startsWith("drawbridge-host-"));
  await assert.rejects(
    ThrowawayHost.create({ sysctls: { "net.no.such": "1" } }),
    /net\/no\/such|net\.no\.such/,
  );
  const after = readdirSync("/tmp").filter((name) => name.startsWith("drawbridge-host-"));
  assert.ok(
    after.every((name) => before.includes(name)),
    after.join(" "),
  );
});
