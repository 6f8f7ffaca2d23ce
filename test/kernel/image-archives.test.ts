/** Archives of images: every form that is read, and those that are not meant well. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { DiffID, Images } from "../../src/image/types.ts";
import type { ImageID } from "../../src/lib/ids.ts";
import { mount, unmount } from "../../src/linux/mount.ts";
import {
  blob,
  configOf,
  descriptor,
  digestOf,
  dockerArchive,
  json,
  LOWER,
  layout,
  OCI,
  ociImage,
  UPPER,
} from "../support/image-archives.ts";
import { archive, entry, newDirectory, startImages, unused } from "../support/images.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta); // /run is an empty tmpfs

const load = (images: Images, tar: Buffer, platform?: string) =>
  images.load(Readable.from([tar]), platform === undefined ? {} : { platform });

test("Docker's archive: the id is the config's digest, layers lie on each other, names are given", async () => {
  const { images, events } = await startImages();
  for (const pack of [(tar: Buffer) => tar, gzipSync, zstdCompressSync]) {
    const [loaded] = await load(images, pack(dockerArchive({ tags: ["x:1", "r.example:5000/y:2"] })));
    assert.equal(loaded?.image.id, digestOf(configOf([LOWER, UPPER])));
    assert.deepEqual(loaded.references, ["x:1", "r.example:5000/y:2"]);
    assert.equal(loaded.image.layers.length, 2);
  }
  assert.deepEqual(
    events.map(({ action, actor }) => [action, actor.attributes.name]),
    Array.from({ length: 3 }, () => ["load", images.find("x:1")?.id]),
  );
  const [unnamed] = await load(images, dockerArchive({ tags: null, layers: [LOWER] }));
  assert.deepEqual([unnamed?.references, unnamed?.image.tags], [[], []]);
});

test("an OCI layout: this host's platform or the one asked for, through indexes, however layers are packed", async () => {
  const { images } = await startImages();
  const amd = ociImage("amd64", gzipSync, "amd");
  const arm = ociImage("arm64", zstdCompressSync, "arm");
  const note = ociImage("unknown", gzipSync, "note", {
    annotations: { "vnd.docker.reference.type": "attestation-manifest" },
  });
  const inner = json({ manifests: [note.descriptor, amd.descriptor, arm.descriptor] });
  const outer = json({ manifests: [descriptor(`${OCI}.index.v1+json`, inner)] });
  const tar = layout(
    [
      descriptor(`${OCI}.index.v1+json`, outer, {
        annotations: { "io.containerd.image.name": "docker.io/library/many:1" },
      }),
    ],
    [...amd.blobs, ...arm.blobs, ...note.blobs, blob(inner), blob(outer)],
  );
  const own = process.arch === "arm64" ? arm : amd;
  assert.equal((await load(images, tar))[0]?.image.id, own.id);
  const [loaded] = await load(images, tar, "linux/arm64/v8");
  assert.deepEqual([loaded?.image.id, loaded?.references], [arm.id, ["many:1"]]);
  await assert.rejects(load(images, tar, "linux/s390x"), {
    kind: "not-found",
    message: "no suitable image in the archive for platform linux/s390x",
  });
});

test("an OCI layout of several images; a tag alone names nothing, two names of one image are one image", async () => {
  const { images } = await startImages();
  const arch = process.arch === "arm64" ? "arm64" : "amd64";
  const [one, two] = [ociImage(arch, gzipSync, "1"), ociImage(arch, (layer) => layer, "2")];
  const named = (image: typeof one, name: string) => ({
    ...image.descriptor,
    annotations: { "org.opencontainers.image.ref.name": name },
  });
  const loaded = await load(
    images,
    layout(
      [named(one, "latest"), named(two, "r.example/two"), named(two, "two:2")],
      [...one.blobs, ...two.blobs],
    ),
  );
  assert.deepEqual(
    loaded.map(({ image, references }) => [image.id, references]),
    [
      [one.id, []],
      [two.id, ["r.example/two:latest", "two:2"]],
    ],
  );
});

test("archives from before manifests: parents and names, and a config made as Docker makes it", async () => {
  const { images } = await startImages();
  const [bottom, top] = ["b".repeat(64), "c".repeat(64)];
  const v1 = (id: string, parent: string | undefined, command: string) =>
    json({
      id,
      ...(parent && { parent }),
      created: "2014-01-01T00:00:00Z",
      container_config: { Cmd: ["/bin/sh", "-c", command] },
      config: { Cmd: ["a<b"] },
      architecture: "amd64",
      os: "linux",
      Size: 5,
    });
  const tar = archive(
    entry({ name: `${top}/json` }, v1(top, bottom, "two")),
    entry({ name: `${top}/layer.tar` }, UPPER),
    entry({ name: `${bottom}/json` }, v1(bottom, undefined, "one")),
    entry({ type: "symlink", name: `${bottom}/layer.tar`, linkname: "../shared/layer.tar" }),
    entry({ name: "shared/layer.tar" }, LOWER),
    entry({ name: "repositories" }, json({ old: { "1": top, "2": top } })),
  );
  const [loaded] = await load(images, tar);
  assert.deepEqual(loaded?.references, ["old:1", "old:2"]);
  assert.deepEqual(
    loaded?.image.history.map(({ createdBy }) => createdBy),
    ["/bin/sh -c one", "/bin/sh -c two"],
  );
  assert.deepEqual(loaded?.image.config.Cmd, ["a<b"]);
  const config = Buffer.from((await images.contents(loaded?.image.id as ImageID)).config).toString();
  assert.match(config, /^\{"architecture":"amd64","config":\{"Cmd":\["a\\u003cb"\]\}.*"rootfs":/);
});

test("archives that can't be meant well are refused, and leave nothing", async () => {
  const { images, dataRoot, store } = await startImages();
  const amd = ociImage("amd64", gzipSync, "amd");
  const arch = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };
  const self = json({ manifests: [{ mediaType: `${OCI}.index.v1+json`, digest: "sha256:x", size: 1 }] });
  const whole = dockerArchive();
  const evil = archive(entry({ name: "../../witness" }, "out"));
  const manifest = (item: unknown) => archive(entry({ name: "manifest.json" }, json(item)));
  const refused: readonly (readonly [Buffer, RegExp])[] = [
    [Buffer.alloc(0), /the archive is empty/],
    [archive(), /not an image archive/],
    [archive(entry({ name: "etc/passwd" }, "root")), /not an image archive/],
    [whole.subarray(0, 2000), /cut short/],
    [gzipSync(whole).subarray(0, 200), /not whole gzip/],
    [archive(entry({ name: "../manifest.json" }, "[]")), /leads out/],
    [archive(entry({ type: "symlink", name: "a", linkname: "/etc/passwd" })), /leads out of the archive/],
    [archive(entry({ type: "symlink", name: "a/b", linkname: "../../etc" })), /leads out/],
    [archive(entry({ type: "character-device", name: "a" })), /which no image archive has/],
    [
      archive(
        entry({ type: "symlink", name: "manifest.json", linkname: "b" }),
        entry({ type: "symlink", name: "b", linkname: "manifest.json" }),
      ),
      /too many links/,
    ],
    [archive(entry({ name: "manifest.json" }, "{")), /not JSON/],
    [archive(entry({ name: "manifest.json" }, " ".repeat(9 << 20))), /are too many/],
    [manifest({}), /not a list/],
    [manifest([null]), /invalid manifest/],
    [manifest([{ Config: "../../etc/passwd" }]), /leads out/],
    [manifest([{ Config: "config.json" }]), /speaks of a file config.json/],
    [dockerArchive({ manifest: { Layers: ["0/layer.tar"] } }), /layers length mismatch: expected 1, got 2/],
    [
      dockerArchive({ manifest: { Layers: ["0/layer.tar", "2/layer.tar"] } }),
      /speaks of a file 2\/layer.tar/,
    ],
    [dockerArchive({ manifest: { Layers: ["1/layer.tar", "0/layer.tar"] } }), /is damaged: what came has/],
    [dockerArchive({ manifest: { RepoTags: ["Upper:1"] } }), /must be lowercase/],
    [dockerArchive({ manifest: { RepoTags: ["x"] } }), /invalid tag "x"/],
    [dockerArchive({ layers: [evil] }), /leads out of the layer/],
    [dockerArchive({ config: Buffer.from([0x7b, 0xff, 0x7d]) }), /not UTF-8/],
    [dockerArchive({ config: json({ rootfs: { diff_ids: ["sha256:../.."] } }) }), /not a layer's digest/],
    [
      dockerArchive({ config: configOf([LOWER, UPPER], { os: "windows" }) }),
      /cannot load windows image on linux/,
    ],
    [layout([{ digest: "sha256:../../x", size: 1 }], []), /not a digest/],
    [layout([descriptor(`${OCI}.index.v1+json`, self)], [blob(self)]), /not a digest/],
    [layout([{ ...amd.descriptor, platform: arch, digest: digestOf("x") }], amd.blobs), /speaks of a file/],
    [
      layout(
        [{ ...amd.descriptor, platform: arch }],
        [
          ...amd.blobs.slice(1),
          entry({ name: `blobs/sha256/${digestOf(gzipSync(LOWER)).slice(7)}` }, "rubbish"),
        ],
      ),
      /speaks of a file|is damaged/,
    ],
  ];
  for (const [tar, message] of refused) {
    await assert.rejects(load(images, tar), (thrown: { kind?: string; message: string }) => {
      assert.equal(thrown.kind, "invalid", thrown.message);
      assert.match(thrown.message, message);
      return true;
    });
  }
  await images.stop();
  assert.deepEqual(await store.list(""), []);
  for (const name of ["layers", "recipes", "l", "tmp"]) {
    assert.deepEqual(fs.readdirSync(join(dataRoot, "images", name)), [], name);
  }
});

test("a blob that is not what its digest says is refused, though the layer in it may be whole", async () => {
  const { images } = await startImages();
  const arch = process.arch === "arm64" ? "arm64" : "amd64";
  const image = ociImage(arch, gzipSync, "text");
  const [packed, ...others] = image.blobs;
  assert.ok(packed);
  const name = packed.subarray(0, 100).toString().replace(/\0.*$/s, "");
  const other = gzipSync(archive(entry({ name: "a" }, "text")), { level: 1 });
  const tar = layout([image.descriptor], [entry({ name }, Buffer.concat([other])), ...others]);
  await assert.rejects(load(images, tar), { kind: "invalid", message: /blob sha256:.* is damaged/ });
});

test("many add the same layers at the same time: each is read once, and a failure is nobody else's", async () => {
  const { images, dataRoot } = await startImages();
  const opened: number[] = [];
  const incoming = (n: number, broken = false) => {
    const layers = [LOWER, UPPER];
    return {
      config: configOf(layers, { author: String(n) }),
      references: [`many:${n}`],
      layers: layers.map((layer) => ({
        diffId: digestOf(layer) as DiffID,
        open: async () => {
          opened.push(n);
          return Readable.from([broken ? layer.subarray(0, 600) : layer]);
        },
      })),
    };
  };
  const added = await Promise.allSettled([0, 1, 2, 3, 4].map((n) => images.add(incoming(n, n === 0))));
  assert.deepEqual(
    added.map(({ status }) => status),
    ["rejected", "fulfilled", "fulfilled", "fulfilled", "fulfilled"],
  );
  assert.equal(opened.length, 3, "the broken one, and one for each layer");
  assert.equal(fs.readdirSync(join(dataRoot, "images/layers")).length, 2);
  for (const n of [1, 2, 3, 4]) await images.remove(`many:${n}`, { force: false, usedBy: unused });
  await images.stop();
  assert.deepEqual(fs.readdirSync(join(dataRoot, "images/layers")), []);
});

test("names by digest: found, listed apart from tags, and gone with the last tag of their repository", async () => {
  const { images } = await startImages();
  const digest = `sha256:${"d".repeat(64)}`;
  const layers = [LOWER];
  const image = await images.add({
    config: configOf(layers),
    layers: layers.map((layer) => ({
      diffId: digestOf(layer) as DiffID,
      open: async () => Readable.from([layer]),
    })),
    references: ["r.example/app:1", `r.example/app:1@${digest}`],
  });
  assert.deepEqual([image.tags, image.digests], [["r.example/app:1"], [`r.example/app@${digest}`]]);
  for (const name of [`r.example/app@${digest}`, `r.example/app:other@${digest}`]) {
    assert.equal(images.find(name)?.id, image.id, name);
  }
  assert.deepEqual(await images.remove("r.example/app:1", { force: false, usedBy: unused }), [
    { untagged: "r.example/app:1" },
    { untagged: `r.example/app@${digest}` },
    { deleted: image.id },
    { deleted: image.layers[0]?.diffId },
  ]);
});

test("saved and loaded elsewhere: the same ids, names and bytes; what is damaged says so at its end", async () => {
  const [here, there] = [await startImages(), await startImages()];
  await load(here.images, dockerArchive({ tags: ["x:1", "x:2", "y:1"] }));
  const names = (await here.images.load(Readable.from([dockerArchive({ tags: [], layers: [LOWER] })])))[0];
  assert.ok(names);
  const whole = await buffer(await here.images.save(["x", "y:1", names.image.id]));
  const loaded = await load(there.images, whole);
  assert.deepEqual(
    loaded.map(({ image, references }) => [image.id, references]),
    [
      [digestOf(configOf([LOWER, UPPER])), ["x:1", "x:2", "y:1"]],
      [names.image.id, []],
    ],
  );
  assert.ok((await buffer(await there.images.save(["x", "y:1", names.image.id]))).equals(whole));
  await assert.rejects(here.images.save(["x", "nope"]), {
    kind: "not-found",
    message: "No such image: nope:latest",
  });
  await assert.rejects(here.images.save(["x"], { platform: "linux/s390x" }), { kind: "not-found" });

  const [layer] = loaded[0]?.image.layers ?? [];
  assert.ok(layer);
  fs.writeFileSync(join(there.dataRoot, "images/layers", layer.diffId.slice(7), "a"), "lowly");
  await assert.rejects(buffer(await there.images.save(["x:1"])), {
    kind: "internal",
    message: /its files were changed or damaged/,
  });
  fs.rmSync(join(there.dataRoot, "images/layers", layer.diffId.slice(7)), { recursive: true });
  await load(there.images, whole);
  assert.ok((await buffer(await there.images.save(["x", "y:1", names.image.id]))).equals(whole), "mended");
});

test("a layer made by an older engine goes out while a fresh tar is what it was, and is honest where not", async () => {
  const dataRoot = newDirectory();
  const { images, store } = await startImages({ dataRoot });
  const plain = archive(entry({ name: "a" }, "text"));
  const odd = archive(entry({ name: "./a" }, "text"));
  for (const [name, tar] of [
    ["plain", plain],
    ["odd", odd],
  ] as const) {
    await images.import({ tar: Readable.from([tar]), reference: name, changes: [], message: "" });
  }
  await images.stop();
  for (const { key, value } of await store.list("layer/")) {
    const { size, link } = value as { size: number; link: string };
    await store.commit([{ key, value: { size, link } }]);
  }
  fs.rmSync(join(dataRoot, "images/recipes"), { recursive: true });
  const older = (await startImages({ dataRoot, store })).images;
  const of = async (name: string) => {
    const [layer] = (await older.contents(older.find(name)?.id as ImageID)).layers;
    assert.ok(layer);
    return { size: layer.size, bytes: () => buffer(layer.open()) };
  };
  const same = await of("plain");
  assert.ok((await same.bytes()).equals(plain));
  assert.equal(same.size, plain.length);
  await assert.rejects(of("odd"), { message: /made by an older engine, which did not keep its form/ });
});

test("a layer that is read stays until it is read, though its image goes", async () => {
  const { images, dataRoot } = await startImages();
  const large = archive(entry({ name: "a" }, Buffer.alloc(5 << 20, 7)));
  const [loaded] = await load(images, dockerArchive({ layers: [large] }));
  const [layer] = (await images.contents(loaded?.image.id as ImageID)).layers;
  assert.ok(layer);
  const stream = layer.open();
  const first = (await stream.iterator({ destroyOnReturn: false }).next()).value as Buffer;
  assert.deepEqual(await images.remove("x:1", { force: false, usedBy: unused }), [
    { untagged: "x:1" },
    { deleted: loaded?.image.id },
  ]);
  assert.ok(Buffer.concat([first, await buffer(stream)]).equals(large));
  await images.stop();
  assert.deepEqual(fs.readdirSync(join(dataRoot, "images/layers")), []);
});

test("a disk that is full: nothing is left, and the next try finds room", async () => {
  const dataRoot = newDirectory();
  mount({ source: "tmpfs", target: dataRoot, type: "tmpfs", data: "size=3m" });
  try {
    const { images } = await startImages({ dataRoot });
    const layer = (size: number) => archive(entry({ name: "a" }, Buffer.alloc(size, 1)));
    // Once while the archive is set down, once while its layer is unpacked.
    for (const size of [4 << 20, 2 << 20]) {
      const tar = dockerArchive({ layers: [layer(size)] });
      await assert.rejects(load(images, tar), { message: /ENOSPC/ });
    }
    await images.stop();
    for (const name of ["layers", "recipes", "tmp"]) {
      assert.deepEqual(fs.readdirSync(join(dataRoot, "images", name)), [], name);
    }
    assert.equal((await load(images, dockerArchive({ layers: [layer(1 << 20)] }))).length, 1);
    await images.stop();
  } finally {
    unmount(dataRoot, { lazy: true });
  }
});
