/** A host whose cgroups are version 2 alone: whatever controllers the machine has there, processes are counted and frozen. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { StatsAnswer } from "../../src/cli/stats-row.ts";
import { dockerIn } from "../support/docker.ts";
import type { EngineProcess } from "../support/engine-process.ts";
import { ThrowawayHost } from "../support/host.ts";
import { withoutRoot } from "../support/root.ts";

describe("on cgroup version 2", { skip: withoutRoot }, () => {
  let host: ThrowawayHost | undefined;
  let engine: EngineProcess | undefined;
  const made = <T>(part: T | undefined): T => {
    assert.ok(part, "the suite has not begun");
    return part;
  };
  const suite = {
    get host() {
      return made(host);
    },
    get engine() {
      return made(engine);
    },
  };
  const docker = dockerIn(suite);

  before(async () => {
    host = await ThrowawayHost.create();
    // Over whatever is there, in this host's own mount namespace.
    await host.run("sh", ["-c", "mount -t cgroup2 cgroup2 /sys/fs/cgroup"]);
    // crun can't do without CAP_SYS_RESOURCE here, which it needs to tell the kernel of devices.
    engine = await host.startEngine({ env: { DRAWBRIDGE_RUNTIME: "runc" } });
  });
  after(async () => {
    await engine?.[Symbol.asyncDispose]();
    await host?.[Symbol.asyncDispose]();
  });

  const stats = async (name: string): Promise<StatsAnswer> =>
    JSON.parse((await suite.engine.request("GET", `/containers/${name}/stats?stream=false&one-shot=1`)).text);
  const ownFile = async (name: string, file: string) => {
    const id = await docker("inspect -f {{.Id}}", name);
    return (
      await suite.host.run("cat", [`/sys/fs/cgroup/${suite.host.cgroupParent}/${id}/${file}`])
    ).stdout.trim();
  };

  test("a container has a cgroup namespace of its own, and its use is told", async () => {
    await docker.idle("web");
    assert.equal(await docker("inspect -f {{.HostConfig.CgroupnsMode}} web"), "private");
    assert.match((await docker.shell("web", "cat /proc/self/cgroup")).stdout, /^0::\/$/m);
    const before = await stats("web");
    await docker.shell("web", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
    const after = await stats("web");
    assert.ok(after.cpu_stats.cpu_usage.total_usage > before.cpu_stats.cpu_usage.total_usage);
    assert.ok(after.memory_stats.limit);
    await docker("exec -d web sleep 4321");
    assert.equal((await docker.lines("top web -o pid,args")).length, 3);
  });

  test("paused, it is frozen", async () => {
    await docker.idle("frozen");
    await docker("pause frozen");
    assert.equal(await ownFile("frozen", "cgroup.freeze"), "1");
    assert.match(await docker("ps --filter name=frozen --format {{.Status}}"), /\(Paused\)$/);
    await docker("unpause frozen");
    assert.equal(await ownFile("frozen", "cgroup.freeze"), "0");
  });

  test("what version 2 has no word for is dropped, with one", async () => {
    const { stderr } = await suite.host.docker(
      ..."create --name old --memory-swappiness 5 --oom-kill-disable busybox".split(" "),
    );
    assert.match(stderr, /memory swappiness capabilities .* discarded/);
    assert.match(stderr, /does not support OomKillDisable/);
    assert.equal(
      await docker("inspect -f", "{{.HostConfig.MemorySwappiness}} {{.HostConfig.OomKillDisable}}", "old"),
      "<nil> <nil>",
    );
  });
});
