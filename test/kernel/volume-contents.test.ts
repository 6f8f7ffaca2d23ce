/** What is copied into a volume, and paths within one that lead elsewhere. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { fillVolume } from "../../src/container/mounts/copy-up.ts";
import { clearPlaces } from "../../src/container/mounts/places.ts";
import { mountSubpath, openSubpath } from "../../src/container/mounts/subpath.ts";
import { makeNode } from "../../src/linux/mknod.ts";
import { mount, mountsUnder, unmount } from "../../src/linux/mount.ts";
import { getXattr, setXattr } from "../../src/linux/xattr.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

let from: string;
let to: string;

beforeEach(() => {
  from = mkdtempSync("/run/from-");
  to = mkdtempSync("/run/to-");
});

describe("filling a volume", () => {
  it("copies owners, modes, times, links, devices, attributes", async () => {
    chownSync(from, 5, 6);
    chmodSync(from, 0o1770);
    mkdirSync(join(from, "below"), { mode: 0o700 });
    writeFileSync(join(from, "below/set"), "text");
    chownSync(join(from, "below/set"), 33, 34);
    chmodSync(join(from, "below/set"), 0o6711);
    linkSync(join(from, "below/set"), join(from, "same"));
    symlinkSync("/etc/passwd", join(from, "link"));
    lutimesSync(join(from, "link"), 1000, 2000);
    makeNode(Buffer.from(join(from, "pipe")), "fifo", 0, 0);
    makeNode(Buffer.from(join(from, "null")), "character-device", 1, 3);
    const odd = Buffer.concat([Buffer.from(`${from}/`), Buffer.from([0xff, 0x0a])]);
    writeFileSync(odd, "odd");
    setXattr(Buffer.from(join(from, "below")), "trusted.note", Buffer.from("of a directory"));
    lutimesSync(from, 3000, 4000);

    await fillVolume(from, to);
    const at = (name: string) => lstatSync(join(to, name));
    const root = statSync(to);
    assert.deepEqual([root.uid, root.gid, root.mode & 0o7777, root.mtimeMs], [5, 6, 0o1770, 4_000_000]);
    const set = at("below/set");
    assert.deepEqual([set.uid, set.gid, set.mode & 0o7777, set.nlink], [33, 34, 0o6711, 2]);
    assert.equal(set.ino, at("same").ino);
    assert.equal(readlinkSync(join(to, "link")), "/etc/passwd");
    assert.equal(at("link").mtimeMs, 2_000_000);
    assert.ok(at("pipe").isFIFO());
    assert.equal(at("null").rdev, lstatSync("/dev/null").rdev);
    assert.equal(getXattr(Buffer.from(join(to, "below")), "trusted.note").toString(), "of a directory");
    assert.equal(at("below").mode & 0o7777, 0o700);
    const names = readdirSync(to, { encoding: "buffer" }).map((name) => name.toString("latin1"));
    assert.ok(names.includes("\u00ff\n"));
  });

  it("leaves alone what has anything in it", async () => {
    writeFileSync(join(from, "file"), "");
    chmodSync(to, 0o700);
    mkdirSync(join(to, "lost+found"));
    await fillVolume(from, to);
    assert.deepEqual(readdirSync(to), ["lost+found"]);
    assert.equal(statSync(to).mode & 0o7777, 0o700);
  });

  it("writes nowhere else, though another container swaps a directory for a link meanwhile", async () => {
    const outside = mkdtempSync("/run/outside-");
    mkdirSync(join(from, "d/below"), { recursive: true });
    for (let i = 0; i < 50; i += 1) writeFileSync(join(from, "d", `file-${i}`), "x");
    const filled = fillVolume(from, to).catch((thrown: unknown) => thrown);
    while (!existsSync(join(to, "d"))) await setImmediate();
    renameSync(join(to, "d"), join(to, "aside"));
    symlinkSync(outside, join(to, "d"));
    await filled;
    assert.deepEqual(readdirSync(outside), []);
    assert.equal(statSync(outside).mode & 0o777, 0o700);
    assert.equal(readdirSync(join(to, "aside")).length, 51);
  });

  it("leaves nothing where it fails half-way", async () => {
    mkdirSync(join(from, "a"));
    writeFileSync(join(from, "a/small"), "x");
    writeFileSync(join(from, "b"), Buffer.alloc(300_000, 1));
    mount({ source: "x", target: to, type: "tmpfs", data: "size=64k" });
    await assert.rejects(fillVolume(from, to), { code: "ENOSPC" });
    assert.deepEqual(readdirSync(to), []);
    unmount(to);
  });
});

describe("a path within a volume", () => {
  beforeEach(() => {
    mkdirSync(join(to, "sub"));
    writeFileSync(join(to, "sub/file"), "text");
    symlinkSync("sub", join(to, "good"));
    symlinkSync("/", join(to, "root"));
    symlinkSync("../..", join(to, "up"));
    symlinkSync("root/etc", join(to, "far"));
    symlinkSync("loop", join(to, "loop"));
    symlinkSync(`/proc/self/root/etc`, join(to, "magic"));
  });

  it("is found through links that stay in it", () => {
    for (const subpath of ["sub", "good", "good/../sub/.", "good/file"]) {
      using opened = openSubpath(to, subpath);
      assert.equal(statSync(opened.path).isFile(), subpath.endsWith("file"), subpath);
    }
  });

  it("is refused where it leads out, or nowhere", () => {
    for (const subpath of ["root", "up", "far", "root/etc/passwd", "magic"]) {
      assert.throws(() => openSubpath(to, subpath), {
        kind: "invalid",
        message: /^path concatenation escapes the base directory/,
      });
    }
    for (const subpath of ["none", "sub/file/below", "loop"]) {
      assert.throws(() => openSubpath(to, subpath), {
        kind: "not-found",
        message: /^cannot access path /,
      });
    }
    const descriptors = readdirSync("/proc/self/fd").length;
    assert.throws(() => openSubpath(to, "root"));
    assert.equal(readdirSync("/proc/self/fd").length, descriptors);
  });

  it("stays what it was, whatever takes its place", () => {
    using opened = mountSubpath("/run/exec", to, "sub");
    renameSync(join(to, "sub"), join(to, "moved"));
    symlinkSync("/etc", join(to, "sub"));
    assert.deepEqual(readdirSync(opened.path), ["file"]);
  });

  it("is mounted for so long as it is needed, a file as well", () => {
    {
      using file = mountSubpath("/run/exec", to, "good/file");
      assert.equal(readFileSync(file.path, "utf8"), "text");
    }
    assert.deepEqual(readdirSync("/run/exec/mounts"), []);
    assert.deepEqual(mountsUnder("/run/exec"), []);
  });

  it("that an engine left mounted is let go of, and not emptied", () => {
    mountSubpath("/run/exec", to, "sub");
    mountSubpath("/run/exec", to, "sub/file");
    clearPlaces("/run/exec");
    assert.deepEqual(readdirSync("/run/exec/mounts"), []);
    assert.deepEqual(mountsUnder("/run/exec"), []);
    assert.equal(readFileSync(join(to, "sub/file"), "utf8"), "text");
    clearPlaces("/run/nothing");
    assert.ok(!existsSync("/run/nothing"));
  });
});
