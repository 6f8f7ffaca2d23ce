import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { pack } from "tar-stream";
import { tarAgain, verified } from "../../src/image/layers/tar-again.ts";
import { unpack } from "../../src/image/layers/unpack.ts";
import { getXattr, setXattr } from "../../src/linux/xattr.ts";
import { decompress } from "../../src/tar/decompress.ts";
import { archive, entry } from "../support/images.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta); // /run is an empty tmpfs that goes with the file

const newDirectory = (): string => fs.mkdtempSync("/run/image-");

/**
 * Unpack into the middle of a directory with a witness beside it, which must stay as it is. What comes out of the
 * recipe must be what went in.
 */
async function unpacked(archive: Buffer) {
  const parent = newDirectory();
  const root = join(parent, "layer");
  fs.mkdirSync(root);
  const recipe = newDirectory();
  fs.writeFileSync(join(parent, "witness"), "untouched");
  try {
    const layer = await unpack(await decompress(Readable.from([archive])), root, recipe);
    const again = await buffer(verified(layer.diffId, tarAgain({ tree: root, recipe }), "damaged"));
    assert.equal(again.length, layer.tarSize);
    return { ...layer, root, recipe };
  } finally {
    assert.deepEqual(fs.readdirSync(parent), ["layer", "witness"]);
    assert.equal(fs.readFileSync(join(parent, "witness"), "utf8"), "untouched");
  }
}

const symlink = (name: string, linkname: string) => entry({ type: "symlink", name, linkname });

/** A tree with one of everything, made here and read by the system's tar. */
function makeTree(): string {
  const root = newDirectory();
  const at = (name: string) => join(root, name);
  fs.mkdirSync(at("dir"));
  fs.chmodSync(at("dir"), 0o1777);
  fs.writeFileSync(at("dir/plain"), "plain");
  fs.writeFileSync(at("setuid"), "s");
  fs.chownSync(at("setuid"), 1000, 2000);
  fs.chmodSync(at("setuid"), 0o6755);
  fs.linkSync(at("dir/plain"), at("hard"));
  fs.symlinkSync("../../outside", at("soft"));
  fs.lchownSync(at("soft"), 7, 8);
  execFileSync("mknod", [at("null"), "c", "1", "3"]);
  execFileSync("mknod", [at("loop"), "b", "7", "300"]);
  execFileSync("mkfifo", [at("pipe")]);
  fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x62, 0xff, 0x62])]), "not UTF-8");
  fs.mkdirSync(at(`deep/${"d".repeat(120)}/${"e".repeat(120)}`), { recursive: true });
  fs.writeFileSync(at(`deep/${"d".repeat(120)}/${"e".repeat(120)}/${"f".repeat(90)}`), "far");
  fs.symlinkSync("x".repeat(150), at("long-link"));
  // 1 MiB hole, data, hole, data, hole: more runs than an old GNU header holds.
  const sparse = fs.openSync(at("sparse"), "w");
  for (let i = 1; i <= 30; i += 1) fs.writeSync(sparse, `run ${i}`, i << 20);
  fs.ftruncateSync(sparse, 32 << 20);
  fs.closeSync(sparse);
  setXattr(Buffer.from(at("dir/plain")), "user.binary", Buffer.from([0, 0xff, 0x3d, 0x0a]));
  fs.utimesSync(at("dir/plain"), 1_600_000_000, 1_600_000_000);
  fs.utimesSync(at("dir"), 1_500_000_000, 1_500_000_000);
  return root;
}

/** Everything about a tree that a layer keeps. */
function describeTree(root: string, sparse = true): Record<string, unknown> {
  const inodes = new Map<number, string>();
  const found: Record<string, unknown> = {};
  for (const path of fs
    .readdirSync(Buffer.from(root), { recursive: true, encoding: "buffer" })
    .sort(Buffer.compare)) {
    const real = Buffer.concat([Buffer.from(`${root}/`), path]);
    const name = path.toString("latin1");
    const stat = fs.lstatSync(real);
    const same = stat.isDirectory() ? undefined : inodes.get(stat.ino);
    inodes.set(stat.ino, name);
    found[name] = same
      ? { same }
      : {
          mode: stat.mode,
          owner: [stat.uid, stat.gid],
          mtime: Math.floor(stat.mtimeMs / 1000),
          rdev: stat.rdev,
          ...(stat.isSymbolicLink() && { link: fs.readlinkSync(real) }),
          ...(stat.isFile() && { digest: createHash("sha256").update(fs.readFileSync(real)).digest("hex") }),
          ...(stat.isFile() && sparse && name === "sparse" && { blocks: stat.blocks < 8 * 200 }),
        };
  }
  return found;
}

const tarOf = (root: string, ...options: string[]): Buffer =>
  execFileSync("tar", ["-C", root, ...options, "-cf", "-", "."], { maxBuffer: 1 << 28 });

const FORMATS = [
  ["--format=gnu", "--sparse"],
  ["--format=posix", "--xattrs", "--sparse", "--sparse-version=0.0"],
  ["--format=posix", "--xattrs", "--sparse", "--sparse-version=0.1"],
  ["--format=posix", "--xattrs", "--sparse", "--sparse-version=1.0"],
] as const;

test("what the system's tar packs is unpacked as it was, in each of its formats", async () => {
  const tree = makeTree();
  const before = describeTree(tree);
  for (const format of FORMATS) {
    const tar = tarOf(tree, ...format);
    const { root, diffId, size, leftOut } = await unpacked(tar);
    assert.deepEqual(describeTree(root), before, format.join(" "));
    assert.equal(diffId, `sha256:${createHash("sha256").update(tar).digest("hex")}`);
    assert.equal(size, 5 + 1 + 9 + 3 + (32 << 20));
    assert.deepEqual(leftOut, []);
    if (!format.includes("--format=gnu" as never)) {
      const value = getXattr(Buffer.from(join(root, "dir/plain")), "user.binary");
      assert.deepEqual(value, Buffer.from([0, 0xff, 0x3d, 0x0a]));
    }
  }
});

test("the digest is that of the uncompressed archive, whatever it came in", async () => {
  const tree = newDirectory();
  fs.writeFileSync(join(tree, "a"), "a".repeat(200_000));
  const tar = tarOf(tree);
  const digest = `sha256:${createHash("sha256").update(tar).digest("hex")}`;
  for (const program of ["cat", "gzip", "bzip2", "xz", "zstd"]) {
    const packed = execFileSync(program, { input: tar, maxBuffer: 1 << 24 });
    assert.equal((await unpacked(packed)).diffId, digest, program);
    if (program === "cat") continue;
    await assert.rejects(
      unpacked(packed.subarray(0, packed.length - 9)),
      { kind: "invalid" },
      `${program}, cut`,
    );
    const damaged = Buffer.from(packed);
    damaged.fill(0x55, 12, 60);
    await assert.rejects(unpacked(damaged), { kind: "invalid" }, `${program}, damaged`);
  }
});

test("an archive by another writer, entry by entry", async () => {
  const packing = pack();
  packing.entry({ name: "a/b/c", mode: 0o600, uid: 5, mtime: new Date(1e12) }, "implied directories");
  packing.entry({ name: "a/b/link", type: "symlink", linkname: "c" });
  packing.entry({ name: "ä".repeat(80) }, "a pax name");
  packing.finalize();
  const root = newDirectory();
  await unpack(await decompress(Readable.from(packing)), root, newDirectory());
  assert.equal(fs.readFileSync(join(root, "a/b/link"), "utf8"), "implied directories");
  assert.equal(fs.statSync(join(root, "a/b/c")).uid, 5);
  assert.equal(fs.statSync(join(root, "a/b")).mode & 0o7777, 0o755);
  assert.equal(fs.readFileSync(join(root, "ä".repeat(80)), "utf8"), "a pax name");
});

test("later entries replace earlier ones, and directories keep what is in them", async () => {
  const { root } = await unpacked(
    archive(
      entry({ name: "./", type: "directory", mode: 0o751 }),
      entry({ name: "d", type: "directory", mode: 0o700 }),
      entry({ name: "d/kept" }, "kept"),
      entry({ name: "d", type: "directory", mode: 0o711, mtime: 77 }),
      entry({ name: "x" }, "first"),
      entry({ name: "x" }, "second"),
      entry({ name: "y", type: "directory" }),
      entry({ name: "y/gone" }, "gone"),
      entry({ name: "y" }, "a file now"),
      symlink("z", "d"),
      entry({ name: "z", type: "directory" }),
    ),
  );
  assert.equal(fs.statSync(root).mode & 0o7777, 0o751);
  assert.equal(fs.readFileSync(join(root, "d/kept"), "utf8"), "kept");
  assert.deepEqual(
    [fs.statSync(join(root, "d")).mode & 0o777, fs.statSync(join(root, "d")).mtimeMs],
    [0o711, 77e3],
  );
  assert.equal(fs.readFileSync(join(root, "x"), "utf8"), "second");
  assert.equal(fs.readFileSync(join(root, "y"), "utf8"), "a file now");
  assert.ok(fs.lstatSync(join(root, "z")).isDirectory());
});

test("names and links that want out stay in", async () => {
  const { root } = await unpacked(
    archive(
      entry({ name: "/absolute/file" }, "in"),
      entry({ name: "a/../b/./c" }, "in"),
      symlink("up", "../../.."),
      entry({ name: "up/witness" }, "in"),
      symlink("abs", "/absolute"),
      entry({ name: "abs/other" }, "in"),
      symlink("to-witness", "../witness"),
      entry({ name: "to-witness" }, "replaces the link"),
      symlink("late", "nowhere/yet"),
      entry({ name: "late/file" }, "in"),
      symlink("hl-target", "../witness"),
      entry({ type: "hard-link", name: "hl", linkname: "hl-target" }),
    ),
  );
  const text = (name: string) => fs.readFileSync(join(root, name), "utf8");
  assert.equal(text("absolute/file"), "in");
  assert.equal(text("b/c"), "in");
  assert.equal(text("witness"), "in");
  assert.equal(text("absolute/other"), "in");
  assert.equal(text("to-witness"), "replaces the link");
  assert.equal(text("nowhere/yet/file"), "in");
  assert.ok(fs.lstatSync(join(root, "hl")).isSymbolicLink());
});

test("archives that can't be meant well are refused, and nothing outside is touched", async () => {
  const overlay = new Map([["trusted.overlay.redirect", Buffer.from("/")]]);
  const refused: readonly (readonly [Buffer, RegExp])[] = [
    [archive(entry({ name: "../witness" }, "out")), /leads out of the layer/],
    [archive(entry({ name: "a/../../witness" }, "out")), /leads out of the layer/],
    [archive(entry({ type: "hard-link", name: "a", linkname: "../witness" })), /leads out of the layer/],
    [archive(entry({ type: "hard-link", name: "a", linkname: "b" })), /which is not there/],
    [archive(entry({ type: "hard-link", name: "a", linkname: "/" })), /which is a directory/],
    [archive(entry({ name: "a" }), entry({ type: "hard-link", name: "a", linkname: "a" })), /to itself/],
    [
      archive(entry({ name: "d/a" }), entry({ type: "hard-link", name: "d", linkname: "d/a" })),
      /its own place/,
    ],
    [archive(entry({ name: "." }, "out")), /root can only be a directory/],
    [archive(symlink("a", "b"), symlink("b", "a"), entry({ name: "a/x" })), /too many symbolic links/],
    [archive(entry({ name: "a" }), entry({ name: "a/b" })), /is not a directory/],
    [archive(entry({ name: "a", xattrs: overlay })), /reserved to overlayfs/],
    [archive(entry({ name: "a", uid: 2 ** 32 - 1 })), /out of range/],
    [archive(entry({ type: "block-device", name: "a", major: 4096 })), /out of range/],
    [archive(entry({ name: ".wh." })), /a whiteout of nothing/],
    [archive(entry({ name: ".wh..." })), /a whiteout of nothing/],
    [archive(symlink("up", ".."), entry({ name: "up/../../.wh.witness" })), /leads out of the layer/],
    [archive(entry({ name: "n".repeat(300) })), /ENAMETOOLONG/],
    [Buffer.alloc(0), /the archive is empty/],
    [Buffer.from("<html>".padEnd(2000)), /no tar archive/],
  ];
  for (const [tar, message] of refused) await assert.rejects(unpacked(tar), { message }, String(message));
});

test("a directory's time is not set through what took its place", async () => {
  const outside = newDirectory();
  fs.mkdirSync(join(outside, "in"));
  fs.utimesSync(join(outside, "in"), 5, 5);
  await unpacked(
    archive(
      entry({ name: "d/in", type: "directory", mtime: 77 }),
      symlink("d", outside),
      entry({ name: "e/in", type: "directory", mtime: 77 }),
      entry({ name: "e" }, "a file"),
    ),
  );
  assert.equal(fs.statSync(join(outside, "in")).mtimeMs, 5000);
});

test("whiteouts become what overlayfs hides by", async () => {
  const { root } = await unpacked(
    archive(
      entry({ name: "d/.wh.gone" }),
      entry({ name: "o/.wh..wh..opq" }),
      entry({ name: ".wh..wh.plnk", type: "directory" }),
    ),
  );
  const gone = fs.statSync(join(root, "d/gone"));
  assert.deepEqual([gone.isCharacterDevice(), gone.rdev], [true, 0]);
  assert.equal(getXattr(Buffer.from(join(root, "o")), "trusted.overlay.opaque").toString(), "y");
  assert.deepEqual(fs.readdirSync(root).sort(), ["d", "o"]);
});

test("a name that is hidden and made in one layer hides what is below, in either order", async () => {
  const { root } = await unpacked(
    archive(
      entry({ name: ".wh.before" }),
      entry({ name: "before", type: "directory" }),
      entry({ name: "after", type: "directory" }),
      entry({ name: "after/kept" }, "kept"),
      entry({ name: ".wh.after" }),
      entry({ name: "file" }, "kept"),
      entry({ name: ".wh.file" }),
    ),
  );
  for (const name of ["before", "after"]) {
    assert.equal(getXattr(Buffer.from(join(root, name)), "trusted.overlay.opaque").toString(), "y", name);
  }
  assert.equal(fs.readFileSync(join(root, "after/kept"), "utf8"), "kept");
  assert.equal(fs.readFileSync(join(root, "file"), "utf8"), "kept");
});

test("a layer's tar is made again though later entries took the place of earlier ones", async () => {
  const { recipe } = await unpacked(
    archive(
      entry({ name: "a" }, "first"),
      entry({ type: "hard-link", name: "b", linkname: "a" }),
      entry({ name: "a" }, "second"),
      entry({ name: "d", type: "directory" }),
      entry({ name: "d/a" }, "below"),
      entry({ name: "a" }, "third"),
      symlink("d", "e"),
      entry({ name: "d/a" }, "through the link"),
      entry({ name: ".wh.x" }, "a whiteout with something in it"),
      Buffer.concat([entry({ name: "last" }, "last"), Buffer.alloc(1024), Buffer.from("what nobody reads")]),
    ),
  );
  assert.deepEqual(fs.readdirSync(join(recipe, "kept")).sort(), ["0", "1", "2"]);
});

test("a layer whose files or recipe were changed says so", async () => {
  const tar = archive(entry({ name: "a" }, "x".repeat(3000)), entry({ name: "b" }, "b"));
  const damages: readonly (readonly [(layer: { root: string; recipe: string }) => void, RegExp])[] = [
    [({ root }) => fs.writeFileSync(join(root, "a"), "y".repeat(3000)), /its tar would be sha256/],
    [({ root }) => fs.truncateSync(join(root, "a"), 10), /shorter than it was/],
    [({ root }) => fs.rmSync(join(root, "b")), /ENOENT/],
    [({ recipe }) => fs.truncateSync(join(recipe, "tar.zst"), 40), /cut short|unexpected end|ended|damaged/i],
    [({ recipe }) => fs.writeFileSync(join(recipe, "tar.zst"), "rubbish"), /zstd|frame|magic|Unknown/i],
  ];
  for (const [damage, message] of damages) {
    const layer = await unpacked(tar);
    damage(layer);
    const again = verified(layer.diffId, tarAgain({ tree: layer.root, recipe: layer.recipe }), "damaged");
    await assert.rejects(buffer(again), { message }, String(message));
  }
});

test("attributes that can't be kept are left out by name", async () => {
  const xattrs = new Map([["user.on-a-link", Buffer.from("x")]]);
  const tar = archive(entry({ type: "symlink", name: "a", linkname: "b", xattrs }));
  assert.deepEqual((await unpacked(tar)).leftOut, ["user.on-a-link"]);
});

test("what no file system takes is the archive's fault", async () => {
  const faults: readonly Buffer[] = [
    entry({ name: "n".repeat(300) }),
    archive(symlink("a", "b"), symlink("b", "a"), entry({ name: "a/c" })),
    archive(entry({ name: "a" }), entry({ name: "a/b" })),
  ];
  for (const fault of faults) await assert.rejects(unpacked(archive(fault)), { kind: "invalid" });
});
