/** Archives out of and into a tree that somebody else writes: nothing outside of it is ever read or written. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { assemble } from "../../src/container/files/assemble.ts";
import { find } from "../../src/container/files/find.ts";
import { unpackInto } from "../../src/container/files/tar-in.ts";
import { archiveOf } from "../../src/container/files/tar-out.ts";
import type { View } from "../../src/container/files/view.ts";
import { codeOf, messageOf } from "../../src/lib/errors.ts";
import { mount, mounts } from "../../src/linux/mount.ts";
import { openInRoot, openPath, realPathOf } from "../../src/linux/openat2.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { TarReader } from "../../src/tar/reader.ts";
import { archive, entry as entryOf } from "../support/images.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta); // /run is an empty tmpfs that goes with the file

/** A container's root, and beside it what must never be touched. */
class Lab implements Disposable {
  readonly top = fs.mkdtempSync("/run/files-");
  readonly root = join(this.top, "root");
  readonly outside = join(this.top, "outside");
  readonly view: View;

  constructor() {
    fs.mkdirSync(this.root);
    fs.mkdirSync(this.outside);
    fs.writeFileSync(join(this.outside, "secret"), "outside");
    const root = openPath(this.root);
    this.view = { root, isClosed: () => false, close: async () => fs.closeSync(root) };
  }

  inside(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /** What is there of the outside. */
  assertUntouched(): void {
    assert.deepEqual(fs.readdirSync(this.outside), ["secret"]);
    assert.equal(fs.readFileSync(join(this.outside, "secret"), "utf8"), "outside");
  }

  async unpack(archive: Buffer, options: { destination?: string; noOverwriteDirNonDir?: boolean } = {}) {
    const reader = new TarReader(Readable.from([archive]));
    await unpackInto(this.view, reader, { destination: "/", noOverwriteDirNonDir: false, ...options });
  }

  async read(path: string): Promise<Map<string, { entry: TarEntry; data: string }>> {
    const found = find(this.view, path, "box");
    try {
      const reader = new TarReader(archiveOf(this.view, found));
      const entries = new Map<string, { entry: TarEntry; data: string }>();
      for (let entry = await reader.next(); entry; entry = await reader.next()) {
        let data = "";
        for (let piece = await reader.read(); piece; piece = await reader.read())
          data += piece.data.toString();
        entries.set(entry.name, { entry, data });
      }
      return entries;
    } finally {
      fs.closeSync(found.descriptor);
    }
  }

  [Symbol.dispose](): void {
    fs.closeSync(this.view.root);
    fs.rmSync(this.top, { recursive: true });
  }
}

const entry = (change: Parameters<typeof entryOf>[0], data = ""): Buffer =>
  entryOf({ mtime: 1000, ...change }, data);

describe("paths within a root", () => {
  test("links, absolute and with `..`, and `..` itself stay within", () => {
    using lab = new Lab();
    fs.writeFileSync(lab.inside("secret"), "inside");
    fs.symlinkSync("/secret", lab.inside("absolute"));
    fs.symlinkSync("../../../../secret", lab.inside("relative"));
    for (const path of ["/absolute", "relative", "../../secret", "/../secret"]) {
      const descriptor = openInRoot(lab.view.root, path, { follow: true });
      assert.equal(realPathOf(descriptor), lab.inside("secret"), path);
      fs.closeSync(descriptor);
    }
  });

  test("no link of proc leads anywhere", () => {
    using lab = new Lab();
    fs.mkdirSync(lab.inside("proc"));
    mount({ source: "proc", target: lab.inside("proc"), type: "proc" });
    try {
      assert.throws(
        () => openInRoot(lab.view.root, "/proc/self/root/etc", { follow: true }),
        (error) => codeOf(error) === "ELOOP",
      );
      for (const path of ["/proc/1/root", "/proc/1/root/", "/proc/1/root/etc"]) {
        assert.throws(() => find(lab.view, path, "box"), {
          kind: "not-found",
          message: `Could not find the file ${path} in container box`,
        });
      }
    } finally {
      fs.closeSync(openInRoot(lab.view.root, "/proc"));
      mountsGone(lab.inside("proc"));
    }
  });

  test("nothing but a name is opened: a pipe that nobody writes holds nobody up", async () => {
    using lab = new Lab();
    await lab.unpack(archive(entry({ name: "pipe", type: "fifo" })));
    const read = await lab.read("/");
    assert.equal(read.get("/pipe")?.entry.type, "fifo");
  });
});

const mountsGone = (target: string): void => {
  process.getBuiltinModule("node:child_process").execFileSync("umount", [target]);
};

test("a hard link to nothing is the archive's fault", async () => {
  using lab = new Lab();
  fs.mkdirSync(lab.inside("tmp"));
  const link = archive(entry({ name: "hard", type: "hard-link", linkname: "nothing" }));
  await assert.rejects(lab.unpack(link, { destination: "/tmp" }), {
    kind: "invalid",
    message: "link /tmp/nothing /tmp/hard: no such file or directory",
  });
});

describe("archives that want out", () => {
  const refused: readonly (readonly [what: string, archive: Buffer, message: RegExp])[] = [
    [
      "a name with `..`",
      archive(entry({ name: "../outside/x" }, "x")),
      /^"\.\.\/outside\/x" is outside of "\/in"$/,
    ],
    ["`..` further on", archive(entry({ name: "a/../../x" }, "x")), /is outside of "\/in"$/],
    [
      "a link that leads out of where it is unpacked",
      archive(entry({ name: "l", type: "symlink", linkname: "../../outside" })),
      /^invalid symlink "\/in\/l" -> "\.\.\/\.\.\/outside"$/,
    ],
    [
      "a hard link to what lies outside",
      archive(entry({ name: "h", type: "hard-link", linkname: "../../outside/secret" })),
      /^invalid hardlink "\/in\/h" -> "\.\.\/\.\.\/outside\/secret"$/,
    ],
    [
      "overlayfs's own attributes",
      archive(
        entry({
          name: "d",
          type: "directory",
          xattrs: new Map([["trusted.overlay.opaque", Buffer.from("y")]]),
        }),
      ),
      /^trusted\.overlay\.opaque is reserved to overlayfs$/,
    ],
    [
      "one cut within a file",
      archive(entry({ name: "big" }, "x".repeat(5000))).subarray(0, 2048),
      /cut short/,
    ],
    ["no archive at all", Buffer.alloc(1024, "x"), /^tar header: /],
  ];
  for (const [what, bytes, message] of refused) {
    test(what, async () => {
      using lab = new Lab();
      fs.mkdirSync(lab.inside("in"));
      await assert.rejects(lab.unpack(bytes, { destination: "/in" }), (error) =>
        message.test(messageOf(error)),
      );
      lab.assertUntouched();
    });
  }

  test("links that are there already are the container's own: followed within it, or replaced", async () => {
    using lab = new Lab();
    fs.symlinkSync(lab.outside, lab.inside("absolute"));
    fs.symlinkSync("../outside", lab.inside("relative"));
    fs.symlinkSync("../outside/secret", lab.inside("file"));
    fs.mkdirSync(lab.inside("outside"));
    await lab.unpack(archive(entry({ name: "relative/x" }, "x"), entry({ name: "file" }, "mine")));
    assert.equal(fs.readFileSync(lab.inside("outside/x"), "utf8"), "x");
    assert.equal(fs.readFileSync(lab.inside("file"), "utf8"), "mine");
    await assert.rejects(lab.unpack(archive(entry({ name: "absolute/x" }, "x"))));
    lab.assertUntouched();
  });

  test("an absolute name begins where it is unpacked", async () => {
    using lab = new Lab();
    fs.mkdirSync(lab.inside("in"));
    await lab.unpack(archive(entry({ name: "/etc/passwd" }, "x")), { destination: "/in" });
    assert.equal(fs.readFileSync(lab.inside("in/etc/passwd"), "utf8"), "x");
    lab.assertUntouched();
  });

  test("what goes with a directory's removal is below it, not behind its links", async () => {
    using lab = new Lab();
    fs.mkdirSync(lab.inside("d/e"), { recursive: true });
    fs.symlinkSync("../../outside", lab.inside("d/out"));
    fs.symlinkSync(lab.outside, lab.inside("d/e/out"));
    await lab.unpack(archive(entry({ name: "d" }, "now a file")));
    assert.equal(fs.readFileSync(lab.inside("d"), "utf8"), "now a file");
    lab.assertUntouched();
  });
});

test("a directory and a file take each other's place only where that is allowed", async () => {
  using lab = new Lab();
  fs.mkdirSync(lab.inside("in/d"), { recursive: true });
  fs.writeFileSync(lab.inside("in/f"), "");
  const options = { destination: "/in", noOverwriteDirNonDir: true };
  await assert.rejects(lab.unpack(archive(entry({ name: "d" }, "x")), options), {
    message: 'cannot overwrite directory "/in/d" with non-directory "/in"',
  });
  await assert.rejects(lab.unpack(archive(entry({ name: "f", type: "directory" })), options), {
    message: 'cannot overwrite non-directory "/in/f" with directory "/in"',
  });
  assert.deepEqual(fs.readdirSync(lab.inside("in")), ["d", "f"]);
});

test("all that a tar can say comes back as it went in", async () => {
  using lab = new Lab();
  const long = "n".repeat(200);
  const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
  await lab.unpack(
    archive(
      entry({ name: "d", type: "directory", mode: 0o2750, uid: 7, gid: 8, mtime: 5 }),
      entry({ name: `d/${long}`, mode: 0o4711, uid: 9, gid: 10, mtime: 77 }, "data"),
      entry({ name: "d/same", type: "hard-link", linkname: `d/${long}` }),
      entry({ name: "d/able", xattrs: new Map([["security.capability", capability]]) }, "x"),
      entry({ name: "d/l", type: "symlink", linkname: "/nowhere", uid: 11, gid: 12, mtime: 9 }),
      entry({ name: "d/null", type: "character-device", major: 1, minor: 3, mode: 0o666 }),
      entry({ name: "d/big", type: "block-device", major: 259, minor: 70000, mode: 0o600 }),
      entry({ name: "d/empty" }),
    ),
  );
  const read = await lab.read("/d");
  const shown = [...read].map(([name, { entry, data }]) => {
    const { type, mode, uid, gid, mtime, linkname, major, minor } = entry;
    return [name, type, mode, uid, gid, mtime, linkname, major, minor, data];
  });
  assert.deepEqual(shown, [
    ["d/", "directory", 0o2750, 7, 8, 5, "", 0, 0, ""],
    ["d/able", "file", 0o644, 0, 0, 1000, "", 0, 0, "x"],
    ["d/big", "block-device", 0o600, 0, 0, 1000, "", 259, 70000, ""],
    ["d/empty", "file", 0o644, 0, 0, 1000, "", 0, 0, ""],
    ["d/l", "symlink", 0o777, 11, 12, 9, "/nowhere", 0, 0, ""],
    [`d/${long}`, "file", 0o4711, 9, 10, 77, "", 0, 0, "data"],
    ["d/null", "character-device", 0o666, 0, 0, 1000, "", 1, 3, ""],
    ["d/same", "hard-link", 0o4711, 9, 10, 77, `d/${long}`, 0, 0, ""],
  ]);
  assert.deepEqual(read.get("d/able")?.entry.xattrs.get("security.capability"), capability);
});

test("the stat of a link tells where it leads, as far as there is something", () => {
  using lab = new Lab();
  fs.mkdirSync(lab.inside("a"));
  fs.symlinkSync("../b", lab.inside("a/l"));
  fs.symlinkSync("/c/d", lab.inside("b"));
  const { descriptor, stat } = find(lab.view, "/a/l", "box");
  fs.closeSync(descriptor);
  assert.deepEqual([stat.name, stat.linkTarget, stat.mode], ["l", "/c/d", 0x08000000 + 0o777]);
});

describe("while a process exchanges a directory and a link to the outside", () => {
  /** Enough of each kind of outcome to have met the swap at every step. */
  const ENOUGH = 60;

  async function racing(lab: Lab, step: (round: number) => Promise<"directory" | "link">): Promise<void> {
    fs.mkdirSync(lab.inside("d"));
    fs.writeFileSync(lab.inside("d/secret"), "inside");
    fs.symlinkSync("../outside", lab.inside("l"));
    const swapper = spawn(process.execPath, [join(import.meta.dirname, "../support/swapper.ts"), lab.root]);
    try {
      await once(swapper.stdout, "data");
      const seen = { directory: 0, link: 0 };
      for (let round = 0; seen.directory < ENOUGH || seen.link < ENOUGH; round += 1) {
        // The swapper's end is an event.
        if (round % 100 === 0) await setImmediate();
        assert.ok(
          round < 60_000 && swapper.exitCode === null,
          `only ${JSON.stringify(seen)}: nothing was swapped`,
        );
        seen[await step(round)] += 1;
        lab.assertUntouched();
      }
    } finally {
      swapper.kill("SIGKILL");
      await once(swapper, "close");
    }
  }

  test("what is read is never the outside's", async () => {
    using lab = new Lab();
    await racing(lab, async () => {
      let read: Awaited<ReturnType<Lab["read"]>>;
      try {
        read = await lab.read("/d/secret");
      } catch (thrown) {
        assert.match(messageOf(thrown), /Could not find the file/);
        return "link";
      }
      assert.equal(read.get("secret")?.data, "inside");
      return "directory";
    });
  });

  test("a walk through it brings nothing of the outside", async () => {
    using lab = new Lab();
    await racing(lab, async () => {
      const read = await lab.read("/");
      for (const { data } of read.values()) assert.notEqual(data, "outside");
      return read.get("/d")?.entry.type === "symlink" || !read.has("/d/") ? "link" : "directory";
    });
  });

  test("what is written lands within, and what is replaced is the container's", async () => {
    using lab = new Lab();
    // Where the link leads for a process that has the root for its own.
    fs.mkdirSync(lab.inside("outside"));
    await racing(lab, async (round) => {
      const bytes = archive(
        entry({ name: "d/tree/deep", type: "directory" }),
        entry({ name: "d/tree/deep/x" }, "x"),
        entry({ name: "d/tree" }, "replaces it"),
        entry({ name: "d/secret" }, "mine"),
        entry({ name: "d/made", type: "symlink", linkname: String(round) }),
      );
      try {
        await lab.unpack(bytes);
      } catch (thrown) {
        // Swapped between two looks: told, and nothing else.
        assert.match(messageOf(thrown), /ENOENT|EEXIST|ENOTDIR|EISDIR|ENOTEMPTY|ELOOP|replaced while/);
      }
      return fs.lstatSync(lab.inside("d"), { throwIfNoEntry: false })?.isDirectory() ? "directory" : "link";
    });
    assert.ok(fs.existsSync(lab.inside("outside/secret")), "the link was never met");
  });
});

test("a stopped container's mounts are seen through a descriptor alone, and go with it", () => {
  using lab = new Lab();
  fs.mkdirSync(join(lab.top, "exec"));
  fs.symlinkSync("../../outside", lab.inside("evil"));
  const before = mounts().length;
  const seen = assemble(join(lab.top, "exec"), lab.root, [
    { source: lab.outside, destination: "/made/here", recursive: true, readonly: true },
  ]);
  try {
    assert.equal(mounts().length, before);
    assert.deepEqual(fs.readdirSync(join(lab.top, "exec/views")), []);
    const view: View = { root: seen, isClosed: () => false, close: async () => {} };
    const found = find(view, "/made/here/secret", "box");
    assert.equal(found.stat.size, "outside".length);
    fs.closeSync(found.descriptor);
    assert.deepEqual(fs.readdirSync(lab.inside("made/here")), []);
    const below = openInRoot(seen, "/made/here");
    assert.throws(() => fs.writeFileSync(`/proc/self/fd/${below}/x`, ""), { code: "EROFS" });
    fs.closeSync(below);
  } finally {
    fs.closeSync(seen);
  }
  assert.throws(() =>
    assemble(join(lab.top, "exec"), lab.root, [
      { source: lab.outside, destination: "/evil/x", recursive: false, readonly: false },
    ]),
  );
  assert.equal(mounts().length, before);
  lab.assertUntouched();
});
