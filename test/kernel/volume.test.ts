/** Volumes on a disk: directories, what is mounted on them, and what a crash leaves. */
import assert from "node:assert/strict";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, it } from "node:test";
import type { EngineEvent } from "../../src/lib/events.ts";
import { silent } from "../../src/lib/log.ts";
import { bindMount, isMounted, mount, mounts, unmount } from "../../src/linux/mount.ts";
import type { Change, Store } from "../../src/store/kv.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Volumes } from "../../src/volume/types.ts";
import { createVolumes } from "../../src/volume/volumes.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta);

const TMPFS = { type: "tmpfs", device: "tmpfs", o: "size=1m,mode=0700,noexec" };
const nobody = () => [];

let dataRoot: string;
let store: Store;
let volumes: Volumes;
let events: Omit<EngineEvent, "time">[];

const directoryOf = (name: string) => join(dataRoot, "volumes", name);
const left = () => readdirSync(join(dataRoot, "volumes"));

async function start(): Promise<Volumes> {
  const started = createVolumes({ store, dataRoot, logger: silent, publish: (event) => events.push(event) });
  await started.start();
  return started;
}

/** Commits fail while `fails`. */
class FailingStore extends MemoryStore {
  fails = false;
  override async commit(changes: readonly Change[]): Promise<void> {
    if (this.fails) throw new Error("disk full");
    await super.commit(changes);
  }
}

beforeEach(async () => {
  dataRoot = mkdtempSync("/run/volumes-");
  store = new FailingStore();
  events = [];
  volumes = await start();
});

describe("volumes", () => {
  it("are directories that other users may pass, and not list", async () => {
    const volume = await volumes.create({ name: "data", labels: { a: "b" } });
    assert.equal(volume.mountpoint, join(directoryOf("data"), "_data"));
    assert.equal(statSync(directoryOf("data")).mode & 0o7777, 0o701);
    assert.equal(statSync(volume.mountpoint).mode & 0o7777, 0o755);
    assert.deepEqual(await volumes.create({ name: "data", labels: { c: "d" } }), volume);
    assert.deepEqual(
      events.map(({ action, actor }) => [action, actor.id, actor.attributes]),
      [["create", "data", { driver: "local" }]],
    );
  });

  it("are the same to the next engine", async () => {
    const made = [
      await volumes.create({ name: "data", options: TMPFS, labels: { a: "b" } }),
      await volumes.create({}),
    ];
    const next = await start();
    assert.deepEqual(new Set(next.list()), new Set(made));
    assert.equal(next.find("other"), undefined);
    assert.throws(() => next.get("other"), { kind: "not-found", message: "get other: no such volume" });
  });

  it("go with all that is in them, once nobody has them", async () => {
    const { mountpoint } = await volumes.create({ name: "data" });
    writeFileSync(join(mountpoint, "file"), "text");
    await assert.rejects(volumes.remove("data", { force: true, usedBy: () => ["c1", "c2"] }), {
      kind: "conflict",
      message: "remove data: volume is in use - [c1, c2]",
    });
    await volumes.mount("data", "c3");
    await assert.rejects(volumes.remove("data", { force: false, usedBy: nobody }), { message: /\[c3\]$/ });
    await volumes.unmount("data", "c3");
    await volumes.remove("data", { force: false, usedBy: nobody });
    assert.deepEqual(left(), []);
    assert.equal(events.at(-1)?.action, "destroy");
    await assert.rejects(volumes.remove("data", { force: false, usedBy: nobody }), { kind: "not-found" });
    await volumes.remove("data", { force: true, usedBy: nobody });
  });

  it("are counted by the bytes in their files, a file with two names once", async () => {
    const { mountpoint } = await volumes.create({ name: "data" });
    mkdirSync(join(mountpoint, "below"));
    writeFileSync(join(mountpoint, "below/a"), "x".repeat(1000));
    linkSync(join(mountpoint, "below/a"), join(mountpoint, "b"));
    symlinkSync("/etc", join(mountpoint, "link"));
    writeFileSync(Buffer.concat([Buffer.from(`${mountpoint}/`), Buffer.from([0xff])]), "12345");
    assert.equal(await volumes.size("data"), 1005);
    await volumes.create({ name: "used" });
    const pruned = await volumes.prune(volumes.list(), (name) => (name === "used" ? ["c1"] : []));
    assert.deepEqual(pruned, { deleted: ["data"], reclaimed: 1005 });
    assert.deepEqual(left(), ["used"]);
  });

  it("are not half-made, nor half-removed, where the store fails", async () => {
    const failing = store as FailingStore;
    await volumes.create({ name: "data" });
    writeFileSync(join(directoryOf("data"), "_data/file"), "text");
    failing.fails = true;
    await assert.rejects(volumes.create({ name: "other" }), /disk full/);
    await assert.rejects(volumes.remove("data", { force: true, usedBy: nobody }), /disk full/);
    assert.deepEqual(left(), ["data"]);
    assert.equal(readFileSync(join(directoryOf("data"), "_data/file"), "utf8"), "text");
    assert.deepEqual(
      volumes.list().map(({ name }) => name),
      ["data"],
    );
  });

  it("leave nothing on disk of a creation or a removal that was cut short", async () => {
    await volumes.create({ name: "data" });
    mkdirSync(join(directoryOf("half"), "_data"), { recursive: true });
    mkdirSync(join(directoryOf(".removed-ab"), "_data"), { recursive: true });
    await start();
    assert.deepEqual(left(), ["data"]);
  });

  it("are not emptied where somebody else has mounted something in them", async () => {
    const { mountpoint } = await volumes.create({ name: "data" });
    const elsewhere = mkdtempSync("/run/elsewhere-");
    writeFileSync(join(elsewhere, "precious"), "text");
    mkdirSync(join(mountpoint, "below"));
    bindMount(elsewhere, join(mountpoint, "below"));
    await assert.rejects(
      volumes.remove("data", { force: true, usedBy: nobody }),
      /something is mounted in it/,
    );
    // Without its record, it is a leftover to the next engine.
    await store.commit([{ key: "volume/data" }]);
    await start();
    assert.ok(existsSync(join(elsewhere, "precious")));
    unmount(join(mountpoint, "below"));
  });
});

describe("volumes with options", () => {
  it("are mounted by the first user and unmounted with the last", async () => {
    const { mountpoint } = await volumes.create({ name: "data", options: TMPFS });
    assert.ok(!isMounted(mountpoint));
    assert.equal(await volumes.mount("data", "c1"), mountpoint);
    const found = mounts().find(({ target }) => target === mountpoint);
    assert.match(`${found?.type} ${found?.options} ${found?.superOptions}`, /^tmpfs .*noexec.* .*size=1024k/);
    await Promise.all([
      volumes.mount("data", "c2"),
      volumes.mount("data", "c2"),
      volumes.mount("data", "c3"),
    ]);
    assert.equal(mounts().filter(({ target }) => target === mountpoint).length, 1);
    for (const user of ["c1", "c3", "c3"]) await volumes.unmount("data", user);
    assert.ok(isMounted(mountpoint));
    await volumes.unmount("data", "c2");
    assert.ok(!isMounted(mountpoint));
  });

  it("are found mounted by the next engine, that counts anew", async () => {
    const { mountpoint } = await volumes.create({ name: "data", options: TMPFS });
    await volumes.mount("data", "c1");
    writeFileSync(join(mountpoint, "file"), "text");
    const next = await start();
    await next.mount("data", "c1");
    assert.equal(mounts().filter(({ target }) => target === mountpoint).length, 1);
    // Whoever ended meanwhile is nobody that the next engine knows.
    await next.unmount("data", "c2");
    assert.equal(readFileSync(join(mountpoint, "file"), "utf8"), "text");
    await next.unmount("data", "c1");
    assert.ok(!isMounted(mountpoint));
  });

  it("that nobody uses any more are unmounted by whoever is known to have ended, or with the volume", async () => {
    for (const name of ["ended", "removed"]) {
      await volumes.create({ name, options: TMPFS });
      await volumes.mount(name, "c1");
    }
    const next = await start();
    await next.unmount("ended", "c1");
    await next.remove("removed", { force: false, usedBy: nobody });
    assert.deepEqual(
      mounts().filter(({ target }) => target.startsWith(dataRoot)),
      [],
    );
    assert.deepEqual(left(), ["ended"]);
  });

  it("are found mounted where links lead to the data root", async () => {
    const link = `${dataRoot}-link`;
    symlinkSync(dataRoot, link);
    dataRoot = link;
    const linked = await start();
    const { mountpoint } = await linked.create({ name: "data", options: TMPFS });
    await linked.mount("data", "c1");
    const next = await start();
    await next.unmount("data", "c1");
    assert.ok(!isMounted(mountpoint));
  });

  it("show another directory, read-only where asked", async () => {
    const device = mkdtempSync("/run/device-");
    writeFileSync(join(device, "file"), "text");
    const options = { type: "none", device, o: "bind,ro" };
    const { mountpoint } = await volumes.create({ name: "data", options });
    await volumes.mount("data", "c1");
    assert.equal(readFileSync(join(mountpoint, "file"), "utf8"), "text");
    assert.throws(() => writeFileSync(join(mountpoint, "new"), ""), { code: "EROFS" });
    await volumes.unmount("data", "c1");
    await volumes.remove("data", { force: false, usedBy: nobody });
    assert.ok(existsSync(join(device, "file")));
  });

  it("tell why they can't be mounted, by the name of the errno, and are used by nobody then", async () => {
    const table = [
      [{ type: "none", device: "/nothing/here", o: "bind" }, /failed to mount local volume: .*\(ENOENT\)$/],
      [{ type: "nosuchfs", device: "x" }, /failed to mount local volume: mount nosuchfs x on .*\(ENODEV\)$/],
      [{ type: "tmpfs", device: "x", o: "size=nonsense" }, /\(EINVAL\)$/],
    ] as const;
    for (const [index, [options, message]] of table.entries()) {
      const name = `data${index}`;
      await volumes.create({ name, options });
      await assert.rejects(volumes.mount(name, "c1"), { kind: "internal", message });
      await volumes.remove(name, { force: false, usedBy: nobody });
    }
    assert.deepEqual(left(), []);
  });

  it("leave another's mount on a plain volume alone", async () => {
    const { mountpoint } = await volumes.create({ name: "data" });
    mount({ source: "x", target: mountpoint, type: "tmpfs" });
    const next = await start();
    await next.mount("data", "c1");
    await next.unmount("data", "c1");
    assert.ok(isMounted(mountpoint));
    unmount(mountpoint);
  });
});
