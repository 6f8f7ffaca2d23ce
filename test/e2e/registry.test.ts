/** The docker command with a registry on the host's own loopback: pull, push, run, login, and what a crash leaves. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ThrowawayHost } from "../support/host.ts";
import { killChildrenOf } from "../support/processes.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

/** A program in the host, for as long as it is needed. */
function program(host: ThrowawayHost, argv: readonly string[]) {
  const [command = "", ...args] = host.enter(argv);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "ignore"], env: host.environment });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    child,
    line: async () => String((await lines.next()).value),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      killChildrenOf(child.pid);
      await ended;
    },
  };
}

/** Debian's `docker-registry`, with a storage of its own. */
async function serve(host: ThrowawayHost, port: number, auth?: object) {
  const config = join(host.directory, `registry-${port}.json`); // YAML takes JSON
  writeFileSync(
    config,
    JSON.stringify({
      version: "0.1",
      log: { level: "error" },
      storage: { filesystem: { rootdirectory: join(host.directory, `storage-${port}`) } },
      http: { addr: `127.0.0.1:${port}` },
      ...(auth && { auth }),
    }),
  );
  const server = program(host, ["docker-registry", "serve", config]);
  const listens = async () => (await host.run("ss", ["-Hlnt", `sport = :${port}`])).stdout.includes("LISTEN");
  while (!(await listens())) {
    if (server.child.exitCode !== null) throw new Error("docker-registry has ended");
    await sleep(20);
  }
  return server;
}

// `secret`, by bcrypt.
const HTPASSWD = "user:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

describe("a registry", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = async (...args: string[]) => (await suite.host.docker(...args)).stdout;
  const transfers = () => readdirSync(join(suite.host.dataRoot, "registry/transfers"));
  const programs = async () =>
    (await suite.host.run("pgrep", ["-x", "skopeo"], { check: false })).stdout.trim();

  test("push, and run what isn't here any more", async () => {
    const { host } = suite;
    await using _server = await serve(host, 5000);
    const name = "127.0.0.1:5000/team/app";
    assert.match(await docker("pull", "busybox"), /Made busybox:latest from this machine's own busybox/);
    await docker("tag", "busybox", `${name}:1`);
    await docker("tag", "busybox", `${name}:2`);
    const pushed = await docker("push", `${name}:1`);
    const digest = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(pushed)?.[1];
    assert.match(pushed, /^[0-9a-f]{12}: Pushed$/m);
    assert.ok(digest);
    const all = await docker("push", "-a", name);
    assert.match(all, /^[0-9a-f]{12}: Layer already exists$/m);
    assert.match(all, /^2: digest: /m);
    const digests = async () =>
      JSON.parse(await docker("inspect", "-f", "{{json .RepoDigests}}", `${name}:1`));
    assert.deepEqual(await digests(), [`${name}@${digest}`]);

    await docker("rmi", "busybox", `${name}:1`, `${name}:2`);
    assert.equal(await docker("images", "-q"), "");
    const ran = await host.docker("run", "--rm", `${name}:1`, "echo", "hi");
    assert.equal(ran.stdout, "hi\n");
    assert.match(
      ran.stderr,
      /Unable to find image '127.0.0.1:5000\/team\/app:1' locally\n1: Pulling from team\/app\n/,
    );
    assert.match(ran.stderr, /^[0-9a-f]{12}: Pull complete$/m);
    assert.deepEqual(await digests(), [`${name}@${digest}`]);
    assert.match(
      await docker("pull", `${name}:1`),
      /Status: Image is up to date for 127.0.0.1:5000\/team\/app:1/,
    );
    assert.match(
      await docker("pull", "-a", name),
      /Status: Downloaded newer image for 127.0.0.1:5000\/team\/app$/m,
    );
    assert.match(await docker("pull", `${name}@${digest}`), /Image is up to date/);
    const missing = await host.tryDocker("pull", `${name}:nosuch`);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /manifest for 127.0.0.1:5000\/team\/app:nosuch not found: manifest unknown/);
    const untagged = await host.tryDocker("push", `${name}:nosuch`);
    assert.equal(untagged.code, 1);
    assert.match(untagged.stderr, /tag does not exist: 127.0.0.1:5000\/team\/app:nosuch/);
    assert.equal(await docker("run", "--rm", "--pull=always", "busybox", "echo", "offline"), "offline\n");
  });

  test("login, and what needs one; by docker's command and by our own", async () => {
    const { host } = suite;
    const path = join(host.directory, "htpasswd");
    writeFileSync(path, HTPASSWD);
    await using _server = await serve(host, 5001, { htpasswd: { realm: "r", path } });
    const server = "127.0.0.1:5001";
    await docker("pull", "busybox");
    await docker("tag", "busybox", `${server}/app:1`);
    const login = (password: string, command = "docker") =>
      host.run(command, ["login", "-u", "user", "--password-stdin", server], {
        check: false,
        input: password,
      });
    const refused = await host.tryDocker("push", `${server}/app:1`);
    assert.match(refused.stderr, /no basic auth credentials/);
    const wrong = await login("wrong");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /401 Unauthorized/);
    assert.match((await login("secret")).stdout, /Login Succeeded/);
    assert.match(await docker("push", `${server}/app:1`), /^1: digest: /m);
    await docker("logout", server);
    const nobody = await host.tryDocker("pull", `${server}/app:1`);
    assert.deepEqual(
      [nobody.code, nobody.stderr.trim()],
      [1, "Error response from daemon: no basic auth credentials"],
    );

    const own = async (...args: string[]) => {
      const ran = await host.run(join(import.meta.dirname, "../../bin/drawbridge"), args, {
        env: { DRAWBRIDGE_HOST: host.address },
        input: "secret",
      });
      return ran.stdout;
    };
    assert.equal(await own("login", "-u", "user", "--password-stdin", server), "Login Succeeded\n");
    assert.match(await own("push", `${server}/app:1`), /: Layer already exists\n1: digest: /);
    assert.match(
      await own("pull", `${server}/app:1`),
      /Status: Image is up to date for 127.0.0.1:5001\/app:1\n127/,
    );
    assert.equal(await own("logout", server), `Removing login credentials for ${server}\n`);
    assert.deepEqual(readdirSync(join(host.execRoot, "registry")), [], "no credentials stay");
  });

  test("a client that goes, and an engine that is killed, leave nothing; what was whole is not fetched again", async () => {
    const { host } = suite;
    await using server = program(host, [
      process.execPath,
      join(import.meta.dirname, "../support/stuck-registry.ts"),
    ]);
    const name = `${await server.line()}/x:1`;
    {
      await using pull = program(host, ["docker", "pull", name]);
      assert.equal(await server.line(), "stuck");
      assert.notEqual(await programs(), "");
      killChildrenOf(pull.child.pid);
      while ((await programs()) !== "" || transfers().length > 0) await sleep(20);
    }
    await using _pull = program(host, ["docker", "pull", name]);
    assert.equal(await server.line(), "stuck");
    await suite.engine.kill9();
    assert.equal(transfers().length, 1);
    await using _next = await host.startEngine();
    assert.deepEqual([await programs(), transfers()], ["", []]);
    assert.equal(existsSync(join(host.execRoot, "registry")), true);
    assert.deepEqual(readdirSync(join(host.execRoot, "registry")), []);
    assert.doesNotMatch(await docker("images"), /\/x /);
    server.child.stdin.write("go\n");
    assert.equal(await server.line(), "1 2");
    await docker("pull", name);
    server.child.stdin.write("go\n");
    assert.equal(await server.line(), "1 3");
    assert.match(await docker("images"), /\/x +1 /);
  });
});
