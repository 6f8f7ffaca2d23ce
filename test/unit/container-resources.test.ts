import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { asOfVersion, wholeResources } from "../../src/api/resource-schemas.ts";
import { hostConfigOf as shown } from "../../src/api/shapes/host-config.ts";
import { updateRequest } from "../../src/api/update-request.ts";
import type { Minor } from "../../src/api/version.ts";
import { hostConfigOf } from "../../src/container/defaults.ts";
import { parseCpuset } from "../../src/container/limits/block.ts";
import { NO_LIMITS } from "../../src/container/limits/fitting.ts";
import { fitLimits } from "../../src/container/limits/limits.ts";
import { DEFAULT_LOG } from "../../src/container/logs/options.ts";
import type { CgroupAbility } from "../../src/container/spec/cgroup-abilities.ts";
import { devicesOf, parseDeviceRule } from "../../src/container/spec/devices.ts";
import type { HostAbilities } from "../../src/container/spec/host.ts";
import { resourcesOf } from "../../src/container/spec/resources.ts";
import { parseSecurity } from "../../src/container/spec/security.ts";
import type { HostConfig } from "../../src/container/types.ts";
import { changeOf, conflictOf, updatedHostConfig } from "../../src/container/update.ts";
import { validateHostConfig } from "../../src/container/validate.ts";
import { HOST } from "../support/container-fakes.ts";

const ALL: readonly CgroupAbility[] = [
  "oom-kill-disable",
  "swappiness",
  "kernel-memory",
  "kernel-memory-tcp",
  "io-weight",
  "io-weight-device",
  "io-read-bps",
  "io-write-bps",
  "io-read-iops",
  "io-write-iops",
];
const VERSION_1: HostAbilities = { ...HOST, cgroupVersion: "1", cgroupAbilities: new Set(ALL) };

const whole = (asked: Partial<HostConfig> = {}, host = HOST): HostConfig =>
  hostConfigOf(asked, { host, shmSize: 64 << 20, runtime: "crun", log: DEFAULT_LOG });

const rate = [{ Path: "/dev/sda", Rate: 1024 }];

describe("defaults", () => {
  it("of namespaces follow the machine's cgroups", () => {
    assert.equal(whole().CgroupnsMode, "private");
    assert.equal(whole({}, VERSION_1).CgroupnsMode, "host");
    assert.equal(whole({ CgroupnsMode: "private" }, VERSION_1).CgroupnsMode, "private");
    assert.equal(whole({ IpcMode: "" }).IpcMode, "private");
  });

  it("follow the version of the API that was asked for", () => {
    const asked: Partial<HostConfig> = {
      KernelMemory: 5,
      KernelMemoryTCP: 6,
      Annotations: { a: "b" },
      AutoRemove: true,
    };
    const kept = (minor: Minor) => Object.keys(asOfVersion(asked, minor)).toSorted().join(" ");
    assert.equal(kept(24), "IpcMode KernelMemory");
    assert.equal(kept(39), "AutoRemove IpcMode KernelMemory");
    assert.equal(kept(40), "AutoRemove KernelMemory KernelMemoryTCP");
    assert.equal(kept(42), "AutoRemove KernelMemoryTCP");
    assert.equal(kept(43), "Annotations AutoRemove KernelMemoryTCP");
    assert.equal(asOfVersion({}, 39).IpcMode, "shareable");
    assert.equal(asOfVersion({ IpcMode: "private" }, 39).IpcMode, "private");
  });

  it("are shown as dockerd shows them", () => {
    const { OomKillDisable, MemorySwappiness, DeviceRequests, DeviceCgroupRules, ...rest } = shown(
      fitLimits(whole(), HOST).limits,
    ) as Record<string, unknown>;
    assert.deepEqual(
      [OomKillDisable, MemorySwappiness, DeviceRequests, DeviceCgroupRules],
      [null, null, null, null],
    );
    for (const absent of ["Annotations", "StorageOpt", "KernelMemory", "KernelMemoryTCP", "Init"]) {
      assert.ok(!Object.hasOwn(rest, absent), absent);
    }
    const old = shown(fitLimits(whole({}, VERSION_1), VERSION_1).limits) as Record<string, unknown>;
    assert.equal(old.OomKillDisable, false);
  });

  it("fill in what members of a body's lists leave out", () => {
    assert.deepEqual(wholeResources({ Devices: [{ PathOnHost: "/dev/x" }], BlkioDeviceReadBps: [{}] }), {
      Devices: [{ PathOnHost: "/dev/x", PathInContainer: "", CgroupPermissions: "" }],
      BlkioDeviceReadBps: [{ Path: "", Rate: 0 }],
    });
  });
});

describe("limits", () => {
  const dropped: readonly (readonly [keyof HostConfig, Partial<HostConfig>, RegExp])[] = [
    ["MemorySwappiness", { MemorySwappiness: 10 }, /memory swappiness capabilities.*discarded\.$/],
    ["KernelMemory", { KernelMemory: 8 << 20 }, /kernel memory limit capabilities.*discarded\.$/],
    ["OomKillDisable", { OomKillDisable: true, Memory: 8 << 20 }, /does not support OomKillDisable/],
    ["BlkioWeight", { BlkioWeight: 100 }, /Block I\/O weight or .*Weight discarded\.$/],
    ["BlkioWeightDevice", { BlkioWeightDevice: [{ Path: "/dev/sda", Weight: 10 }] }, /weight_device/],
    ["BlkioDeviceReadBps", { BlkioDeviceReadBps: rate }, /BPS Block I\/O read limit/],
    ["BlkioDeviceWriteBps", { BlkioDeviceWriteBps: rate }, /BPS Block I\/O write limit/],
    ["BlkioDeviceReadIOps", { BlkioDeviceReadIOps: rate }, /IOPS Block read limit/],
    ["BlkioDeviceWriteIOps", { BlkioDeviceWriteIOps: rate }, /IOPS Block write limit/],
  ];
  for (const [name, asked, warning] of dropped) {
    it(`on ${name} are dropped where there is no file for them, and kept elsewhere`, () => {
      const bare = fitLimits(whole(asked), HOST);
      assert.match(bare.warnings.join(), warning);
      assert.deepEqual(
        bare.limits[name],
        name === "OomKillDisable" ? null : NO_LIMITS[name as "BlkioWeight"],
      );
      const able = fitLimits(whole(asked, VERSION_1), VERSION_1);
      assert.deepEqual([able.limits[name], able.warnings], [asked[name], []]);
    });
  }

  const refused: readonly (readonly [Partial<HostConfig>, RegExp])[] = [
    [{ Memory: 1 << 20 }, /^Minimum memory limit allowed is 6MB$/],
    [
      { Memory: 8 << 20, MemorySwap: 7 << 20 },
      /^Minimum memoryswap limit should be larger than memory limit/,
    ],
    [{ MemorySwap: 8 << 20 }, /^You should always set the Memory limit when using Memoryswap limit/],
    [{ MemoryReservation: 1 }, /^Minimum memory reservation allowed is 6MB$/],
    [
      { Memory: 8 << 20, MemoryReservation: 9 << 20 },
      /^Minimum memory limit can not be less than memory res/,
    ],
    [{ MemorySwappiness: 101 }, /^Invalid value: 101, valid memory swappiness range is 0-100$/],
    [{ KernelMemory: 1 }, /^Minimum kernel memory limit allowed is 6MB$/],
    [{ NanoCpus: 1, CpuPeriod: 1000 }, /^Conflicting options: Nano CPUs and CPU Period cannot both be set$/],
    [{ NanoCpus: 1, CpuQuota: 1000 }, /^Conflicting options: Nano CPUs and CPU Quota cannot both be set$/],
    [{ NanoCpus: -1 }, /^range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available$/],
    [{ CpuShares: -1 }, /^invalid CPU shares \(-1\): value must be a positive integer$/],
    [{ CpuShares: 1 }, /^the minimum allowed cpu-shares is 2$/],
    [{ CpuShares: 262_145 }, /^the maximum allowed cpu-shares is 262144$/],
    [{ CpuPeriod: 999 }, /^CPU cfs period can not be less than 1ms/],
    [{ CpuQuota: 999 }, /^CPU cfs quota can not be less than 1ms/],
    [{ CpuRealtimePeriod: 1 }, /^kernel does not support CPU real-time scheduler$/],
    [{ CpusetCpus: "0-" }, /^Invalid value 0- for cpuset cpus$/],
    [{ CpusetCpus: "1-9" }, /^Requested CPUs are not available - requested 1-9, available: 0-1$/],
    [{ CpusetMems: "3" }, /^Requested memory nodes are not available - requested 3, available: 0$/],
    [{ BlkioWeight: 5 }, /^Range of blkio weight is from 10 to 1000$/],
    [
      { IOMaximumBandwidth: 1 },
      /^invalid option: QoS maximum bandwidth configuration is not supported on linux$/,
    ],
    [{ IOMaximumIOps: 1 }, /^invalid option: QoS maximum IOPs configuration is not supported on linux$/],
  ];
  for (const [asked, message] of refused) {
    it(`refuse ${JSON.stringify(asked)}`, () => {
      assert.throws(() => fitLimits(whole(asked, VERSION_1), VERSION_1), { kind: "invalid", message });
    });
  }

  it("on a container without a memory limit warn of the OOM killer that is off", () => {
    const { warnings } = fitLimits(whole({ OomKillDisable: true }), VERSION_1);
    assert.match(warnings.join(), /^OOM killer is disabled for the container, but no memory limit is set/);
  });

  it("of Windows are discarded, with a word", () => {
    const { limits, warnings } = fitLimits(whole({ CpuPercent: 5 }), HOST);
    assert.deepEqual(
      [limits.CpuPercent, warnings],
      [0, ["linux does not support CPU percent. Percent discarded."]],
    );
  });

  it("on processors are lists of numbers and ranges", () => {
    assert.deepEqual([...(parseCpuset("0-2,7") ?? [])], [0, 1, 2, 7]);
    assert.deepEqual([...(parseCpuset("") ?? [1])], []);
    for (const wrong of ["x", "3-1", "1,", "0--2"]) assert.equal(parseCpuset(wrong), undefined, wrong);
  });

  it("are told to the runtime by the numbers of devices", () => {
    const { blockIO, memory, cpu } = resourcesOf(
      whole(
        {
          BlkioWeight: 20,
          BlkioWeightDevice: [{ Path: "/dev/sda", Weight: 30 }],
          BlkioDeviceWriteIOps: rate,
          MemorySwappiness: 0,
          OomKillDisable: true,
          CpuRealtimeRuntime: 7,
        },
        VERSION_1,
      ),
      [],
      (path) => ({ major: path === "/dev/sda" ? 8 : 0, minor: 1 }),
    );
    assert.deepEqual(blockIO, {
      weight: 20,
      weightDevice: [{ major: 8, minor: 1, weight: 30 }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 1, rate: 1024 }],
    });
    assert.deepEqual(memory, { swappiness: 0, disableOOMKiller: true });
    assert.deepEqual(cpu, { realtimeRuntime: 7 });
  });
});

describe("devices", () => {
  it("by rule", () => {
    assert.deepEqual(parseDeviceRule("c 10:* rw"), {
      allow: true,
      type: "c",
      major: 10,
      minor: -1,
      access: "rw",
    });
    for (const wrong of ["", "c 1:2", "d 1:2 r", "c 1:2 x", "c 1 2 r"])
      assert.equal(parseDeviceRule(wrong), undefined);
  });

  it("by path, under another one, with less than all access", () => {
    const { nodes, rules } = devicesOf(
      whole({ Devices: [{ PathOnHost: "/dev/null", PathInContainer: "/dev/nil", CgroupPermissions: "r" }] }),
    );
    assert.deepEqual(
      nodes.map(({ path, type, major, minor }) => [path, type, major, minor]),
      [["/dev/nil", "c", 1, 3]],
    );
    assert.deepEqual(rules.at(-1), { allow: true, type: "c", major: 1, minor: 3, access: "r" });
  });

  it("that are not there, or need a driver, are refused as they are looked for", () => {
    const device = { PathOnHost: "/nonexistent", PathInContainer: "", CgroupPermissions: "" };
    assert.throws(() => devicesOf(whole({ Devices: [device] })), {
      kind: "internal",
      message:
        'error gathering device information while adding custom device "/nonexistent": no such file or directory',
    });
    assert.throws(
      () => devicesOf(whole({ Devices: [{ ...device, PathOnHost: "/etc" }] })),
      /not a device node/,
    );
    assert.throws(
      () => devicesOf(whole({ DeviceRequests: [{ Count: -1, Capabilities: [["gpu", "x"], ["y"]] }] })),
      {
        message: 'could not select device driver "" with capabilities: [[gpu x] [y]]',
      },
    );
  });
});

describe("HostConfig refuses", () => {
  const check = (asked: Partial<HostConfig>) =>
    validateHostConfig(
      whole(asked),
      {},
      {
        host: HOST,
        cgroups: { parent: "/drawbridge", driver: "cgroupfs" },
        runtimes: ["crun", "runc"],
        sysctlExists: (key) => key !== "net.bogus",
      },
    );
  const refused: readonly (readonly [Partial<HostConfig>, RegExp])[] = [
    [{ IpcMode: "x" }, /^invalid IPC mode: x$/],
    [{ IpcMode: "container:" }, /^invalid IPC mode: container:$/],
    [{ PidMode: "x" }, /^invalid PID mode: x$/],
    [{ UTSMode: "x" }, /^invalid UTS mode: x$/],
    [{ CgroupnsMode: "x" as "host" }, /^invalid cgroup namespace mode: x$/],
    [{ UsernsMode: "x" }, /^invalid USER mode: x$/],
    [{ Isolation: "hyperv" }, /^invalid isolation \(hyperv\): linux only supports 'default'$/],
    [{ Annotations: { "": "x" } }, /^invalid Annotations: the empty string is not permitted/],
    [{ StorageOpt: { size: "1G" } }, /^--storage-opt is supported only for overlay over xfs/],
    [{ ShmSize: -1 }, /^SHM size can not be less than 0$/],
    [{ DeviceCgroupRules: ["x"] }, /^invalid device cgroup rule format: 'x'$/],
    [{ Runtime: "x" }, /^unknown or invalid runtime name: x$/],
    [{ Sysctls: { "net.bogus": "1" } }, /net\/bogus: no such file or directory$/],
    [{ SecurityOpt: ["x"] }, /^invalid --security-opt 1: "x"$/],
    [{ SecurityOpt: ["x=y"] }, /^invalid --security-opt 2: "x=y"$/],
    [{ SecurityOpt: ["no-new-privileges=x"] }, /^invalid --security-opt 2: "no-new-privileges=x"$/],
    [{ OomScoreAdj: 1001 }, /^Invalid value 1001, range for oom score adj is \[-1000, 1000\]$/],
    [{ CapDrop: ["x"] }, /^invalid CapDrop: unknown capability: "CAP_X"$/],
    [
      { RestartPolicy: { Name: "x" as "no", MaximumRetryCount: 0 } },
      /^invalid restart policy: unknown policy 'x'/,
    ],
  ];
  for (const [asked, message] of refused) {
    it(JSON.stringify(asked), () => {
      assert.throws(() => check(asked), { kind: "invalid", message });
    });
  }

  it("nothing that Docker takes", () => {
    for (const asked of [
      { IpcMode: "shareable" },
      { IpcMode: "container:x" },
      { UsernsMode: "host" },
      { Isolation: "Default" },
      { Runtime: "runc" },
      {
        SecurityOpt: [
          "apparmor=x",
          "label:type:t",
          "label=disable",
          "seccomp=unconfined",
          "writable-cgroups",
        ],
      },
    ]) {
      check(asked);
    }
    const security = parseSecurity([
      "no-new-privileges:false",
      "writable-cgroups=true",
      "apparmor:p",
      "disable",
    ]);
    assert.deepEqual(security, {
      noNewPrivileges: false,
      seccomp: "default",
      appArmor: "p",
      labels: ["disable"],
      writableCgroups: true,
    });
  });
});

describe("an update", () => {
  const limits = (asked: Partial<HostConfig>) => ({ ...NO_LIMITS, ...asked });

  it("changes what was said, and nothing else", () => {
    const present = whole({ Memory: 64 << 20, CpuShares: 5, PidsLimit: 9 });
    const updated = updatedHostConfig(present, limits({ CpuShares: 7, CpusetCpus: "1" }), undefined);
    assert.deepEqual(updated, { ...present, CpuShares: 7, CpusetCpus: "1" });
    const lifted = updatedHostConfig(present, limits({ PidsLimit: 0 }), {
      Name: "always",
      MaximumRetryCount: 0,
    });
    assert.deepEqual(lifted, {
      ...present,
      PidsLimit: 0,
      RestartPolicy: { Name: "always", MaximumRetryCount: 0 },
    });
  });

  it("tells the runtime of each part whole, and only of those that change", () => {
    const present = whole({ Memory: 64 << 20, CpuShares: 5 });
    const change = (asked: Partial<HostConfig>) =>
      changeOf(updatedHostConfig(present, limits(asked), undefined), limits(asked));
    assert.deepEqual(change({ Memory: 70 << 20 }), {
      resources: { memory: { limit: 70 << 20, swap: 128 << 20 } },
      liftsPids: false,
    });
    assert.deepEqual(change({ NanoCpus: 1e9 }).resources, {
      cpu: { shares: 5, period: 100_000, quota: 100_000 },
    });
    assert.deepEqual(change({ PidsLimit: 3 }), { resources: { pids: { limit: 3 } }, liftsPids: false });
    assert.deepEqual(change({ PidsLimit: 0 }), { resources: {}, liftsPids: true });
    assert.deepEqual(change({}), { resources: {}, liftsPids: false });
  });

  it("is refused where it goes against what there is", () => {
    const refused: readonly (readonly [Partial<HostConfig>, Partial<HostConfig>, RegExp])[] = [
      [
        { CpuPeriod: 1000 },
        { NanoCpus: 1 },
        /Nano CPUs cannot be updated as CPU Period has already been set/,
      ],
      [{ CpuQuota: 1000 }, { NanoCpus: 1 }, /Nano CPUs cannot be updated as CPU Quota has already been set/],
      [{ NanoCpus: 1 }, { CpuPeriod: 1000 }, /CPU Period cannot be updated as NanoCPUs has already been set/],
      [{ NanoCpus: 1 }, { CpuQuota: 1000 }, /CPU Quota cannot be updated as NanoCPUs has already been set/],
      [{ Memory: 8 << 20 }, { Memory: 99 << 20 }, /update the memoryswap at the same time/],
      [{}, { Memory: 99 << 20 }, /update the memoryswap at the same time/],
    ];
    for (const [present, asked, message] of refused) {
      assert.match(conflictOf(whole(present), limits(asked), undefined) ?? "", message);
    }
    const policy = { Name: "always", MaximumRetryCount: 0 } as const;
    assert.match(conflictOf(whole({ AutoRemove: true }), limits({}), policy) ?? "", /AutoRemove is enabled/);
    assert.equal(conflictOf(whole({ AutoRemove: true }), limits({}), { ...policy, Name: "no" }), undefined);
  });

  it("means what its version of the API says", () => {
    const body = { PidsLimit: -5, KernelMemory: 9, CpuShares: 4, Devices: [], Ulimits: [{ Name: "x" }] };
    assert.deepEqual(updateRequest(body, 39).request, { CpuShares: 4, KernelMemory: 9 });
    const newest = updateRequest(body, 50);
    assert.deepEqual(newest.request, { CpuShares: 4, PidsLimit: 0 });
    assert.match(newest.warnings.join(), /^Ulimits can't be updated/);
  });
});
