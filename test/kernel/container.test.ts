/** Containers as the kernel and the runtime see them: real processes, mounts and cgroups, in the host's network. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createContainers } from "../../src/container/containers.ts";
import { readLog } from "../../src/container/logs/read.ts";
import type { Supervisor } from "../../src/container/process/monitor-types.ts";
import { startSupervisor } from "../../src/container/process/supervisor.ts";
import type { Containers, CreateRequest, ExecRequest, Session } from "../../src/container/types.ts";
import { createImages } from "../../src/image/images.ts";
import type { Images } from "../../src/image/types.ts";
import { notFound } from "../../src/lib/errors.ts";
import type { ContainerID, SandboxID } from "../../src/lib/ids.ts";
import { silent } from "../../src/lib/log.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { Networks, Sandbox, SandboxRequest } from "../../src/network/types.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { createVolumes } from "../../src/volume/volumes.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const root = mkdtempSync("/run/drawbridge-");
const parent = root.slice("/run".length);
const [dataRoot, execRoot] = [join(root, "data"), join(root, "exec")];
const store = new MemoryStore();
let supervisor: Supervisor;
let images: Images;
let containers: Containers;

/** The namespace that is there already, for all: what lies in it is the network room's affair. */
const sandboxes = new Map<ContainerID, Sandbox>();
const networks = {
  check: () => {},
  find: (reference: string) => {
    throw notFound(`network ${reference} not found`);
  },
  openSandbox: async ({ container, directory }: SandboxRequest) => {
    for (const name of ["hosts", "resolv.conf"]) writeFileSync(join(directory, name), `# ${name}\n`);
    const key = "/proc/self/ns/net" as NetnsPath;
    const sandbox: Sandbox = {
      id: "5a" as SandboxID,
      container,
      key,
      mode: "host",
      endpoints: [],
      ports: [],
      exposed: [],
    };
    sandboxes.set(container, sandbox);
    return sandbox;
  },
  closeSandbox: async (container: ContainerID) => void sandboxes.delete(container),
  sandboxOf: (container: ContainerID) => sandboxes.get(container),
} as unknown as Networks;

async function startEngine(): Promise<void> {
  supervisor = await startSupervisor({ execRoot, logger: silent });
  images = createImages({ store, dataRoot, logger: silent, publish: () => {} });
  await images.start();
  const volumes = createVolumes({ store, dataRoot, logger: silent, publish: () => {} });
  await volumes.start();
  containers = createContainers({
    store,
    images,
    volumes,
    networks,
    supervisor,
    readLog: (path, options, ended) => readLog(path, options, { ended }),
    run: async (path) => assert.fail(`${path} is run`),
    publish: () => {},
    logger: silent,
    dataRoot,
    execRoot,
    settings: { cgroupParent: parent },
  });
  await containers.alive();
  await containers.start();
}

async function stopEngine(options: { stopAll: boolean }): Promise<void> {
  await containers.stop({ ...options, timeout: 0 });
  await images.stop();
  await supervisor.close();
}

before(async () => {
  mkdirSync(dataRoot);
  mkdirSync(execRoot);
  await startEngine();
});
after(async () => {
  await stopEngine({ stopAll: true });
  for (const directory of cgroups()) rmdirSync(directory);
});

/** Where crun finds no cgroup2 mount, it makes plain directories in a tmpfs that goes with our namespaces. */
const cgroups = () =>
  readdirSync("/sys/fs/cgroup")
    .filter((hierarchy) => hierarchy !== "unified")
    .map((hierarchy) => join("/sys/fs/cgroup", hierarchy, parent))
    .filter((directory) => existsSync(directory));

type Config = Partial<CreateRequest["config"]>;
const made = async (command: string[], hostConfig: CreateRequest["hostConfig"] = {}, config: Config = {}) =>
  (
    await containers.create({
      config: { Image: "busybox", Cmd: command, ...config },
      hostConfig,
      endpoints: {},
    })
  ).id;

const ALL = { stdin: true, stdout: true, stderr: true };

async function textOf({ output }: Pick<Session, "output">): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const { data } of output) parts.push(data);
  return Buffer.concat(parts).toString();
}

/** As `docker run --rm`: its exit code and all that it wrote. */
async function run(
  script: string,
  hostConfig: CreateRequest["hostConfig"] = {},
  config: Config = {},
): Promise<{ readonly code: number; readonly text: string }> {
  const id = await made(["sh", "-c", script], { AutoRemove: true, ...hostConfig }, config);
  const session = await containers.attach(id, { ...ALL, logs: false, stream: true });
  const text = textOf(session);
  const { status } = containers.wait(id, "removed");
  await containers.startContainer(id);
  return { code: (await status).code, text: await text };
}

describe("a container", () => {
  it("has Docker's confinement", async () => {
    const { text } = await run(`
      grep -E 'CapEff|CapBnd|CapInh|Seccomp:|NoNewPrivs' /proc/self/status
      hostname; echo $HOME $PATH; pwd; id
      mount -t tmpfs x /tmp; unshare -U true; chroot / echo chroot
      touch /proc/sys/kernel/x; cat /proc/kcore | wc -c; echo 1 > /sys/x
    `);
    assert.match(text, /CapInh:\s0+\n/);
    assert.match(text, /CapEff:\s00000000a80425fb/);
    assert.match(text, /CapBnd:\s00000000a80425fb/);
    assert.match(text, /Seccomp:\s2/);
    assert.match(text, /\n[0-9a-f]{12}\n\/root \/usr\/local\/sbin:.*\n\/\nuid=0\(root\) gid=0\(root\)/);
    assert.match(text, /mount: permission denied/);
    assert.match(text, /unshare.*Operation not permitted/);
    assert.match(text, /\nchroot\n/);
    assert.match(text, /Read-only file system/);
  });

  it("has the same confinement with a filter that was compiled before", async () => {
    for (let round = 0; round < 2; round += 1) {
      const { text } = await run("grep Seccomp: /proc/self/status; unshare -U true");
      assert.match(text, /Seccomp:\s2\n.*Operation not permitted/);
    }
    const { text } = await run("unshare -U echo let", { SecurityOpt: ["seccomp=unconfined"] });
    assert.equal(text, "let\n");
    const profile = JSON.stringify({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
    });
    const custom = await run("mkdir /x", { SecurityOpt: [`seccomp=${profile}`] });
    assert.match(custom.text, /No space left on device/);
  });

  it("is opened by --privileged, as far as the machine goes", async () => {
    const own = /CapEff:\s(\S+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    const { text } = await run(
      "mkdir /m && mount -t tmpfs x /m && echo mounted; grep CapEff /proc/self/status",
      {
        Privileged: true,
      },
    );
    assert.equal(text, `mounted\nCapEff:\t${own}\n`);
  });

  it("has the user, directory, mounts and limits that were asked for", async () => {
    const source = join(root, "made/by/bind");
    const { text } = await run(
      `exec 2>&1; id; pwd; touch /x /bound/x /fresh/y; echo ok > /fresh/z && cat /fresh/z
       ulimit -n; cat /proc/sys/kernel/msgmax; grep NoNewPrivs /proc/self/status; mount | grep ' /fresh '`,
      {
        ReadonlyRootfs: true,
        Binds: [`${source}:/bound:ro`],
        Tmpfs: { "/fresh": "size=1m,mode=1777" },
        Ulimits: [{ Name: "nofile", Soft: 100, Hard: 200 }],
        Sysctls: { "kernel.msgmax": "9000" },
        SecurityOpt: ["no-new-privileges"],
        GroupAdd: ["10"],
      },
      { User: "1000:1000", WorkingDir: "/made/dir" },
    );
    assert.match(text, /^uid=1000 gid=1000 groups=10\(wheel\),1000\n\/made\/dir\n/);
    assert.match(text, /\/x: Read-only.*\n.*\/bound\/x: Read-only.*\nok\n100\n9000\nNoNewPrivs:\s1\n/);
    assert.match(text, /tmpfs on \/fresh type tmpfs \(rw,nosuid,nodev,noexec,relatime,size=1024k\)/);
    assert.ok(existsSync(source));
  });

  it("shares the host's namespaces where it is asked to", async () => {
    const { text } = await run("for n in pid ipc uts net mnt; do readlink /proc/self/ns/$n; done", {
      PidMode: "host",
      IpcMode: "host",
      UTSMode: "host",
    });
    const shared = execFileSync(
      "readlink",
      ["pid", "ipc", "uts", "net"].map((name) => `/proc/self/ns/${name}`),
    );
    assert.ok(text.startsWith(String(shared)), text);
    assert.equal(text.includes(String(execFileSync("readlink", ["/proc/self/ns/mnt"]))), false);
  });

  it("ends with its own code, and leaves nothing", async () => {
    assert.equal((await run("exit 7")).code, 7);
    assert.equal((await run("kill -9 $$", { PidMode: "host" })).code, 137);
    assert.deepEqual(containers.list(), []);
    assert.deepEqual(readdirSync(join(dataRoot, "containers")), []);
    assert.deepEqual(readdirSync(join(execRoot, "containers")), []);
    assert.deepEqual(
      cgroups()
        .flatMap((directory) => readdirSync(directory, { withFileTypes: true }))
        .filter((entry) => entry.isDirectory()),
      [],
    );
  });

  it("that can't start says why, with Docker's code", async () => {
    const failing = async (command: string, code: number, message: RegExp) => {
      const id = await made([command]);
      await assert.rejects(containers.startContainer(id), { message });
      const { status, exitCode } = containers.inspect(id).container.state;
      assert.deepEqual([status, exitCode], ["created", code]);
      await containers.remove(id, { force: false, volumes: false });
    };
    const chain =
      "failed to create task for container: failed to create shim task: OCI runtime create failed:.*";
    await failing(
      "nope",
      127,
      new RegExp(`^${chain}exec: "nope": executable file not found in \\$PATH: unknown$`),
    );
    await failing("/nope", 127, new RegExp(`^${chain}no such file or directory: unknown$`));
    await failing("/etc/passwd", 126, new RegExp(`^${chain}permission denied: unknown$`));
  });
});

describe("exec", () => {
  const request = (command: string[], more: Partial<ExecRequest> = {}): ExecRequest => ({
    command,
    terminal: false,
    ...ALL,
    environment: [],
    user: "",
    workingDirectory: "",
    privileged: false,
    ...more,
  });

  it("runs in the container, with its own user and code", async () => {
    const id = await made(["sleep", "1000"]);
    await containers.startContainer(id);
    const exec = async (asked: ExecRequest, input?: string) => {
      const exec = await containers.createExec(id, asked);
      const session = await containers.startExec(exec, { detach: false });
      assert.ok(session);
      if (input !== undefined) await session.write(Buffer.from(input));
      await session.endInput();
      const text = await textOf(session);
      await session.ended;
      return { text, code: containers.inspectExec(exec).exitCode };
    };
    const inside = request(["sh", "-c", "id -u; pwd; echo $A; exit 3"], {
      user: "33",
      workingDirectory: "/tmp",
      environment: ["A=b"],
    });
    assert.deepEqual(await exec(inside), { text: "33\n/tmp\nb\n", code: 3 });
    assert.deepEqual(await exec(request(["cat"]), "through"), { text: "through", code: 0 });
    assert.match((await exec(request(["unshare", "-U", "true"]))).text, /not permitted/);
    const missing = await containers.createExec(id, request(["nope"]));
    await assert.rejects(
      containers.startExec(missing, { detach: false }),
      /executable file not found in \$PATH/,
    );
    assert.equal(containers.inspectExec(missing).exitCode, 126);
    await containers.remove(id, { force: true, volumes: false });
  });
});

describe("the engine's end", () => {
  it("is not the container's", async () => {
    const stays = await made([
      "sh",
      "-c",
      "echo one; trap 'echo two; exit 5' TERM; while :; do sleep 0.05; done",
    ]);
    const ends = await made(["sh", "-c", "read x; exit 4"], {}, { OpenStdin: true, StdinOnce: false });
    for (const id of [stays, ends]) await containers.startContainer(id);
    const { pid } = containers.inspect(stays).container.state;
    const killed = containers.inspect(ends).container.state.pid;
    await stopEngine({ stopAll: false });
    process.kill(killed, "SIGKILL");
    while (existsSync(`/proc/${killed}`)) await new Promise((resolve) => setTimeout(resolve, 5));
    await startEngine();

    assert.deepEqual(
      [stays, ends].map((id) => containers.inspect(id).container.state.status),
      ["running", "exited"],
    );
    assert.equal(containers.inspect(ends).container.state.exitCode, 137);
    assert.equal(containers.inspect(stays).container.state.pid, pid);
    await containers.pause(stays);
    await containers.unpause(stays);
    await containers.stopContainer(stays, {});
    assert.equal(containers.inspect(stays).container.state.exitCode, 5);
    const lines: string[] = [];
    for await (const { data } of containers.logs(stays, { follow: true, stdout: true, stderr: true })) {
      lines.push(Buffer.from(data).toString());
    }
    assert.deepEqual(lines, ["one\n", "two\n"]);
    for (const id of [stays, ends]) await containers.remove(id, { force: false, volumes: false });
    assert.deepEqual(await store.list("container/"), []);
  });
});
