/** Images that go to other engines and come back: by `docker save` and `docker load`, export and import, commit. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram } from "../src/lib/programs.ts";
import type { ThrowawayHost } from "../test/support/host.ts";
import { withoutRoot } from "../test/support/root.ts";
import { hostWithEngine } from "../test/support/suite.ts";

const DRIVER = "vfs"; // whatever the data root lies on

/** Another engine in the host, with roots and a socket of its own, touching neither links nor rules. */
async function startDockerd(host: ThrowawayHost) {
  const home = join(host.directory, "dockerd");
  mkdirSync(home);
  const socket = join(home, "docker.sock");
  const [command = "", ...args] = host.enter([
    "dockerd",
    ...["--data-root", join(home, "data"), "--exec-root", join(home, "exec"), "-H", `unix://${socket}`],
    ...["--pidfile", join(home, "pid"), "--storage-driver", DRIVER, "--bridge=none"],
    ...["--iptables=false", "--ip6tables=false"],
  ]);
  const child = spawn(command, args, { stdio: "ignore", env: host.environment });
  while (!existsSync(socket)) {
    if (child.exitCode !== null) throw new Error(`dockerd has ended with ${child.exitCode}`);
    await sleep(20);
  }
  return {
    docker: async (...words: string[]) =>
      (await host.run("docker", ["-H", `unix://${socket}`, ...words])).stdout,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

const lines = (text: string) => text.trim().split("\n").sort();

describe("images exchanged", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = async (...args: string[]) => (await suite.host.docker(...args)).stdout;
  const at = (name: string) => join(suite.host.directory, name);

  /** An image of three layers, with what layers can hold. */
  async function makeImage(): Promise<string> {
    await docker(
      "run",
      "--name",
      "one",
      "busybox",
      "sh",
      "-c",
      "mkdir /d; echo 1 > /d/a; ln /d/a /d/b; mkfifo /p",
    );
    await docker("commit", "one", "step");
    await docker("run", "--name", "two", "step", "sh", "-c", "rm /d/a; echo 2 > /e; chmod 4755 /e");
    await docker("commit", "-c", 'CMD ["cat", "/e"]', "-c", "LABEL a=b", "two", "team/app:1");
    await docker("tag", "team/app:1", "team/app:2");
    await docker("rm", "one", "two");
    return (await docker("image", "inspect", "-f", "{{.Id}}", "team/app:1")).trim();
  }

  test("with dockerd, both ways: the same ids, and what is in them", {
    skip: findProgram("dockerd") === undefined && "no dockerd here",
  }, async () => {
    const id = await makeImage();
    await docker("save", "-o", at("ours.tar"), "team/app", "busybox");
    await using other = await startDockerd(suite.host);
    assert.deepEqual(lines(await other.docker("load", "-i", at("ours.tar"))), [
      "Loaded image: busybox:latest",
      "Loaded image: team/app:1",
      "Loaded image: team/app:2",
    ]);
    assert.equal((await other.docker("image", "inspect", "-f", "{{.Id}}", "team/app:2")).trim(), id);
    await other.docker("create", "--name", "made", "team/app:1");
    await other.docker("export", "-o", at("theirs-flat.tar"), "made");
    const names = (await suite.host.run("tar", ["-tf", at("theirs-flat.tar")])).stdout.split("\n");
    assert.ok(names.includes("e") && names.includes("d/b") && names.includes("p") && !names.includes("d/a"));

    await other.docker("save", "-o", at("theirs.tar"), "team/app:1");
    const before = await docker("image", "inspect", "team/app:1");
    await docker("rmi", "team/app:1", "team/app:2", "step");
    assert.equal(await docker("load", "-i", at("theirs.tar")), "Loaded image: team/app:1\n");
    const [was, is] = [before, await docker("image", "inspect", "team/app:1")].map(
      (text) => JSON.parse(text)[0],
    );
    assert.deepEqual([is.Id, is.RootFS, is.Config, is.Size], [was.Id, was.RootFS, was.Config, was.Size]);
    assert.equal(await docker("run", "--rm", "team/app:1"), "2\n");

    await docker("import", "-c", 'CMD ["cat", "/d/b"]', at("theirs-flat.tar"), "flat");
    assert.equal(await docker("run", "--rm", "flat"), "1\n");
    // And a second trip changes not a byte of the layers.
    await docker("save", "-o", at("again.tar"), "team/app:1");
    assert.match(await other.docker("load", "-i", at("again.tar")), /^Loaded image: team\/app:1/);
  });

  test("with podman: the same id", {
    skip: findProgram("podman") === undefined && "no podman here",
  }, async () => {
    await docker("run", "--rm", "busybox", "true");
    const id = (await docker("image", "inspect", "-f", "{{.Id}}", "busybox")).trim();
    await docker("save", "-o", at("one.tar"), "busybox");
    const { host } = suite;
    const podman = ["--root", at("podman"), "--runroot", at("podman-run"), "--storage-driver", DRIVER];
    const loaded = await host.run("podman", [...podman, "load", "-q", "-i", at("one.tar")]);
    assert.match(loaded.stdout, /busybox:latest/);
    const images = await host.run("podman", [...podman, "images", "-q", "--no-trunc"]);
    assert.equal(images.stdout.trim(), id);
  });
});
