import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bindMount, isMounted, mount, mountsUnder, parseMountinfo, unmount } from "../../src/linux/mount.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const directory = mkdtempSync(join(tmpdir(), "drawbridge-mount-"));
after(() => rmSync(directory, { recursive: true }));

function place(name: string): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  return path;
}

test("mounted, seen, and unmounted, whatever the name", () => {
  const target = place("a name\twith \\ and\nmore");
  mount({ source: "tmpfs", target, type: "tmpfs", flags: ["nosuid", "nodev"], data: "size=1m" });
  assert.ok(isMounted(target));
  const [entry] = mountsUnder(target);
  assert.equal(entry?.target, target);
  assert.equal(entry?.type, "tmpfs");
  assert.match(entry?.options ?? "", /nosuid,nodev/);
  assert.match(entry?.superOptions ?? "", /size=1024k/);
  assert.equal(unmount(target), true);
  assert.ok(!isMounted(target));
});

test("not mounted, and no such path, are no failures; in use is", () => {
  const target = place("busy");
  assert.equal(unmount(target), false);
  assert.equal(unmount(join(target, "no/such/path")), false);
  mount({ source: "tmpfs", target, type: "tmpfs" });
  const home = process.cwd();
  process.chdir(target);
  try {
    assert.throws(() => unmount(target), { code: "EBUSY", message: new RegExp(`^unmount ${target}: `) });
    assert.equal(unmount(target, { lazy: true }), true);
  } finally {
    process.chdir(home);
  }
});

test("a bind shows the same files; read-only if asked", () => {
  const [source, target] = [place("source"), place("target")];
  writeFileSync(join(source, "file"), "x");
  bindMount(source, target, { flags: ["ro"] });
  assert.equal(readFileSync(join(target, "file"), "utf8"), "x");
  assert.throws(() => writeFileSync(join(target, "file"), "y"), { code: "EROFS" });
  writeFileSync(join(source, "file"), "z");
  unmount(target);
  assert.deepEqual(readdirSync(target), []);
});

test("mounts below a directory, the innermost first, and not its namesakes", () => {
  const [top, namesake] = [place("top"), place("top-namesake")];
  mount({ source: "tmpfs", target: namesake, type: "tmpfs" });
  mount({ source: "tmpfs", target: top, type: "tmpfs" });
  mkdirSync(join(top, "in"));
  mount({ source: "tmpfs", target: join(top, "in"), type: "tmpfs" });
  const below = mountsUnder(top).map(({ target }) => target);
  assert.deepEqual(below, [join(top, "in"), top]);
  for (const target of [...below, namesake]) unmount(target);
  assert.deepEqual(mountsUnder(directory), []);
});

test("a refused mount says what and why; options are never cut off", () => {
  const target = place("refused");
  assert.throws(() => mount({ source: "none", target, type: "nofs" }), {
    code: "ENODEV",
    message: new RegExp(`^mount nofs none on ${target}: `),
  });
  const data = `size=1m,${"x".repeat(4096)}`;
  assert.throws(() => mount({ source: "none", target, type: "tmpfs", data }), { code: "E2BIG" });
});

test("lines with and without optional fields; damaged ones are left out", () => {
  const text = [
    "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue",
    "37 35 0:5 / / rw - tmpfs tmp\\134fs rw",
    "nonsense",
    "",
  ].join("\n");
  assert.deepEqual(
    parseMountinfo(text).map(({ root, target, type, source, superOptions }) => [
      root,
      target,
      type,
      source,
      superOptions,
    ]),
    [
      ["/mnt1", "/mnt 2", "ext3", "/dev/root", "rw,errors=continue"],
      ["/", "/", "tmpfs", "tmp\\fs", "rw"],
    ],
  );
});
