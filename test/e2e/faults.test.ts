/**
 * A container's start that fails half-way leaves nothing: each call that the engine makes of its parts, each step
 * of a sandbox's plan, and each commit to the store is made to fail in turn, on a real kernel.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Between, createEngine, type RunningEngine } from "../../src/engine/engine.ts";
import type { EngineSettings } from "../../src/engine/settings.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { silent } from "../../src/lib/log.ts";
import type { Plan } from "../../src/linux/plan.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const directory = mkdtempSync(join(tmpdir(), "drawbridge-faults-"));
const parent = `drawbridge-test-${process.pid}-${Date.now().toString(36)}`;
/** Our parent in each, without what stands in for the hybrid `unified` one: there, crun makes plain directories (isolated.ts). */
const hierarchies = readdirSync("/sys/fs/cgroup")
  .filter((name) => name !== "unified")
  .map((name) => join("/sys/fs/cgroup", name, parent));

const directories = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [join(path, entry.name)] : [],
  );

const settings: EngineSettings = {
  version: "0",
  dataRoot: join(directory, "data"),
  execRoot: join(directory, "exec"),
  bridge: {
    name: "docker0",
    bip: parsePrefix("172.17.0.1/16"),
    mtu: 1500,
    icc: true,
    ipv6: false,
    hostBindingIp: parseAddress("0.0.0.0"),
  },
  ipMasq: true,
  ipForward: true,
  ipForwardNoDrop: false,
  firewallAdmit: false,
  defaultAddressPools: [],
  dns: ["192.0.2.53"],
  dnsSearch: [],
  dnsOptions: [],
  cgroupParent: `/${parent}`,
  insecureRegistries: [],
  registryMirrors: [],
  labels: [],
  liveRestore: false,
  shutdownTimeout: 5,
  logger: silent,
};

/** Which call is to fail: `supervisor.start`; `kernel.apply 3`, before its plan's fourth step; `store.commit 1`, its second. */
let fault: string | undefined;
const called = new Set<string>();
let commits = 0;

async function perhaps<T>(call: string, work: () => Promise<T>): Promise<T> {
  called.add(call);
  if (fault === call) throw new Error(`injected: ${call}`);
  return work();
}

/** The same object, but that the named methods may be made to fail. */
function faulty<T extends object>(part: T, name: string, methods: readonly (keyof T & string)[]): T {
  return new Proxy(part, {
    get(target, key) {
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      const method = value.bind(target);
      if (!methods.includes(key as keyof T & string)) return method;
      return (...args: unknown[]) => perhaps(`${name}.${String(key)}`, async () => method(...args));
    },
  });
}

const between: Between = {
  store: (store) =>
    new Proxy(store, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        if (key !== "commit") return value.bind(target);
        return (...args: Parameters<typeof store.commit>) =>
          perhaps(`store.commit ${commits++}`, () => target.commit(...args));
      },
    }),
  kernel: (kernel) =>
    new Proxy(kernel, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        if (key !== "apply") return typeof value === "function" ? value.bind(target) : value;
        return (plan: Plan) => {
          if (!plan.some((step) => step.do === "add-netns")) return target.apply(plan);
          for (let at = 0; at <= plan.length; at += 1) called.add(`kernel.apply ${at}`);
          const at = /^kernel\.apply (\d+)$/.exec(fault ?? "")?.[1];
          if (at === undefined) return target.apply(plan);
          return target.apply([...plan.slice(0, Number(at)), { do: "set-link", name: "nosuch", up: true }]);
        };
      },
    }),
  supervisor: (supervisor) => faulty(supervisor, "supervisor", ["create", "start"]),
  images: (images) => faulty(images, "images", ["mount", "createLayer"]),
  networks: (networks) => faulty(networks, "networks", ["openSandbox"]),
};

const say = (command: string) => execFileSync("sh", ["-c", command], { encoding: "utf8" });

/** All that a start could leave behind, but for the container's own record and layer. */
function traces(): unknown {
  const list = (path: string) => readdirSync(path, { recursive: true }).sort();
  return {
    links: say("ip -o link | sed 's/ state .*//; s/,LOWER_UP//; s/,UP//; s/NO-CARRIER,//'"),
    rules: say("nft list ruleset"),
    mounts: readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4])
      .sort(),
    processes: say("ps -e -o comm= | grep -E 'conmon|crun|runc|sleep' || true"),
    cgroups: hierarchies.flatMap((path) => (existsSync(path) ? directories(path) : [])),
    netns: list(join(settings.execRoot, "netns")),
    runtime: list(join(settings.execRoot, "runtime")),
    runs: list(join(settings.execRoot, "containers")),
  };
}

describe("a start that fails half-way", () => {
  let engine: RunningEngine;

  before(async () => {
    mkdirSync(directory, { recursive: true });
    engine = await createEngine(settings, between);
    await startOnce(); // What a first start makes for all (cgroup parent, directories) is there from now on.
  });
  after(async () => {
    await engine.stop();
    for (const path of hierarchies) if (existsSync(path)) rmdirSync(path);
    rmSync(directory, { recursive: true });
  });

  const create = () =>
    engine.containers.create({
      config: { Image: "busybox", Cmd: ["sleep", "1000"] },
      hostConfig: {},
      endpoints: {},
    });

  /** Create, start and remove one; what the start called is in `called`. */
  async function startOnce(): Promise<void> {
    const { id } = await create();
    called.clear();
    commits = 0;
    await engine.containers.startContainer(id);
    const ofStart = new Set(called);
    await engine.containers.remove(id, { force: true, volumes: false });
    called.clear();
    for (const call of ofStart) called.add(call);
  }

  test("leaves nothing, whichever call fails, and the container can be started after all", async () => {
    await startOnce();
    const calls = [...called];
    for (const needed of [
      "kernel.apply 0",
      "images.mount",
      "networks.openSandbox",
      "supervisor.create",
      "supervisor.start",
    ]) {
      assert.ok(calls.includes(needed), `${needed} is among ${calls.join(", ")}`);
    }
    const { id } = await create();
    const clean = traces();
    for (const call of calls) {
      fault = call;
      commits = 0;
      const failed = await engine.containers.startContainer(id).then(() => undefined, messageOf);
      fault = undefined;
      assert.match(failed ?? "started", /injected|nosuch/, call);
      const { state } = engine.containers.inspect(id).container;
      assert.deepEqual([state.status, state.pid], ["created", 0], call);
      assert.deepEqual(traces(), clean, call);
    }
    await engine.containers.startContainer(id);
    assert.equal(engine.containers.inspect(id).container.state.status, "running");
    await engine.containers.remove(id, { force: true, volumes: false });
  });

  test("a creation that fails leaves no record, name or layer", async () => {
    const records = () => [
      engine.containers.list().length,
      readdirSync(join(settings.dataRoot, "containers")),
      readdirSync(join(settings.dataRoot, "overlay")),
    ];
    const clean = records();
    for (const call of ["images.createLayer", "store.commit 0"]) {
      fault = call;
      commits = 0;
      await assert.rejects(create(), /injected/);
      fault = undefined;
      assert.deepEqual(records(), clean);
    }
  });
});
