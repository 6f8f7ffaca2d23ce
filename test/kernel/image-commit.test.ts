import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import type { CommitRequest, Image, Images } from "../../src/image/types.ts";
import type { ContainerID } from "../../src/lib/ids.ts";
import { mount, unmount } from "../../src/linux/mount.ts";
import { getXattr, setXattr } from "../../src/linux/xattr.ts";
import { archive, entry, newContainer, newDirectory, startImages } from "../support/images.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta); // mounts are its own, /run is an empty tmpfs

const BASE = archive(
  entry({ name: "./", type: "directory", mode: 0o751 }),
  entry({ name: "dir", type: "directory", mode: 0o755 }),
  entry({ name: "dir/kept" }, "kept"),
  entry({ name: "dir/gone" }, "gone"),
  entry({ name: "replaced", type: "directory" }),
  entry({ name: "replaced/old" }, "old"),
  entry({ name: "file" }, "file"),
  entry({ name: "mode" }, "mode"),
  entry({ name: "opened" }, "opened"),
  entry({ name: "type" }, "type"),
  entry({ name: "linked" }, "linked"),
);

const importing = (tar: Buffer, reference: string) => ({
  tar: Readable.from([tar]),
  changes: ['CMD ["old"]', "ENV a=b"],
  message: "",
  reference,
});

/** What a container might do, and what Docker says of it. */
function work(root: string): void {
  const at = (name: string) => join(root, name);
  fs.writeFileSync(at("file"), "changed");
  fs.chmodSync(at("mode"), 0o600);
  fs.closeSync(fs.openSync(at("opened"), "r+"));
  fs.rmSync(at("dir/gone"));
  fs.mkdirSync(at("new/deep"), { recursive: true });
  fs.writeFileSync(at("new/deep/ä"), "new");
  fs.linkSync(at("new/deep/ä"), at("new/again"));
  fs.rmSync(at("replaced"), { recursive: true });
  fs.mkdirSync(at("replaced"));
  fs.writeFileSync(at("replaced/young"), "young");
  fs.rmSync(at("type"));
  fs.symlinkSync("file", at("type"));
  execFileSync("mknod", [at("null"), "c", "1", "3"]);
  execFileSync("mkfifo", [at("pipe")]);
  setXattr(Buffer.from(at("new/deep/ä")), "user.note", Buffer.from([0, 1, 255]));
  fs.chownSync(at("new"), 12, 34);
}

const CHANGES = [
  "modified /dir",
  "deleted /dir/gone",
  "modified /file",
  "modified /mode",
  "added /new",
  "added /new/again",
  "added /new/deep",
  "added /new/deep/ä",
  "added /null",
  "added /pipe",
  "modified /replaced",
  "deleted /replaced/old",
  "added /replaced/young",
  "modified /type",
];

function assertWorked(root: string): void {
  const at = (name: string) => join(root, name);
  const text = (name: string) => fs.readFileSync(at(name), "utf8");
  assert.deepEqual(["file", "mode", "opened", "dir/kept", "new/deep/ä", "replaced/young", "type"].map(text), [
    "changed",
    "mode",
    "opened",
    "kept",
    "new",
    "young",
    "changed",
  ]);
  assert.equal(fs.statSync(at("mode")).mode & 0o777, 0o600);
  assert.deepEqual(fs.readdirSync(at("replaced")), ["young"]);
  assert.deepEqual(fs.readdirSync(at("dir")), ["kept"]);
  assert.equal(fs.statSync(at("new/again")).ino, fs.statSync(at("new/deep/ä")).ino);
  assert.equal(fs.lstatSync(at("null")).rdev, 0x103);
  assert.ok(fs.lstatSync(at("pipe")).isFIFO());
  assert.deepEqual(getXattr(Buffer.from(at("new/deep/ä")), "user.note"), Buffer.from([0, 1, 255]));
  assert.deepEqual([fs.statSync(at("new")).uid, fs.statSync(at("new")).gid], [12, 34]);
  assert.equal(fs.statSync(root).mode & 0o777, 0o751);
}

const request = (
  container: ContainerID,
  base: Image,
  change: Partial<CommitRequest> = {},
): CommitRequest => ({
  container,
  base: base.id,
  config: base.config,
  changes: ['CMD ["new"]'],
  containerConfig: { Hostname: "h", Cmd: ["sh"] },
  createdBy: "sh",
  comment: "a comment",
  author: "somebody",
  ...change,
});

async function roundTrip(images: Images): Promise<void> {
  const base = await images.import(importing(BASE, "base"));
  const container = newContainer();
  await images.createLayer(container, base.id);
  const { path } = await images.mount(container);
  assert.deepEqual(await images.changes(container), []);
  work(path);
  const changes = await images.changes(container);
  assert.deepEqual(
    changes.map(({ kind, path: changed }) => `${kind} ${changed}`),
    CHANGES,
  );

  const image = await images.commit(request(container, base, { reference: "committed:1" }));
  assert.deepEqual(image.config, { Cmd: ["new"], Env: ["a=b"] });
  assert.deepEqual([image.parent, image.container, image.author], [base.id, container, "somebody"]);
  assert.deepEqual(image.containerConfig, { Hostname: "h", Cmd: ["sh"] });
  assert.deepEqual(
    image.history.map(({ createdBy, comment, author, emptyLayer }) => [
      createdBy,
      comment,
      author,
      emptyLayer,
    ]),
    [
      ["", "", undefined, false],
      ["sh", "a comment", "somebody", false],
    ],
  );
  assert.deepEqual(image.tags, ["committed:1"]);

  const child = newContainer();
  await images.createLayer(child, image.id);
  assertWorked((await images.mount(child)).path);
  assert.deepEqual(await images.changes(child), []);

  // Exported from a container that runs, and from one that does not.
  const running = await buffer(await images.export(container));
  await images.unmount(container);
  const stopped = await buffer(await images.export(container));
  assert.ok(running.equals(stopped));
  const flat = await images.import(importing(running, "flat"));
  const again = newContainer();
  await images.createLayer(again, flat.id);
  const { path: imported } = await images.mount(again);
  fs.chmodSync(imported, 0o751); // an export does not speak of the root
  assertWorked(imported);
  assert.ok(fs.existsSync(join(imported, "etc/hosts")), "with the places for what is mounted");

  const listing = execFileSync("tar", ["-tf", "-"], { input: running, encoding: "utf8" });
  assert.ok(!listing.includes(".wh.") && listing.includes("replaced/young"));
  for (const each of [container, child, again]) await images.removeLayer(each);
}

test("what a container changed: told, committed, exported", async () => {
  const { images, events } = await startImages();
  await roundTrip(images);
  assert.deepEqual(
    events.map(({ action }) => action),
    ["tag", "import", "create", "tag", "tag", "import"],
  );
});

test("the same where layers are copied", async () => {
  const base = newDirectory();
  for (const name of ["lower", "upper", "work", "merged"]) fs.mkdirSync(join(base, name));
  const dataRoot = join(base, "merged");
  const data = `lowerdir=${base}/lower,upperdir=${base}/upper,workdir=${base}/work`;
  mount({ source: "overlay", target: dataRoot, type: "overlay", data });
  try {
    const { images } = await startImages({ dataRoot });
    assert.equal(images.storageDriver, "vfs");
    await roundTrip(images);
    await images.stop();
  } finally {
    unmount(dataRoot, { lazy: true });
  }
});

test("a commit's tar says what was hidden as OCI does, and is made again as it was", async () => {
  const { images } = await startImages();
  const base = await images.import(importing(BASE, "base"));
  const container = newContainer();
  await images.createLayer(container, base.id);
  work((await images.mount(container)).path);
  const image = await images.commit(request(container, base));
  const layer = (await images.contents(image.id)).layers[1];
  assert.ok(layer);
  const listing = execFileSync("tar", ["-tf", "-"], { input: await buffer(layer.open()), encoding: "utf8" });
  const names = listing.split("\n");
  assert.ok(names.includes("dir/.wh.gone"));
  assert.ok(names.indexOf("replaced/.wh..wh..opq") === names.indexOf("replaced/") + 1);
  assert.ok(!names.includes("null/"));
  await images.removeLayer(container);
});

test("a commit of nothing adds no layer, and parents go with their children", async () => {
  const { images } = await startImages();
  const base = await images.import(importing(BASE, "base"));
  const container = newContainer();
  await images.createLayer(container, base.id);
  const image = await images.commit(request(container, base, { reference: "same" }));
  assert.deepEqual(image.layers, base.layers);
  assert.equal(image.history.at(-1)?.emptyLayer, true);
  await images.removeLayer(container);
  const unused = () => [];
  await assert.rejects(images.remove(base.id, { force: true, usedBy: unused }), {
    kind: "conflict",
    message: /\(cannot be forced\) - image has dependent child images$/,
  });
  assert.deepEqual(await images.remove("base", { force: false, usedBy: unused }), [
    { untagged: "base:latest" },
  ]);
  const removed = await images.remove("same", { force: false, usedBy: unused });
  assert.deepEqual(removed, [
    { untagged: "same:latest" },
    { deleted: image.id },
    { deleted: base.id },
    { deleted: base.layers[0]?.diffId },
  ]);
  assert.deepEqual(images.list(), []);
});
