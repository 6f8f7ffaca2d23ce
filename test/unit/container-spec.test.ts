import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { commandLineOf, configOf, hostConfigOf } from "../../src/container/defaults.ts";
import { fitLimits } from "../../src/container/limits/limits.ts";
import { DEFAULT_CAPABILITIES } from "../../src/container/spec/capabilities.ts";
import { ALL_DEVICES, DEFAULT_DEVICE_RULES } from "../../src/container/spec/devices.ts";
import { customProfile } from "../../src/container/spec/seccomp.ts";
import { defaultProfile, type SeccompProfile } from "../../src/container/spec/seccomp-profile.ts";
import { type Spec, type SpecInput, specOf } from "../../src/container/spec/spec.ts";
import type { Container, CreateRequest, HostConfig } from "../../src/container/types.ts";
import { validateHostConfig } from "../../src/container/validate.ts";
import type { ContainerID, SandboxID } from "../../src/lib/ids.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { HOST, IMAGE, request } from "../support/container-fakes.ts";

const ID = "c0".repeat(32) as ContainerID;
const DEFAULTS = { host: HOST, shmSize: 64 << 20, runtime: "crun", log: { Type: "json-file", Config: {} } };

function containerOf({ config, hostConfig }: CreateRequest): Container {
  const whole = hostConfigOf(hostConfig, DEFAULTS);
  const filled = configOf({ config, hostConfig, endpoints: {} }, ID, IMAGE, whole.NetworkMode, DEFAULTS);
  const never = "0001-01-01T00:00:00Z";
  return {
    id: ID,
    name: "web",
    created: never,
    image: IMAGE.id,
    config: filled,
    hostConfig: whole,
    endpoints: {},
    mounts: [],
    ...commandLineOf(filled),
    state: {
      status: "created",
      pid: 0,
      exitCode: 0,
      error: "",
      oomKilled: false,
      startedAt: never,
      finishedAt: never,
    },
    restartCount: 0,
    stoppedByUser: false,
  };
}

function spec(
  hostConfig: CreateRequest["hostConfig"] = {},
  config = {},
  more: Partial<SpecInput> = {},
): Spec {
  return specOf({
    container: containerOf(request(hostConfig, config)),
    rootfs: "/data/overlay/c0/merged",
    mounts: [],
    sandbox: {
      id: "5a".repeat(32) as SandboxID,
      container: ID,
      key: "/run/drawbridge/netns/5a5a5a5a5a5a" as NetnsPath,
      mode: "own",
      endpoints: [],
      ports: [],
      exposed: [],
    },
    files: { hostname: "/data/c0/hostname", hosts: "/data/c0/hosts", resolvConf: "/data/c0/resolv.conf" },
    user: { uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" },
    joined: {},
    linkEnvironment: [],
    cgroups: { parent: "/drawbridge", driver: "cgroupfs" },
    host: HOST,
    devices: { nodes: [], rules: DEFAULT_DEVICE_RULES },
    findDevice: () => ({ major: 8, minor: 0 }),
    ...more,
  });
}

const destinations = (made: Spec) => made.mounts.map((mount) => mount.destination);
const optionsOf = (made: Spec, destination: string) =>
  made.mounts.find((mount) => mount.destination === destination)?.options;
const types = (made: Spec) => made.linux.namespaces.map((namespace) => namespace.type);

describe("spec", () => {
  it("of a plain container is this", () => {
    const { seccomp, ...linux } = spec().linux;
    assert.equal(seccomp?.defaultAction, "SCMP_ACT_ERRNO");
    const golden = readFileSync(join(import.meta.dirname, "container-spec.golden.json"), "utf8");
    assert.deepEqual(JSON.parse(JSON.stringify({ ...spec(), linux })), JSON.parse(golden));
  });

  it("of a privileged one opens what it says", () => {
    const made = spec(
      { Privileged: true },
      {},
      {
        devices: {
          nodes: [{ path: "/dev/sda", type: "b", major: 8, minor: 0, fileMode: 0o660, uid: 0, gid: 6 }],
          rules: ALL_DEVICES,
        },
      },
    );
    assert.equal(made.linux.seccomp, undefined);
    assert.equal(made.linux.maskedPaths, undefined);
    assert.deepEqual(made.linux.resources.devices, [{ allow: true, access: "rwm" }]);
    assert.equal(made.linux.devices?.[0]?.path, "/dev/sda");
    assert.equal(made.process.capabilities.bounding.length, HOST.capabilities.length);
    assert.ok(!optionsOf(made, "/sys")?.includes("ro"));
  });

  it("leaves out what the host shares", () => {
    const host = { id: ID as string as SandboxID, container: ID, endpoints: [], ports: [], exposed: [] };
    const shared = spec(
      { PidMode: "host", IpcMode: "host", UTSMode: "host" },
      {},
      { sandbox: { ...host, mode: "host", key: "/proc/1/ns/net" as NetnsPath }, shm: "/dev/shm" },
    );
    assert.deepEqual(types(shared), ["mount", "cgroup"]);
    assert.equal(shared.hostname, undefined);
    assert.deepEqual(optionsOf(shared, "/dev/shm"), ["rbind", "rprivate"]);
    const joined = spec({ PidMode: "container:x" }, {}, { joined: { pid: "/proc/7/ns/pid" } });
    assert.equal(joined.linux.namespaces.find(({ type }) => type === "pid")?.path, "/proc/7/ns/pid");
    assert.ok(!types(spec({ CgroupnsMode: "host" })).includes("cgroup"));
  });

  it("carries limits, and none where -1 asks for none", () => {
    const made = spec({
      Memory: 64 << 20,
      NanoCpus: 1.5e9,
      PidsLimit: -1,
      CpusetCpus: "0",
      Ulimits: [{ Name: "nofile", Soft: 10, Hard: -1 }],
      OomScoreAdj: 5,
    });
    const { memory, cpu, pids } = made.linux.resources;
    assert.deepEqual(memory, { limit: 64 << 20, swap: 128 << 20 });
    assert.deepEqual(cpu, { period: 100_000, quota: 150_000, cpus: "0" });
    assert.equal(pids, undefined);
    assert.equal(hostConfigOf({ PidsLimit: -1 }, DEFAULTS).PidsLimit, null);
    assert.deepEqual(spec({ PidsLimit: 9 }).linux.resources.pids, { limit: 9 });
    assert.match(JSON.stringify(made.process.rlimits), /"soft":10,"hard":18446744073709551615/);
    assert.equal(made.process.oomScoreAdj, 5);
  });

  it("mounts parents before children, a user's in place of its own", () => {
    const bind = (source: string, destination: string, ...options: string[]) => ({
      destination,
      type: "bind",
      source,
      options: ["rbind", ...options],
    });
    const mounts = [
      bind("/a/b", "/data/sub", "ro", "rprivate"),
      bind("/a", "/data"),
      bind("/h", "/etc/hosts"),
    ];
    const made = spec({ Tmpfs: { "/dev/shm": "size=1m,exec" } }, {}, { mounts, rootPropagation: "shared" });
    const order = destinations(made);
    assert.ok(order.indexOf("/data") < order.indexOf("/data/sub"));
    assert.equal(order.filter((one) => one === "/etc/hosts").length, 1);
    assert.equal(order.filter((one) => one === "/dev/shm").length, 1);
    assert.deepEqual(optionsOf(made, "/dev/shm"), ["nosuid", "nodev", "size=1m", "exec"]);
    assert.deepEqual(optionsOf(made, "/data/sub"), ["rbind", "ro", "rprivate"]);
    assert.equal(made.linux.rootfsPropagation, "shared");
  });

  it("lets nothing be mounted over parts of /proc but what runc lets", () => {
    const at = (destination: string, source = "/h") =>
      spec({}, {}, { mounts: [{ destination, type: "bind", source, options: ["rbind"] }] });
    for (const place of ["/proc/sys", "/proc/self/attr"]) {
      assert.throws(() => at(place), { message: `"${place}" cannot be mounted because it is inside /proc` });
    }
    assert.throws(() => spec({ Tmpfs: { "/proc/acpi": "" } }), /inside \/proc/);
    assert.throws(() => at("/proc"), /"\/proc" cannot be mounted because it is not of type proc/);
    for (const made of [at("/proc", "/proc"), at("/proc/cpuinfo"), at("/process")]) {
      assert.ok(made.mounts.some(({ type }) => type === "bind"));
    }
  });

  it("gives the user's own home where none is left", () => {
    const home = (...Env: string[]) => spec({}, { Env }).process.env.filter((one) => one.startsWith("HOME="));
    assert.deepEqual([home(), home("HOME="), home("HOME")], Array(3).fill(home()));
    assert.deepEqual(home("HOME=/else"), ["HOME=/else"]);
    assert.match(home("HOME=").join(" "), /^HOME=\/\w+$/);
  });

  it("puts an init before the command, and net sysctls nowhere", () => {
    const made = spec({ Init: true, Sysctls: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "9000" } });
    assert.deepEqual(made.process.args, ["/sbin/docker-init", "--", "sh"]);
    assert.equal(made.mounts.at(-1)?.source, "/usr/bin/tini");
    assert.deepEqual(made.linux.sysctl, { "kernel.msgmax": "9000" });
  });

  it("keeps the cgroup below its parent", () => {
    assert.equal(spec({ CgroupParent: "../../x" }).linux.cgroupsPath, `/x/${ID}`);
    const systemd = spec({}, {}, { cgroups: { parent: "system.slice", driver: "systemd" } });
    assert.equal(systemd.linux.cgroupsPath, `system.slice:drawbridge:${ID}`);
  });
});

describe("command", () => {
  const command = (config: Partial<CreateRequest["config"]>, image: object) => {
    const made = { ...IMAGE, config: image };
    const { path, args } = commandLineOf(
      configOf(
        { config: { Image: "x", ...config }, hostConfig: {}, endpoints: {} },
        ID,
        made,
        "bridge",
        DEFAULTS,
      ),
    );
    return [path, ...args];
  };

  it("merges entrypoint and command as Docker does", () => {
    const image = { Entrypoint: ["e"], Cmd: ["c"] };
    assert.deepEqual(command({}, image), ["e", "c"]);
    assert.deepEqual(command({ Cmd: ["x"] }, image), ["e", "x"]);
    assert.deepEqual(command({ Entrypoint: ["y"] }, image), ["y"]);
    assert.deepEqual(command({ Entrypoint: ["y"], Cmd: ["x"] }, image), ["y", "x"]);
    assert.deepEqual(command({ Entrypoint: [""], Cmd: ["x"] }, image), ["x"]);
    assert.throws(() => command({}, {}), { kind: "invalid", message: "no command specified" });
  });
});

describe("seccomp", () => {
  const names = (profile: SeccompProfile): Set<string> =>
    new Set(
      (profile.syscalls as { names: string[]; action: string; args?: object }[])
        .filter(({ action, args }) => action === "SCMP_ACT_ALLOW" && !args)
        .flatMap((rule) => rule.names),
    );

  it("keeps a container from what reaches past it", () => {
    const allowed = names(defaultProfile("x86_64", DEFAULT_CAPABILITIES));
    const denied =
      "mount umount2 move_mount open_tree fsopen setns unshare clone clone3 keyctl add_key request_key bpf " +
      "io_uring_setup io_uring_enter io_uring_register perf_event_open userfaultfd kexec_load init_module reboot " +
      "swapon settimeofday socket personality open_by_handle_at ioperm iopl acct quotactl pivot_root";
    assert.deepEqual(
      denied.split(" ").filter((name) => allowed.has(name)),
      [],
    );
    const needed =
      "execve openat read write mmap futex epoll_wait bind connect chroot ptrace statx rseq prctl";
    assert.deepEqual(
      needed.split(" ").filter((name) => !allowed.has(name)),
      [],
    );
  });

  it("lets clone through without new namespaces, and sends clone3 away", () => {
    const rules = defaultProfile("x86_64", DEFAULT_CAPABILITIES).syscalls as { names: string[] }[];
    const clone = rules.filter((rule) => rule.names.includes("clone"));
    assert.deepEqual(clone, [
      {
        names: ["clone"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
      },
    ]);
    assert.deepEqual(rules.at(-1), { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 });
    assert.ok(names(defaultProfile("x86_64", ["CAP_SYS_ADMIN"])).has("clone3"));
  });

  it("reads a profile in Docker's form", () => {
    const profile = customProfile(
      JSON.stringify({
        defaultAction: "SCMP_ACT_ERRNO",
        archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] }],
        syscalls: [
          { names: ["read"], action: "SCMP_ACT_ALLOW" },
          { names: ["mount"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN"] } },
          { names: ["ptrace"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "4.8" } },
          { name: "s390", action: "SCMP_ACT_ALLOW", includes: { arches: ["s390x"] } },
        ],
      }),
      { machine: "x86_64", kernel: "6.1.0", capabilities: [] },
    );
    assert.deepEqual(profile.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]);
    assert.deepEqual([...names(profile)], ["read", "ptrace"]);
    for (const wrong of ["{", "[]", "{}", '{"defaultAction":"x","syscalls":[{}]}']) {
      assert.throws(() => customProfile(wrong, { machine: "x86_64", kernel: "6.1", capabilities: [] }), {
        kind: "invalid",
      });
    }
  });
});

describe("checks", () => {
  const check = (hostConfig: Partial<HostConfig>, asked = {}, host = HOST) =>
    validateHostConfig(hostConfigOf(hostConfig, DEFAULTS), asked, {
      host,
      cgroups: { parent: "/drawbridge", driver: "cgroupfs" },
      runtimes: ["crun"],
      sysctlExists: (key) => key !== "net.bogus",
    });
  const withheld = { ...HOST, capabilities: HOST.capabilities.filter((name) => name !== "CAP_SYS_RESOURCE") };

  const refused: readonly [string, Partial<HostConfig>, string, RegExp, object?, typeof HOST?][] = [
    ["unknown capabilities", { CapAdd: ["FLY"] }, "invalid", /invalid CapAdd: unknown capability: "CAP_FLY"/],
    [
      "capabilities that are not there",
      { CapAdd: ["sys_resource"] },
      "invalid",
      /CAP_SYS_RESOURCE/,
      {},
      withheld,
    ],
    [
      "limits above the machine's",
      { Ulimits: [{ Name: "nofile", Soft: 1, Hard: 30_000 }] },
      "invalid",
      /20000/,
      {},
      withheld,
    ],
    ["an oom score below its own", { OomScoreAdj: -5 }, "invalid", /CAP_SYS_RESOURCE/, {}, withheld],
    ["unknown ulimits", { Ulimits: [{ Name: "x", Soft: 1, Hard: 1 }] }, "invalid", /invalid ulimit type: x/],
    ["a bad tmpfs", { Tmpfs: { "/t": "bad" } }, "invalid", /invalid tmpfs option \["bad"\]/],
    [
      "sysctls of the host",
      { Sysctls: { "vm.swappiness": "1" } },
      "invalid",
      /not in a separate kernel namespace/,
    ],
    [
      "unknown log drivers",
      { LogConfig: { Type: "syslog", Config: {} } },
      "invalid",
      /no log driver named 'syslog' is registered/,
    ],
    [
      "log options",
      { LogConfig: { Type: "json-file", Config: { "max-size": "big" } } },
      "invalid",
      /^invalid size: 'big'$/,
    ],
    [
      "AutoRemove with a policy",
      { AutoRemove: true, RestartPolicy: { Name: "always", MaximumRetryCount: 0 } },
      "invalid",
      /AutoRemove/,
    ],
    [
      "retries without on-failure",
      { RestartPolicy: { Name: "always", MaximumRetryCount: 3 } },
      "invalid",
      /only be used with 'on-failure'/,
    ],
    ["unknown runtimes", { Runtime: "runsc" }, "invalid", /unknown or invalid runtime name: runsc/],
    [
      "hostname with the host's UTS",
      { UTSMode: "host" },
      "invalid",
      /hostname and the UTS mode/,
      { Hostname: "x" },
    ],
    ["unknown modes", { PidMode: "what" }, "invalid", /invalid PID mode: what/],
    [
      "--init without one",
      { Init: true },
      "invalid",
      /docker-init or tini/,
      {},
      { ...HOST, init: undefined },
    ],
    ["another's cgroup", { Cgroup: "container:x" }, "not-built-in", /HostConfig\.Cgroup/],
    ["nonsense security options", { SecurityOpt: ["what=1"] }, "invalid", /invalid --security-opt/],
    ["broken profiles", { SecurityOpt: ["seccomp={"] }, "invalid", /Decoding seccomp profile failed/],
  ];
  for (const [what, hostConfig, kind, message, asked, host] of refused) {
    it(`refuse ${what}`, () => {
      assert.throws(() => check(hostConfig, asked, host), { kind, message });
    });
  }

  it("let Docker's own defaults pass", () => check({}));

  it("drop a limit that the machine can't enforce, and say so", () => {
    const asked = hostConfigOf({ Memory: 64 << 20, PidsLimit: 5 }, DEFAULTS);
    const bare = fitLimits(asked, { ...HOST, controllers: new Set() });
    assert.deepEqual([bare.limits.Memory, bare.limits.MemorySwap, bare.limits.PidsLimit], [0, 0, null]);
    assert.equal(bare.warnings.length, 2);
    assert.match(bare.warnings[0] ?? "", /^Your kernel does not support memory limit/);
    assert.deepEqual(fitLimits(asked, HOST).warnings, []);
    const tooLittle = hostConfigOf({ Memory: 1 << 20 }, DEFAULTS);
    assert.throws(() => fitLimits(tooLittle, HOST), { message: "Minimum memory limit allowed is 6MB" });
    const tooMany = hostConfigOf({ NanoCpus: 3e9 }, DEFAULTS);
    assert.throws(() => fitLimits(tooMany, HOST), { message: /only 2 CPUs available/ });
    assert.throws(() => fitLimits(hostConfigOf({ CpusetCpus: "0-7" }, DEFAULTS), HOST), { kind: "invalid" });
  });
});
