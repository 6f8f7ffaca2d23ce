import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { makeDirectoryInRoot, readInRoot, resolveInRoot } from "../../src/container/mounts/rootfs.ts";
import { parseSignal } from "../../src/container/process/signals.ts";
import { restartDelay, restartsWithEngine } from "../../src/container/restart-policy.ts";
import {
  ALL_CAPABILITIES,
  DEFAULT_CAPABILITIES,
  grantedCapabilities,
} from "../../src/container/spec/capabilities.ts";
import { configEnvironment, mergeEnvironment } from "../../src/container/spec/environment.ts";
import { resolveUser } from "../../src/container/spec/user.ts";

describe("users", () => {
  const accounts = {
    passwd:
      "root:x:0:0:root:/root:/bin/sh\n# no\nweb:x:33:34::/srv:/bin/false\n1000:x:5:6::/five:\nbad:x:y:z::/:\n",
    group: "root:x:0:\nwww:x:34:\naudio:x:29:web,other\nvideo:x:44:root\n",
  };
  const user = (spec: string, add: string[] = []) => resolveUser(spec, add, accounts);

  it("are found by name, by number, with their groups", () => {
    assert.deepEqual(user(""), { uid: 0, gid: 0, additionalGids: [0, 44], home: "/root" });
    assert.deepEqual(user("web"), { uid: 33, gid: 34, additionalGids: [34, 29], home: "/srv" });
    assert.deepEqual(user("33"), user("web"));
    assert.deepEqual(user("web:video"), { uid: 33, gid: 44, additionalGids: [44], home: "/srv" });
    assert.deepEqual(user("7:8", ["audio", "99"]), {
      uid: 7,
      gid: 8,
      additionalGids: [8, 29, 99],
      home: "/",
    });
    assert.equal(user("1000").uid, 5, "a name goes before a number");
    assert.deepEqual(resolveUser("", [], { passwd: "", group: "" }), {
      uid: 0,
      gid: 0,
      additionalGids: [0],
      home: "/",
    });
  });

  it("that are not there are refused in Docker's words", () => {
    assert.throws(() => user("nobody"), {
      kind: "invalid",
      message: "unable to find user nobody: no matching entries in passwd file",
    });
    assert.throws(() => user("web:nogroup"), {
      message: "unable to find group nogroup: no matching entries in group file",
    });
    assert.throws(() => user("4294967296"), { message: /must be in range/ });
    assert.throws(() => user("-1"), { message: "uids and gids must be in range 0-2147483647" });
    assert.throws(() => user("0:-1"), { message: /must be in range/ });
  });
});

describe("paths in a root filesystem", () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "drawbridge-rootfs-")));
  after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "etc"));
  mkdirSync(join(root, "real"));
  writeFileSync(join(root, "real/passwd"), "inside");
  symlinkSync("/real/passwd", join(root, "etc/absolute"));
  symlinkSync("../../../../../../../real/passwd", join(root, "etc/climbing"));
  symlinkSync("loop", join(root, "etc/loop"));
  symlinkSync("/etc/hostname", join(root, "etc/hostname"));

  it("never lead out of it", () => {
    assert.equal(readInRoot(root, "/etc/absolute"), "inside");
    assert.equal(readInRoot(root, "/etc/climbing"), "inside");
    assert.equal(readInRoot(root, "/etc/missing"), undefined);
    assert.equal(readInRoot(root, "/etc"), undefined);
    assert.throws(() => readInRoot(root, "/etc/hostname"), /ELOOP/);
    assert.throws(() => readInRoot(root, "/etc/loop"), { kind: "invalid", message: /ELOOP/ });
    const parts = fc.array(fc.constantFrom("..", ".", "", "etc", "real", "absolute", "climbing", "new"));
    fc.assert(
      fc.property(parts, (path) => {
        const found = resolveInRoot(root, path.join("/"));
        assert.ok(found === root || found.startsWith(`${root}/`), found);
      }),
    );
  });

  it("don't wait for a pipe that nobody writes", () => {
    assert.equal(spawnSync("mkfifo", [join(root, "etc/pipe")]).status, 0);
    assert.equal(readInRoot(root, "/etc/pipe"), undefined);
  });

  it("are made below it", () => {
    symlinkSync("/elsewhere", join(root, "link"));
    makeDirectoryInRoot(root, "/link/a/b");
    assert.ok(existsSync(join(root, "elsewhere/a/b")));
    assert.throws(() => makeDirectoryInRoot(root, "/real/passwd"), { kind: "invalid" });
  });
});

describe("capabilities", () => {
  const granted = (CapAdd: string[], CapDrop: string[], Privileged = false, held = ALL_CAPABILITIES) =>
    grantedCapabilities({ CapAdd, CapDrop, Privileged }, held);

  it("are Docker's fourteen, with what is added and dropped", () => {
    assert.equal(DEFAULT_CAPABILITIES.length, 14);
    assert.deepEqual(granted([], []), DEFAULT_CAPABILITIES);
    assert.deepEqual(granted(["net_admin"], ["ALL"]), ["CAP_NET_ADMIN"]);
    assert.ok(!granted(["ALL"], ["CAP_MKNOD"]).includes("CAP_MKNOD"));
    assert.equal(granted([], ["chown"]).length, 13);
    assert.equal(granted(["ALL"], ["ALL"]).length, ALL_CAPABILITIES.length);
  });

  it("never go beyond the engine's own", () => {
    const held = ALL_CAPABILITIES.filter((name) => name !== "CAP_SYS_RESOURCE" && name !== "CAP_MKNOD");
    assert.deepEqual(granted([], [], true, held), held);
    assert.deepEqual(granted(["ALL"], [], false, held).toSorted(), held.toSorted());
    assert.equal(granted([], [], false, held).length, 13);
  });
});

describe("restart policies", () => {
  const ending = { exitCode: 1, ran: 0, restartCount: 0, stoppedByUser: false, lastDelay: 0 };
  const policy = (Name: "no" | "always" | "unless-stopped" | "on-failure", MaximumRetryCount = 0) => ({
    Name,
    MaximumRetryCount,
  });

  it("wait longer each time, up to a minute, and begin anew after a good run", () => {
    const delays = [];
    for (let last = 0; delays.length < 12; ) {
      last = restartDelay(policy("always"), { ...ending, lastDelay: last }) ?? -1;
      delays.push(last);
    }
    assert.deepEqual(delays.slice(0, 4), [100, 200, 400, 800]);
    assert.equal(delays.at(-1), 60_000);
    assert.equal(restartDelay(policy("always"), { ...ending, lastDelay: 60_000, ran: 10_000 }), 100);
  });

  it("leave alone what ended well, what was tried enough, what its user stopped", () => {
    assert.equal(restartDelay(policy("no"), ending), undefined);
    assert.equal(restartDelay(policy("on-failure"), { ...ending, exitCode: 0 }), undefined);
    assert.equal(restartDelay(policy("on-failure", 2), { ...ending, restartCount: 2 }), undefined);
    assert.equal(restartDelay(policy("always"), { ...ending, stoppedByUser: true }), undefined);
    const stopped = { ...ending, stoppedByUser: true };
    assert.deepEqual(
      (["always", "unless-stopped", "on-failure"] as const).map((name) =>
        restartsWithEngine(policy(name), stopped),
      ),
      [true, false, false],
    );
  });
});

it("signals have names and numbers", () => {
  assert.deepEqual(
    ["SIGTERM", "term", "15", "RTMIN+3", "SIGRTMAX-1", "RTMIN"].map(parseSignal),
    [15, 15, 15, 37, 63, 34],
  );
  for (const wrong of ["", "0", "65", "SIGX", "RTMIN+31", "-1"]) {
    assert.throws(() => parseSignal(wrong), { kind: "invalid", message: `invalid signal: ${wrong}` });
  }
});

it("variables are replaced in place, and taken away by their bare name", () => {
  assert.deepEqual(mergeEnvironment(["A=1", "B=2", "C=3"], ["B=x=y", "A", "D="]), ["B=x=y", "C=3", "D="]);
  assert.deepEqual(configEnvironment(["A=1", "B=2"], ["B=x", "C"]), ["B=x", "C", "A=1"]);
});
