import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import type { OutputFrame } from "../../src/container/process/monitor-types.ts";
import { RuntimeError } from "../../src/container/process/refusal.ts";
import type { Containers, ExecRequest, SessionOptions } from "../../src/container/types.ts";
import { DetachKeys, parseDetachKeys } from "../../src/lib/detach-keys.ts";
import type { ContainerID } from "../../src/lib/ids.ts";
import { request, World } from "../support/container-fakes.ts";

describe("detach keys", () => {
  it("are written as Docker writes them", () => {
    assert.deepEqual([...parseDetachKeys("ctrl-p,ctrl-q")], [16, 17]);
    assert.deepEqual([...parseDetachKeys("ctrl-@,ctrl-[,ctrl-_,a,DEL")], [0, 27, 31, 97, 127]);
    for (const wrong of ["ctrl-1", "ctrl-A,a", "ctrl-", "ab", "a,", "é"]) {
      assert.throws(() => parseDetachKeys(wrong), {
        kind: "invalid",
        message: `Invalid detach keys (${wrong}) provided`,
      });
    }
  });

  it("are found wherever they are, however the input is cut, and nothing else is lost", () => {
    // Few letters, so that sequences overlap themselves and begin falsely.
    const bytes = (min: number, max: number) =>
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: min, maxLength: max });
    fc.assert(
      fc.property(bytes(1, 5), fc.array(bytes(0, 8), { maxLength: 8 }), (keys, pieces) => {
        const watcher = new DetachKeys(Uint8Array.from(keys));
        const forwarded: number[] = [];
        let detached = false;
        for (const piece of pieces) {
          const result = watcher.push(Uint8Array.from(piece));
          forwarded.push(...result.forward);
          detached = result.detached;
          if (detached) break;
        }
        if (!detached) forwarded.push(...watcher.flush());
        const all = Buffer.from(pieces.flat());
        const found = all.indexOf(Buffer.from(keys));
        assert.equal(detached, found >= 0);
        assert.deepEqual(forwarded, [...(found >= 0 ? all.subarray(0, found) : all)]);
      }),
    );
  });
});

let world: World;
let containers: Containers;
beforeEach(async () => {
  world = new World();
  containers = world.containers();
  await containers.start();
});
afterEach(() => world.remove());

const ALL: SessionOptions = { stdin: true, stdout: true, stderr: true, logs: false, stream: true };
const EXEC: ExecRequest = {
  command: ["ls", "-l"],
  terminal: false,
  stdin: true,
  stdout: true,
  stderr: true,
  environment: ["A=1"],
  user: "",
  workingDirectory: "",
  privileged: false,
};

const text = async (output: AsyncIterable<OutputFrame>): Promise<string> => {
  const parts = [];
  for await (const { data } of output) parts.push(data);
  return Buffer.concat(parts).toString();
};
const made = async (config: Parameters<typeof request>[1] = {}): Promise<ContainerID> =>
  (await containers.create(request({}, config))).id;

describe("attach", () => {
  it("before the start misses nothing, in either direction", async () => {
    const id = await made({ OpenStdin: true });
    const session = await containers.attach(id, ALL);
    const written = session.write(Buffer.from("in")).then(() => session.endInput());
    const read = text(session.output);
    await containers.startContainer(id);
    world.last.print("out");
    await written;
    world.last.exit(0);
    assert.equal(await read, "out");
    assert.equal(await session.ended, "exited");
    assert.equal(Buffer.from(world.last.input).toString(), "in");
    assert.ok(world.last.inputEnded);
  });

  it("ends when the start fails, and when the container is removed", async () => {
    const id = await made();
    const session = await containers.attach(id, ALL);
    world.failures.set("mount", new Error("injected"));
    await assert.rejects(containers.startContainer(id));
    assert.equal(await session.ended, "exited");
    assert.equal(await text(session.output), "");
    const another = await containers.attach(id, ALL);
    await containers.remove(id, { force: false, volumes: false });
    assert.equal(await another.ended, "exited");
  });

  it("is left by its keys, and the process goes on", async () => {
    const id = await made({ OpenStdin: true, Tty: true });
    await containers.startContainer(id);
    const session = await containers.attach(id, ALL);
    const read = text(session.output);
    await session.write(Uint8Array.of(1, 16));
    await session.write(Uint8Array.of(2, 16, 17, 3));
    assert.equal(await session.ended, "detached");
    assert.equal(await read, "");
    assert.deepEqual(world.last.input, [1, 16, 2]);
    assert.equal(containers.inspect(id).container.state.status, "running");
    assert.ok(world.story().includes("detach"));
  });

  it("has no input where the container has none, and watches no keys without a terminal", async () => {
    const id = await made();
    await containers.startContainer(id);
    const closed = await containers.attach(id, ALL);
    await closed.write(Buffer.from("lost"));
    assert.deepEqual(world.last.input, []);
    assert.deepEqual(world.last.attached, [{ stdin: false, stdout: true, stderr: true }]);
    const open = await made({ OpenStdin: true });
    await containers.startContainer(open);
    const session = await containers.attach(open, ALL);
    await session.write(Uint8Array.of(16, 17));
    assert.deepEqual(world.last.input, [16, 17]);
  });

  it("tells first what was logged", async () => {
    world.log.push({
      stream: "stdout",
      time: "2026-01-01T00:00:00.000000000Z",
      data: Buffer.from("before\n"),
    });
    const id = await made();
    await containers.startContainer(id);
    const past = await containers.attach(id, { ...ALL, logs: true, stream: false });
    assert.equal(await text(past.output), "before\n");
    const session = await containers.attach(id, { ...ALL, logs: true });
    world.last.print("after\n");
    world.last.exit(0);
    assert.equal(await text(session.output), "before\nafter\n");
  });

  it("is refused while paused, and with bad keys", async () => {
    const id = await made();
    await containers.startContainer(id);
    await assert.rejects(containers.attach(id, { ...ALL, detachKeys: "ctrl-ü" }), { kind: "invalid" });
    await containers.pause(id);
    await assert.rejects(containers.attach(id, ALL), { kind: "conflict", message: /is paused/ });
  });

  it("reads no log where none is written", async () => {
    const { id } = await containers.create(request({ LogConfig: { Type: "none", Config: {} } }));
    assert.throws(() => containers.logs(id, { follow: false, stdout: true, stderr: true }), {
      kind: "not-built-in",
      message: "configured logging driver does not support reading",
    });
  });
});

describe("exec", () => {
  const running = async (): Promise<ContainerID> => {
    const id = await made({ Env: ["OWN=1"], User: "web" });
    await containers.startContainer(id);
    return id;
  };

  it("runs as the container does, with its own on top", async () => {
    const id = await running();
    const exec = await containers.createExec(id, EXEC);
    assert.deepEqual(containers.inspect(id).execs, [exec]);
    const session = await containers.startExec(exec, { detach: false });
    const { request: asked } = world.last;
    assert.deepEqual(asked.exec?.process, {
      terminal: false,
      user: { uid: 33, gid: 33, additionalGids: [33] },
      args: ["ls", "-l"],
      env: [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        `HOSTNAME=${id.slice(0, 12)}`,
        "HOME=/srv",
        "OWN=1",
        "FROM_IMAGE=1",
        "A=1",
      ],
      cwd: "/",
      capabilities: capabilities(asked.exec?.process),
      noNewPrivileges: false,
    });
    assert.ok(containers.inspectExec(exec).running);
    world.last.print("hello");
    world.last.exit(3);
    assert.equal(await text(session?.output ?? nothing()), "hello");
    const view = containers.inspectExec(exec);
    assert.deepEqual([view.running, view.exitCode, view.pid], [false, 3, world.last.record.process.pid]);
    assert.deepEqual(containers.inspect(id).execs, []);
    assert.deepEqual(world.story().slice(-3), ["exec_create: ls -l", "exec_start: ls -l", "exec_die 3"]);
    await assert.rejects(containers.startExec(exec, { detach: false }), { kind: "conflict" });
  });

  it("says 126 of what it could not run", async () => {
    const id = await running();
    const exec = await containers.createExec(id, { ...EXEC, command: ["nope"] });
    world.failures.set("exec", new RuntimeError("not-found", "whatever"));
    await assert.rejects(containers.startExec(exec, { detach: true }), {
      message:
        "OCI runtime exec failed: exec failed: unable to start container process: " +
        'exec: "nope": executable file not found in $PATH: unknown',
    });
    assert.equal(containers.inspectExec(exec).exitCode, 126);
  });

  it("has its terminal's size changed once it is there", async () => {
    const id = await running();
    const size = { columns: 80, rows: 24 };
    const exec = await containers.createExec(id, EXEC);
    const early = containers.resizeExec(exec, size);
    await containers.startExec(exec, { detach: true });
    await early;
    const failing = await containers.createExec(id, EXEC);
    world.failures.set("exec", new RuntimeError("not-found", "whatever"));
    await assert.rejects(containers.startExec(failing, { detach: true }));
    await assert.rejects(containers.resizeExec(failing, size), {
      kind: "invalid",
      message: "exec process is not started",
    });
    await containers.stopContainer(id, {});
    await assert.rejects(containers.resizeExec(exec, size), {
      kind: "conflict",
      message: `container ${id} is not running`,
    });
  });

  it("needs a container that runs, a command, and a user that exists when it starts", async () => {
    const id = await running();
    const nobody = await containers.createExec(id, { ...EXEC, user: "nobody-here" });
    await assert.rejects(containers.startExec(nobody, { detach: true }), {
      message: "unable to find user nobody-here: no matching entries in passwd file",
    });
    await assert.rejects(containers.createExec(id, { ...EXEC, command: [] }), { kind: "invalid" });
    await assert.rejects(containers.createExec(id, { ...EXEC, environment: ["A=\0"] }), { kind: "invalid" });
    const early = await containers.createExec(id, EXEC);
    await containers.pause(id);
    await assert.rejects(containers.createExec(id.slice(0, 9), EXEC), {
      kind: "conflict",
      message: `Container ${id.slice(0, 9)} is paused, unpause the container before exec`,
    });
    await containers.unpause(id);
    await containers.stopContainer(id, {});
    await assert.rejects(containers.createExec(id, EXEC), {
      kind: "conflict",
      message: `container ${id} is not running`,
    });
    // It belonged to the run that is over.
    for (const again of [false, true]) {
      if (again) await containers.startContainer(id);
      await assert.rejects(containers.startExec(early, { detach: true }), { kind: "not-found" });
    }
    assert.throws(() => containers.inspectExec("nope"), {
      kind: "not-found",
      message: "No such exec instance: nope",
    });
  });
});

const capabilities = (process: object | undefined) => (process as { capabilities: object }).capabilities;
async function* nothing(): AsyncGenerator<OutputFrame> {}
