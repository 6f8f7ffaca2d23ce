import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { createImages } from "../../src/image/images.ts";
import type { UsedBy } from "../../src/image/types.ts";
import { type Logger, silent } from "../../src/lib/log.ts";
import { mount, mountsUnder, unmount } from "../../src/linux/mount.ts";
import type { Change } from "../../src/store/kv.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import { newContainer, newDirectory, startImages, unused } from "../support/images.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta); // mounts are its own, /run is an empty tmpfs

/** A tar of files, by name. */
function tarOf(files: Record<string, string>): Buffer {
  const tree = newDirectory();
  fs.chmodSync(tree, 0o751);
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(join(tree, name, ".."), { recursive: true });
    fs.writeFileSync(join(tree, name), text);
  }
  return execFileSync("tar", ["-C", tree, "--mtime=@0", "--sort=name", "-cf", "-", "."]);
}

const importing = (tar: Buffer, reference?: string, changes: string[] = []) => ({
  tar: Readable.from([tar]),
  changes,
  message: "from a test",
  ...(reference !== undefined && { reference }),
});

const layersIn = (dataRoot: string) => fs.readdirSync(join(dataRoot, "images/layers"));
const staged = (dataRoot: string) => fs.readdirSync(join(dataRoot, "images/tmp"));

test("import: an image with its config, tag, history and events", async () => {
  const { images, events } = await startImages();
  const image = await images.import({
    ...importing(tarOf({ "bin/x": "12345" }), "team/app:v1", ['CMD ["/bin/x"]', "LABEL a=b"]),
    platform: "linux/arm64",
  });
  assert.deepEqual(image.tags, ["team/app:v1"]);
  assert.deepEqual(image.config, { Cmd: ["/bin/x"], Labels: { a: "b" } });
  assert.deepEqual(
    [image.os, image.architecture, image.comment, image.size],
    ["linux", "arm64", "from a test", 5],
  );
  assert.equal(image.history.length, 1);
  assert.deepEqual(images.list(), [image]);
  assert.deepEqual(
    events.map(({ action, actor }) => [action, actor.id, actor.attributes]),
    [
      ["tag", image.id, { a: "b", name: "team/app:v1" }],
      ["import", image.id, { a: "b", name: image.id }],
    ],
  );
});

test("an image is found by name, id and the beginning of its id", async () => {
  const { images } = await startImages();
  const image = await images.import(importing(tarOf({ a: "1" }), "app"));
  const digits = image.id.slice("sha256:".length);
  for (const reference of [
    "app",
    "app:latest",
    "docker.io/library/app",
    image.id,
    digits,
    digits.slice(0, 12),
  ]) {
    assert.equal(images.find(reference)?.id, image.id, reference);
    assert.equal((await images.resolve(reference)).id, image.id, reference);
  }
  assert.equal(images.find(digits.slice(0, 1))?.id, image.id);
  assert.equal(images.find("app:v2"), undefined);
  assert.throws(() => images.find("App"), { kind: "invalid", message: /must be lowercase$/ });
  await assert.rejects(images.resolve("foo"), {
    kind: "not-found",
    message: "No such image: foo:latest",
  });
  await assert.rejects(images.resolve("f".repeat(64)), { kind: "not-found", message: /^No such image: f+$/ });
});

test("the beginning of two ids is ambiguous", async () => {
  const { images } = await startImages();
  // One first digit of seventeen must come twice.
  for (let i = 0; i < 17; i += 1) await images.import(importing(tarOf({ a: String(i) })));
  const firsts = images.list().map(({ id }) => id.charAt("sha256:".length));
  const twice = firsts.find((digit, i) => firsts.indexOf(digit) !== i);
  assert.ok(twice !== undefined);
  assert.throws(() => images.find(twice), { kind: "invalid", message: /^multiple IDs found/ });
});

test("images of the same layer share it, and the last one takes it away", async () => {
  const { images, dataRoot } = await startImages();
  const tar = tarOf({ a: "same" });
  const [one, two] = await Promise.all([
    images.import(importing(tar, "one")),
    images.import(importing(tar, "two", ["USER x"])),
  ]);
  assert.notEqual(one.id, two.id);
  assert.equal(layersIn(dataRoot).length, 1);
  assert.deepEqual(await images.remove("one", { force: false, usedBy: unused }), [
    { untagged: "one:latest" },
    { deleted: one.id },
  ]);
  assert.equal(layersIn(dataRoot).length, 1);
  assert.deepEqual(await images.remove(two.id, { force: false, usedBy: unused }), [
    { untagged: "two:latest" },
    { deleted: two.id },
    { deleted: two.layers[0]?.diffId },
  ]);
  await images.stop();
  assert.deepEqual([layersIn(dataRoot), staged(dataRoot), images.list()], [[], [], []]);
});

test("a tag moves to the image that is given it last", async () => {
  const { images, events } = await startImages();
  const first = await images.import(importing(tarOf({ a: "1" }), "app"));
  const second = await images.import(importing(tarOf({ a: "2" }), "app"));
  assert.equal(images.find("app")?.id, second.id);
  assert.deepEqual(images.find(first.id)?.tags, []);
  await images.tag(first.id, "localhost:5000/app:old");
  assert.deepEqual(images.find(first.id)?.tags, ["localhost:5000/app:old"]);
  assert.equal(events.at(-1)?.actor.attributes.name, "localhost:5000/app:old");
  await assert.rejects(images.tag(first.id, `app@sha256:${"0".repeat(64)}`), { kind: "invalid" });
  await assert.rejects(images.remove("nope", { force: true, usedBy: unused }), {
    kind: "not-found",
    message: "No such image: nope:latest",
  });
});

test("what fails to import leaves nothing", async () => {
  const { images, dataRoot, store } = await startImages();
  const tar = tarOf({ a: "x".repeat(100_000) });
  const bad = [
    importing(tar.subarray(0, 50_000), "app"),
    importing(Buffer.alloc(0), "app"),
    importing(tar, "App"),
    importing(tar, "app", ["RUN x"]),
    { ...importing(tar, "app"), platform: "windows/amd64" },
  ];
  for (const request of bad) await assert.rejects(images.import(request), { kind: "invalid" });
  const failing = new Readable({ read: () => failing.destroy(new Error("the client hung up")) });
  await assert.rejects(images.import({ ...importing(tar), tar: failing }), { message: /hung up/ });
  await images.stop();
  assert.deepEqual([layersIn(dataRoot), staged(dataRoot), await store.list("")], [[], [], []]);
});

test("a store that refuses leaves neither layer nor image", async () => {
  class Refusing extends MemoryStore {
    override async commit(_changes: readonly Change[]): Promise<void> {
      throw new Error("disk full");
    }
  }
  const { images, dataRoot } = await startImages({ store: new Refusing() });
  await assert.rejects(images.import(importing(tarOf({ a: "1" }), "app")), { message: /disk full/ });
  await images.stop();
  assert.deepEqual(
    [layersIn(dataRoot), fs.readdirSync(join(dataRoot, "images/l")), images.list()],
    [[], [], []],
  );
});

test("busybox is made once, runs as it is, and is the same whenever it is made", async () => {
  const { images, dataRoot } = await startImages();
  const made = await Promise.all(Array.from({ length: 5 }, () => images.resolve("busybox")));
  assert.equal(new Set(made.map(({ id }) => id)).size, 1);
  const image = await images.resolve("docker.io/library/busybox:latest");
  assert.deepEqual(image.config.Cmd, ["sh"]);
  assert.deepEqual(image.tags, ["busybox:latest"]);
  assert.equal(layersIn(dataRoot).length, 1);

  const container = newContainer();
  await images.createLayer(container, image.id);
  const { path } = await images.mount(container);
  const script = "id -u && ls -d /bin/ls && wc -l < /etc/passwd && echo hi > /tmp/hi && /usr/bin/env true";
  const output = execFileSync("chroot", [path, "/bin/sh", "-c", script], { encoding: "utf8" });
  assert.equal(output, "0\n/bin/ls\n9\n");
  assert.equal(fs.statSync(join(path, "tmp")).mode & 0o7777, 0o1777);
  assert.equal(fs.statSync(join(path, "bin/ls")).ino, fs.statSync(join(path, "bin/busybox")).ino);
  await images.unmount(container);

  const elsewhere = await startImages({ busyboxPaths: ["/nowhere/busybox", "/bin/busybox"] });
  assert.equal((await elsewhere.images.resolve("busybox")).id, image.id);
  await images.remove("busybox", { force: true, usedBy: unused });
  assert.equal((await images.resolve("busybox")).id, image.id);
});

test("without a static busybox, what to install is said", async () => {
  const { images } = await startImages({ busyboxPaths: ["/nowhere/busybox", process.execPath] });
  await assert.rejects(images.resolve("busybox"), {
    kind: "not-found",
    message: /^No such image: busybox:latest \(.*is not a static program: apt-get install busybox-static\)$/,
  });
});

test("a container's writable layer: written to, measured, kept over a restart, removed", async () => {
  const { images, dataRoot, store } = await startImages();
  assert.equal(images.storageDriver, "overlay2");
  const image = await images.import(importing(tarOf({ a: "12345", "d/b": "67" }), "app"));
  const [one, two] = [newContainer(), newContainer()];
  await images.createLayer(one, image.id);
  await images.createLayer(two, image.id);
  const { path, driver } = await images.mount(one);
  assert.deepEqual(await images.mount(one), images.filesystemOf(one));
  assert.equal(driver.data.MergedDir, path);
  assert.equal(fs.statSync(path).mode & 0o7777, 0o751, "as the image's own root");
  fs.writeFileSync(join(path, "a"), "changed!");
  fs.rmSync(join(path, "d"), { recursive: true });
  await images.mount(two);
  assert.equal(fs.readFileSync(join(images.filesystemOf(two).path, "a"), "utf8"), "12345");
  assert.deepEqual(await images.layerUsage(one), { writable: 8, total: 15 });
  assert.deepEqual(await images.layerUsage(two), { writable: 0, total: 7 });
  await images.stop();

  const again = (await startImages({ store, dataRoot })).images;
  assert.deepEqual(again.list(), images.list());
  assert.deepEqual(new Set(again.layerOwners()), new Set([one, two]));
  assert.equal(mountsUnder(dataRoot).length, 2, "a running container's mount stays");
  assert.equal(fs.readFileSync(join((await again.mount(one)).path, "a"), "utf8"), "changed!");
  assert.equal(mountsUnder(dataRoot).length, 2);
  await again.unmount(one);
  await again.unmount(one);
  assert.deepEqual(fs.readdirSync(path), []);
  assert.equal(fs.readFileSync(join((await again.mount(one)).path, "a"), "utf8"), "changed!");
  for (const container of [one, two, two]) await again.removeLayer(container);
  await again.stop();
  assert.deepEqual([mountsUnder(dataRoot), fs.readdirSync(join(dataRoot, "overlay"))], [[], []]);
  await assert.rejects(again.mount(one), { kind: "not-found" });
});

test("an image removed by force leaves its layer to the containers on it", async () => {
  const { images, dataRoot } = await startImages();
  const image = await images.import(importing(tarOf({ a: "1" }), "app"));
  const container = newContainer();
  await images.createLayer(container, image.id);
  const usedBy: UsedBy = (id) => (id === image.id ? [{ id: container, running: false }] : []);
  await assert.rejects(images.remove("app", { force: false, usedBy }), {
    kind: "conflict",
    message: /must force/,
  });
  assert.deepEqual(await images.remove("app", { force: true, usedBy }), [
    { untagged: "app:latest" },
    { deleted: image.id },
  ]);
  const { path } = await images.mount(container);
  assert.equal(fs.readFileSync(join(path, "a"), "utf8"), "1");
  await images.removeLayer(container);
  await images.stop();
  assert.deepEqual(layersIn(dataRoot), []);
  await assert.rejects(images.createLayer(newContainer(), image.id), { kind: "not-found" });
});

test("what a crash left half-made is freed at start", async () => {
  const { images, dataRoot, store } = await startImages();
  const image = await images.import(importing(tarOf({ a: "1" }), "app"));
  await images.stop();
  const rubbish = [
    join(dataRoot, "images/tmp/half/bin"),
    join(dataRoot, "images/layers", "0".repeat(64)),
    join(dataRoot, "images/recipes", "0".repeat(64)),
    join(dataRoot, "overlay", newContainer(), "upper"),
  ];
  for (const path of rubbish) fs.mkdirSync(path, { recursive: true });
  fs.symlinkSync("../layers/none", join(dataRoot, "images/l/dangling"));
  const again = await startImages({ store, dataRoot });
  await again.images.stop();
  assert.deepEqual(layersIn(dataRoot), [image.id && image.layers[0]?.diffId.slice("sha256:".length)]);
  assert.deepEqual([staged(dataRoot), fs.readdirSync(join(dataRoot, "overlay"))], [[], []]);
  for (const name of ["l", "recipes"]) assert.equal(fs.readdirSync(join(dataRoot, "images", name)).length, 1);
  assert.deepEqual(again.images.list(), images.list());
});

test("a damaged record of one container does not keep the others from starting", async () => {
  const { images, dataRoot, store } = await startImages();
  const image = await images.import(importing(tarOf({ a: "1" }), "app"));
  const [good, bad] = [newContainer(), newContainer()];
  for (const container of [good, bad]) await images.createLayer(container, image.id);
  fs.writeFileSync(join(dataRoot, "overlay", bad, "layer.json"), "");
  const errors: string[] = [];
  const logger: Logger = { ...silent, error: (fields) => errors.push(JSON.stringify(fields)) };
  const again = createImages({ store, dataRoot, logger, publish: () => {} });
  await again.start();
  assert.deepEqual(again.layerOwners(), [good]);
  assert.ok(errors.length === 1 && errors[0]?.includes(bad), errors.join());
  assert.ok(fs.existsSync(join(dataRoot, "overlay", bad, "upper")));
});

test("where overlayfs can't be used, layers are copied", async () => {
  // Overlayfs takes no upper directory on another overlayfs.
  const base = newDirectory();
  for (const name of ["lower", "upper", "work", "merged"]) fs.mkdirSync(join(base, name));
  const dataRoot = join(base, "merged");
  const data = `lowerdir=${base}/lower,upperdir=${base}/upper,workdir=${base}/work`;
  mount({ source: "overlay", target: dataRoot, type: "overlay", data });
  try {
    const { images, warnings } = await startImages({ dataRoot });
    assert.equal(images.storageDriver, "vfs");
    assert.match(warnings.join(), /overlayfs can't be used.*EINVAL/);
    const image = await images.resolve("busybox");
    const container = newContainer();
    await images.createLayer(container, image.id);
    const { path, driver } = await images.mount(container);
    assert.deepEqual(driver, { name: "vfs", data: {} });
    assert.equal(execFileSync("chroot", [path, "/bin/echo", "hi"], { encoding: "utf8" }), "hi\n");
    assert.equal(fs.statSync(join(path, "bin/ls")).ino, fs.statSync(join(path, "bin/busybox")).ino);
    assert.equal(fs.statSync(join(path, "tmp")).mode & 0o7777, 0o1777);
    fs.writeFileSync(join(path, "new"), "12345");
    assert.equal((await images.layerUsage(container)).writable, 5);
    await images.unmount(container);
    await images.removeLayer(container);
    await images.stop();
    assert.deepEqual(fs.readdirSync(join(dataRoot, "overlay")), []);
  } finally {
    unmount(dataRoot, { lazy: true });
  }
});
