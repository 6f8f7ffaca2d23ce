import assert from "node:assert/strict";
import { test } from "node:test";
import { ownProcs } from "../../src/linux/cgroup/move.ts";

test("a process's own cgroup in any hierarchy, of each version", () => {
  assert.equal(
    ownProcs("0::/system.slice/x.service\n"),
    "/sys/fs/cgroup/system.slice/x.service/cgroup.procs",
  );
  assert.equal(
    ownProcs("12:name=systemd:/a:b\n4:cpu,cpuacct:/a:b\n0::/a:b\n"),
    "/sys/fs/cgroup/cpu,cpuacct/a:b/cgroup.procs",
  );
  assert.equal(ownProcs(""), "/sys/fs/cgroup/cgroup.procs");
});
