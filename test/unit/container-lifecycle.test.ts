import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { RuntimeError } from "../../src/container/process/refusal.ts";
import type { Containers } from "../../src/container/types.ts";
import type { ContainerID } from "../../src/lib/ids.ts";
import { request, World } from "../support/container-fakes.ts";

let world: World;
let containers: Containers;

beforeEach(async () => {
  world = new World();
  containers = world.containers();
  await containers.alive();
  await containers.start();
});
afterEach(() => world.remove());

const made = async (...args: Parameters<typeof request>): Promise<ContainerID> =>
  (await containers.create(request(...args))).id;
const stateOf = (id: string) => containers.inspect(id).container.state;
const running = async (...args: Parameters<typeof request>): Promise<ContainerID> => {
  const id = await made(...args);
  await containers.startContainer(id);
  return id;
};
/** The next exit, seen to its end. */
const exits = async (id: string, code: number) => {
  const { status } = containers.wait(id, "next-exit");
  world.last.exit(code);
  return status;
};

describe("creation", () => {
  it("fills in what Docker fills in", async () => {
    const { container } = containers.inspect(await made());
    assert.equal(container.config.Hostname, container.id.slice(0, 12));
    assert.deepEqual([container.path, container.args], ["sh", []]);
    assert.equal(container.hostConfig.NetworkMode, "bridge");
    assert.match(container.name, /^[a-z]+_[a-z]+$/);
    assert.equal(container.state.status, "created");
    assert.deepEqual(container.config.Env, ["FROM_IMAGE=1"]);
  });

  it("refuses a taken name in Docker's words, and frees it with its container", async () => {
    const first = await containers.create({ ...request(), name: "web" });
    await assert.rejects(containers.create({ ...request(), name: "/web" }), {
      kind: "conflict",
      message:
        `Conflict. The container name "/web" is already in use by container "${first.id}". ` +
        "You have to remove (or rename) that container to be able to reuse that name.",
    });
    await containers.remove("web", { force: false, volumes: false });
    await containers.create({ ...request(), name: "web" });
  });

  it("refuses names of one letter and unknown images, and makes nothing", async () => {
    await assert.rejects(containers.create({ ...request(), name: "a" }), { kind: "invalid" });
    await assert.rejects(containers.create(request({}, { Image: "nope" })), { kind: "not-found" });
    assert.deepEqual(containers.list(), []);
    assert.deepEqual([...world.held], []);
  });

  it("keeps exposed ports as Docker does, and refuses what clients could not read", async () => {
    const id = await made({}, { ExposedPorts: { "80": {}, "53/UDP": {} } });
    assert.deepEqual(containers.inspect(id).container.config.ExposedPorts, { "80/tcp": {}, "53/udp": {} });
    for (const port of ["99999/tcp", "x", "1-3/udp", "80/", ""]) {
      await assert.rejects(made({}, { ExposedPorts: { [port]: {} } }), {
        kind: "invalid",
        message: `invalid port '${port}' in ExposedPorts`,
      });
    }
  });

  it("refuses words that would be other words, or lines, where they are used", async () => {
    await assert.rejects(made({ DnsSearch: ["a\nnameserver 192.0.2.1"] }), { kind: "invalid" });
    await assert.rejects(made({ DnsOptions: ["ndots:1\rx"] }), { kind: "invalid" });
    await assert.rejects(made({}, { Env: ["A=\0B=1"] }), { kind: "invalid" });
  });

  it("leaves nothing when the layer can't be made", async () => {
    world.failures.set("createLayer", new Error("disk full"));
    await assert.rejects(containers.create({ ...request(), name: "web" }), /disk full/);
    assert.deepEqual(readdirSync(join(world.root, "data/containers")), []);
    world.failures.clear();
    await containers.create({ ...request(), name: "web" });
  });

  it("finds by id, prefix and name, and not by an ambiguous prefix", async () => {
    const ids: string[] = [];
    // Seventeen ids share at least one first digit.
    for (let i = 0; i < 17; i += 1) ids.push(await made());
    const [id = ""] = ids;
    assert.equal(containers.inspect(id.slice(0, 20)).container.id, id);
    assert.equal(containers.inspect(`/${containers.inspect(id).container.name}`).container.id, id);
    const shared = "0123456789abcdef"
      .split("")
      .find((digit) => ids.filter((one) => one[0] === digit).length > 1);
    assert.throws(() => containers.inspect(shared ?? ""), { kind: "invalid" });
    assert.throws(() => containers.inspect("nobody"), {
      kind: "not-found",
      message: "No such container: nobody",
    });
  });
});

describe("start and end", () => {
  it("runs and ends: state, events, nothing held", async () => {
    const id = await running();
    assert.equal(stateOf(id).status, "running");
    assert.equal(stateOf(id).pid, world.last.record.process.pid);
    assert.ok(containers.inspect(id).sandbox);
    assert.deepEqual(await exits(id, 7), { code: 7 });
    const { status, exitCode, pid } = stateOf(id);
    assert.deepEqual([status, exitCode, pid], ["exited", 7, 0]);
    assert.equal(containers.inspect(id).sandbox, undefined);
    assert.deepEqual([...world.held], [`layer ${id}`]);
    assert.deepEqual(world.story(), ["create", "start", "die 7", "network disconnect"]);
  });

  it("opens the network and mounts at the same time", async () => {
    await running();
    const opening = world.steps.indexOf("openSandbox");
    assert.deepEqual(world.steps.slice(opening, opening + 4), ["openSandbox", "mount", "create", "start"]);
  });

  for (const step of ["openSandbox", "mount", "create", "start"]) {
    it(`undoes everything when ${step} fails`, async () => {
      const id = await made();
      world.failures.set(step, new Error("injected"));
      await assert.rejects(containers.startContainer(id), /injected/);
      assert.deepEqual([...world.held], [`layer ${id}`]);
      const left = join(world.root, "exec/containers", id);
      assert.deepEqual(existsSync(left) ? readdirSync(left) : [], []);
      const { status, exitCode, error } = stateOf(id);
      assert.deepEqual([status, exitCode, error], ["created", 128, "injected"]);
      assert.equal(containers.inspect(id).container.monitor, undefined);
      world.failures.clear();
      await containers.startContainer(id);
      assert.equal(stateOf(id).status, "running");
    });
  }

  it("tells why a command can't run, with Docker's code", async () => {
    const id = await made({}, { Cmd: ["x"] });
    world.failures.set("create", new RuntimeError("not-found", "executable file `x` not found in $PATH"));
    await assert.rejects(containers.startContainer(id), {
      kind: "invalid",
      message:
        "failed to create task for container: failed to create shim task: OCI runtime create failed: " +
        'unable to start container process: exec: "x": executable file not found in $PATH: unknown',
    });
    assert.equal(stateOf(id).exitCode, 127);
    assert.equal(stateOf(id).status, "created");
    world.failures.set("create", new RuntimeError("not-executable", "whatever"));
    await assert.rejects(containers.startContainer(id), /permission denied/);
    assert.equal(stateOf(id).exitCode, 126);
  });

  it("is unchanged by a second start, and refuses to join a container that does not run", async () => {
    const id = await running();
    await assert.rejects(containers.startContainer(id), { kind: "unchanged" });
    const idle = await made();
    const joining = await made({ NetworkMode: `container:${idle}` });
    await assert.rejects(containers.startContainer(joining), {
      kind: "conflict",
      message: `cannot join network of a non running container: ${idle}`,
    });
  });

  it("survives a take-down that fails, and finishes it with the removal", async () => {
    const id = await running();
    world.failures.set("unmount", new Error("busy"));
    await exits(id, 0);
    assert.equal(stateOf(id).status, "exited");
    assert.ok(containers.inspect(id).container.monitor);
    world.failures.clear();
    await containers.remove(id, { force: false, volumes: false });
    assert.deepEqual([...world.held], []);
  });
});

describe("stop, kill, pause", () => {
  it("stops in Docker's order of events", async () => {
    const id = await running();
    await containers.stopContainer(id, {});
    assert.deepEqual(world.story(), ["create", "start", "kill 15", "die 143", "network disconnect", "stop"]);
    await assert.rejects(containers.stopContainer(id, {}), { kind: "unchanged" });
  });

  it("kills what does not stop", async () => {
    const id = await running({}, { StopSignal: "SIGUSR1" });
    const { last } = world;
    last.onSignal = (number) => number === 9 && last.exit(137);
    await containers.stopContainer(id, { timeout: 0 });
    assert.deepEqual(last.signals, [10, 9]);
    assert.equal(stateOf(id).exitCode, 137);
  });

  it("sends other signals without waiting", async () => {
    const id = await running();
    world.last.onSignal = () => {};
    await containers.kill(id, "HUP");
    assert.deepEqual(world.last.signals, [1]);
    assert.equal(stateOf(id).status, "running");
    await assert.rejects(containers.kill(id, "NONSENSE"), {
      kind: "invalid",
      message: "invalid signal: NONSENSE",
    });
    const idle = await made();
    await assert.rejects(containers.kill(idle, "KILL"), { kind: "conflict", message: /is not running$/ });
  });

  it("freezes, thaws, and thaws what is to end", async () => {
    const id = await running();
    await containers.pause(id);
    assert.equal(stateOf(id).status, "paused");
    await assert.rejects(containers.pause(id), { kind: "conflict" });
    await assert.rejects(containers.startContainer(id), { kind: "conflict" });
    await containers.unpause(id);
    await assert.rejects(containers.unpause(id), {
      kind: "internal",
      message: `Container ${id} is not paused`,
    });
    await containers.pause(id);
    const { last } = world;
    last.onSignal = () => {};
    const stopping = containers.stopContainer(id, { timeout: -1 });
    while (!world.steps.slice(-1).includes("resume")) await new Promise((resolve) => setImmediate(resolve));
    last.exit(143);
    await stopping;
    assert.equal(stateOf(id).status, "exited");
  });

  it("restarts", async () => {
    const id = await running({ AutoRemove: true });
    await containers.restart(id, {});
    assert.equal(stateOf(id).status, "running");
    assert.deepEqual(world.story().slice(2), [
      "kill 15",
      "die 143",
      "network disconnect",
      "stop",
      "start",
      "restart",
    ]);
  });
});

describe("removal", () => {
  it("never ends before it began, though the exit's time is the clock's last tick", async () => {
    const id = await running();
    const { status } = containers.wait(id, "next-exit");
    world.last.exit(0, { finishedAt: "2020-01-01T00:00:00.000000000Z" });
    await status;
    assert.equal(stateOf(id).finishedAt, stateOf(id).startedAt);
  });

  it("is refused while it runs, unless forced", async () => {
    const id = await running();
    await assert.rejects(containers.remove(id, { force: false, volumes: false }), {
      kind: "conflict",
      message: /container is running: stop the container before removing or force remove$/,
    });
    await containers.remove(id, { force: true, volumes: false });
    assert.deepEqual([...world.held], []);
    assert.equal(existsSync(join(world.root, "data/containers", id)), false);
    assert.deepEqual(await world.store.list(""), []);
    assert.deepEqual(world.story().slice(-4), ["kill 9", "die 137", "network disconnect", "destroy"]);
  });

  it("happens by itself with AutoRemove, and tells those who wait for it", async () => {
    const id = await running({ AutoRemove: true });
    const { status } = containers.wait(id, "removed");
    world.last.exit(3);
    assert.deepEqual(await status, { code: 3 });
    assert.throws(() => containers.inspect(id), { kind: "not-found" });
    assert.deepEqual([...world.held], []);
  });

  it("leaves a dead container where it fails, and can be tried again", async () => {
    const id = await made();
    world.failures.set("removeLayer", new Error("busy"));
    await assert.rejects(containers.remove(id, { force: false, volumes: false }), /busy/);
    assert.equal(stateOf(id).status, "dead");
    world.failures.clear();
    await containers.remove(id, { force: false, volumes: false });
    assert.deepEqual(containers.list(), []);
  });

  it("takes a failed start along with AutoRemove", async () => {
    const id = await made({ AutoRemove: true });
    world.failures.set("openSandbox", new Error("no such network"));
    await assert.rejects(containers.startContainer(id), /no such network/);
    assert.throws(() => containers.inspect(id), { kind: "not-found" });
  });
});

describe("waiting", () => {
  it("is at once where it does not run, and at the next end otherwise", async () => {
    const id = await made();
    assert.deepEqual(await containers.wait(id, "not-running").status, { code: 0 });
    const next = containers.wait(id, "next-exit");
    await containers.startContainer(id);
    const now = containers.wait(id, "not-running");
    world.last.exit(5);
    assert.deepEqual(await Promise.all([next.status, now.status]), [{ code: 5 }, { code: 5 }]);
  });
});

describe("restart policies", () => {
  it("starts again, counts, and gives up with a user's stop", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const id = await running({ RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 } });
    assert.deepEqual(await exits(id, 1), { code: 1 });
    assert.equal(stateOf(id).status, "restarting");
    const startAgain = async (delay: number) => {
      const before = world.processes.length;
      t.mock.timers.tick(delay - 1);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(world.processes.length, before);
      t.mock.timers.tick(1);
      while (stateOf(id).status !== "running") await new Promise((resolve) => setImmediate(resolve));
    };
    await startAgain(100);
    await exits(id, 1);
    await startAgain(200);
    assert.equal(containers.inspect(id).container.restartCount, 2);
    await exits(id, 1);
    assert.equal(stateOf(id).status, "exited");
  });

  it("is called off by stop between two runs", async () => {
    const id = await running({ RestartPolicy: { Name: "always", MaximumRetryCount: 0 } });
    await exits(id, 0);
    await containers.stopContainer(id, {});
    assert.equal(stateOf(id).status, "exited");
    assert.equal(containers.inspect(id).container.stoppedByUser, true);
    await containers.remove(id, { force: false, volumes: false });
  });

  it("does not start what a user stopped", async () => {
    const id = await running({ RestartPolicy: { Name: "always", MaximumRetryCount: 0 } });
    await containers.stopContainer(id, {});
    assert.equal(stateOf(id).status, "exited");
  });
});

describe("names", () => {
  it("change, and go back when the network can't follow", async () => {
    const id = await running();
    const old = containers.inspect(id).container.name;
    world.failures.set("renameContainer", new Error("injected"));
    await assert.rejects(containers.rename(id, "other"), /injected/);
    assert.equal(containers.inspect(id).container.name, old);
    world.failures.clear();
    await containers.rename(id, "other");
    assert.equal(containers.inspect("other").container.id, id);
    assert.throws(() => containers.inspect(old), { kind: "not-found" });
    await containers.create({ ...request(), name: old });
    assert.equal(world.events.find(({ action }) => action === "rename")?.actor.attributes.oldName, `/${old}`);
  });
});
