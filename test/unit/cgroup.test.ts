import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import {
  type CgroupLocation,
  hierarchiesOf,
  locationOf,
  membershipOf,
} from "../../src/linux/cgroup/hierarchy.ts";
import { giveBackLimits, keepLimits, liftPidsLimit } from "../../src/linux/cgroup/limits.ts";
import { machineCpuOf } from "../../src/linux/cgroup/parse.ts";
import { readProcesses, readUse } from "../../src/linux/cgroup/read.ts";
import { parseMountinfo } from "../../src/linux/mount.ts";

const ID = "c0".repeat(32);

const VERSION_1 = parseMountinfo(
  [
    "30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct",
    "31 24 0:27 / /sys/fs/cgroup/memory rw,nosuid shared:10 - cgroup cgroup rw,memory",
    "32 24 0:28 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd",
    "33 24 0:29 / /sys/fs/cgroup/unified rw,nosuid shared:12 - cgroup2 cgroup2 rw,nsdelegate",
    "34 24 0:30 / /tmp rw - tmpfs tmpfs rw",
  ].join("\n"),
);
const VERSION_2 = parseMountinfo(
  "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate",
);

describe("the directories of a cgroup", () => {
  const within = (mounts: typeof VERSION_1, membership: string) =>
    locationOf(hierarchiesOf(mounts), membershipOf(membership), ID);

  it("lie in one hierarchy a controller, and what has none in the unified one", () => {
    const location = within(
      VERSION_1,
      `5:cpu,cpuacct:/drawbridge/${ID}\n4:memory:/drawbridge/${ID}\n0::/drawbridge/${ID}\n`,
    );
    const expected = {
      cpu: { path: `/sys/fs/cgroup/cpu,cpuacct/drawbridge/${ID}`, unified: false },
      cpuacct: { path: `/sys/fs/cgroup/cpu,cpuacct/drawbridge/${ID}`, unified: false },
      memory: { path: `/sys/fs/cgroup/memory/drawbridge/${ID}`, unified: false },
      pids: { path: `/sys/fs/cgroup/unified/drawbridge/${ID}`, unified: true },
    };
    for (const [controller, directory] of Object.entries(expected)) {
      assert.deepEqual(location(controller), directory);
    }
  });

  it("are those that can be seen", () => {
    const [unified] = VERSION_2;
    assert.ok(unified);
    const location = within([...VERSION_1, unified], `4:memory:/x/${ID}\n0::/drawbridge/${ID}\n`);
    assert.deepEqual(location("memory"), { path: `/sys/fs/cgroup/drawbridge/${ID}`, unified: true });
  });

  it("are the container's own, wherever below it the process has gone", () => {
    const path = `/system.slice/drawbridge-${ID}.scope`;
    const location = within(VERSION_2, `0::${path}/init.scope/x\n`);
    assert.deepEqual(location("memory"), { path: `/sys/fs/cgroup${path}`, unified: true });
  });

  it("are below what is mounted, and nowhere where that does not show them", () => {
    const part = parseMountinfo("30 24 0:26 /docker/e1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
    assert.equal(
      within(part, `0::/docker/e1/drawbridge/${ID}`)("pids")?.path,
      `/sys/fs/cgroup/drawbridge/${ID}`,
    );
    assert.equal(within(part, "0::/docker/e1")("pids")?.path, "/sys/fs/cgroup/");
    assert.equal(within(part, "0::/docker/e10")("pids"), undefined);
    assert.equal(within(VERSION_2, `0::/../other/${ID}`)("pids"), undefined);
    assert.equal(within(VERSION_2, "4:memory:/x")("memory"), undefined);
  });
});

/** A cgroup of plain files. */
function laidOut(files: Readonly<Record<string, string>>, unified: boolean) {
  const path = mkdtempSync(join(tmpdir(), "cgroup-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  const location: CgroupLocation = () => ({ path, unified });
  return { path, location, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

describe("what a cgroup uses", () => {
  it("in version 1", () => {
    using cgroup = laidOut(
      {
        "cpuacct.usage": "9007199254740993\n",
        "cpuacct.usage_percpu": "100 200 0 \n",
        "cpuacct.stat": "user 12\nsystem 34\n",
        "cpu.stat": "nr_periods 5\nnr_throttled 2\nthrottled_time 77\n",
        "memory.usage_in_bytes": "4096\n",
        "memory.max_usage_in_bytes": "8192\n",
        "memory.limit_in_bytes": "9223372036854771712\n",
        "memory.failcnt": "3\n",
        "memory.stat": "cache 1\ntotal_inactive_file 2\nhierarchical_memory_limit 9223372036854771712\n",
        "pids.current": "7\n",
        "pids.max": "max\n",
        "blkio.throttle.io_service_bytes_recursive":
          "8:0 Read 4096\n8:0 Write 1\n8:0 Total 4097\nTotal 4097\n",
        "blkio.throttle.io_serviced_recursive": "Total 0\n",
      },
      false,
    );
    assert.deepEqual(readUse(cgroup.location), {
      cpu: {
        total: 9_007_199_254_740_993n,
        user: 120_000_000n,
        system: 340_000_000n,
        perCpu: [100n, 200n, 0n],
        periods: 5n,
        throttledPeriods: 2n,
        throttledTime: 77n,
      },
      memory: {
        usage: 4096n,
        maxUsage: 8192n,
        limit: 9_223_372_036_854_771_712n,
        failures: 3n,
        stat: { cache: 1n, total_inactive_file: 2n, hierarchical_memory_limit: 9_223_372_036_854_771_712n },
      },
      pids: { current: 7n },
      block: {
        bytes: [
          { major: 8, minor: 0, op: "Read", value: 4096n },
          { major: 8, minor: 0, op: "Write", value: 1n },
          { major: 8, minor: 0, op: "Total", value: 4097n },
        ],
        operations: [],
      },
    });
  });

  it("in version 2", () => {
    using cgroup = laidOut(
      {
        "cpu.stat":
          "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 5\nnr_throttled 2\nthrottled_usec 77\n",
        "memory.current": "4096\n",
        "memory.max": "max\n",
        "memory.stat": "anon 1\ninactive_file 2\n",
        "memory.events": "low 0\nhigh 0\nmax 9\noom 3\noom_kill 1\n",
        "pids.current": "7\n",
        "pids.max": "50\n",
        "io.stat": "8:0 rbytes=4096 wbytes=1 rios=2 wios=3 dbytes=0 dios=0\n253:1 \n",
      },
      true,
    );
    assert.deepEqual(readUse(cgroup.location), {
      cpu: {
        total: 1_500_000n,
        user: 1_000_000n,
        system: 500_000n,
        periods: 5n,
        throttledPeriods: 2n,
        throttledTime: 77_000n,
      },
      memory: { usage: 4096n, failures: 3n, stat: { anon: 1n, inactive_file: 2n } },
      pids: { current: 7n, limit: 50n },
      block: {
        bytes: [
          { major: 8, minor: 0, op: "read", value: 4096n },
          { major: 8, minor: 0, op: "write", value: 1n },
          { major: 253, minor: 1, op: "read", value: 0n },
          { major: 253, minor: 1, op: "write", value: 0n },
        ],
        operations: [
          { major: 8, minor: 0, op: "read", value: 2n },
          { major: 8, minor: 0, op: "write", value: 3n },
          { major: 253, minor: 1, op: "read", value: 0n },
          { major: 253, minor: 1, op: "write", value: 0n },
        ],
      },
    });
  });

  it("is nothing where there is no controller, or no cgroup any more", () => {
    for (const location of [() => undefined, () => ({ path: "/nonexistent", unified: true })]) {
      const use = readUse(location);
      assert.deepEqual([use.cpu.total, use.memory.usage, use.pids.current], [0n, 0n, 0n]);
      assert.deepEqual(readProcesses(location), []);
    }
  });

  it("is done by all processes in it and below", () => {
    using cgroup = laidOut(
      { "cgroup.procs": "3\n5\n", "a/cgroup.procs": "", "a/b/cgroup.procs": "8\n" },
      true,
    );
    assert.deepEqual(readProcesses(cgroup.location), [3, 5, 8]);
  });

  it("is a part of what the machine did", () => {
    const stat = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\ncpu1 0 1 2 3 4 5 6 7 8 9\nintr 5\n";
    assert.deepEqual(machineCpuOf(stat), { cpu: 280_000_000n, cpus: 2 });
  });
});

describe("limits", () => {
  it("are given back as they were", () => {
    using cgroup = laidOut({ "memory.max": "max\n", "cpu.max": "max 100000\n", "pids.max": "5\n" }, true);
    const kept = keepLimits(cgroup.location);
    // What is written to a cgroup's file takes the place of what was there; of a plain one, only as far as it goes.
    const read = (name: string) => readFileSync(join(cgroup.path, name), "utf8").split("\n")[0];
    writeFileSync(join(cgroup.path, "memory.max"), "4096\n");
    liftPidsLimit(cgroup.location);
    assert.equal(read("pids.max"), "max");
    giveBackLimits(kept);
    assert.deepEqual(["memory.max", "cpu.max", "pids.max"].map(read), ["max", "max 100000", "5"]);
  });

  it("that can't be given back are told of", () => {
    using cgroup = laidOut({ "pids.max": "5\n" }, false);
    const kept = keepLimits(cgroup.location);
    rmSync(join(cgroup.path, "pids.max"));
    assert.throws(() => giveBackLimits(kept), /give back what was: ENOENT/);
  });
});
