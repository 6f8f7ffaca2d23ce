/** What of mounts is refused at creation, because the kernel or the runtime would refuse it at the start. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settleMounts } from "../../src/container/mounts/settling.ts";
import { tmpfsOptions } from "../../src/container/mounts/tmpfs.ts";
import type { HostConfig } from "../../src/container/types.ts";

function settle(volumes: readonly string[], asked: Partial<Pick<HostConfig, "Binds" | "Tmpfs">> = {}) {
  return settleMounts({
    hostConfig: { Binds: [], Mounts: [], VolumesFrom: [], VolumeDriver: "", Tmpfs: {}, ...asked },
    volumes,
    readonlyNonRecursive: false,
    dataRoot: "/var/lib/drawbridge",
    mountsOf: () => [],
    exists: () => true,
  }).map(({ point }) => point.Destination);
}

describe("mounts over /proc", () => {
  const invalid = (message: string) => ({ kind: "invalid", message });
  const ofAnotherType = invalid('"/proc" cannot be mounted because it is not of type proc');

  it("are refused in runc's words", () => {
    assert.throws(() => settle(["/proc"]), ofAnotherType);
    assert.throws(() => settle([], { Tmpfs: { "/proc/": "" } }), ofAnotherType);
    assert.throws(() => settle([], { Binds: ["/etc:/proc"] }), ofAnotherType);
    const inside = (path: string) => invalid(`"${path}" cannot be mounted because it is inside /proc`);
    assert.throws(() => settle(["/proc/x"]), inside("/proc/x"));
    assert.throws(() => settle([], { Binds: ["/etc:/proc/sys"] }), inside("/proc/sys"));
  });

  it("may show the host's own, and replace single files", () => {
    const Binds = ["/proc:/proc", "/x:/proc/meminfo"];
    assert.deepEqual(settle([], { Binds }), ["/proc", "/proc/meminfo"]);
  });
});

describe("options of a tmpfs", () => {
  it("are those that the kernel takes", () => {
    const taken = [
      ...["size=64m", "size=50%", "size=0x10K", "mode=1777", "uid=0,gid=4294967294", "nr_inodes=1k"],
      ...["nr_blocks=12", "huge=never", "mpol=interleave:0-1", "mpol=bind=static:0"],
    ];
    for (const options of taken) assert.deepEqual(tmpfsOptions(options).slice(3), options.split(","));
  });

  it("are refused by name otherwise", () => {
    const refused = [
      ...["size=abc", "size=-1", "size=", "size=5x", "mode=99", "mode=", "uid=x", "gid=99999999999", "size"],
      ...["nr_blocks=5%", "nr_inodes=x", "huge=x", "mpol=zz"],
    ];
    for (const option of refused) {
      const message = `invalid tmpfs option ["${option}"]`;
      assert.throws(() => tmpfsOptions(option), { kind: "invalid", message });
    }
  });
});
