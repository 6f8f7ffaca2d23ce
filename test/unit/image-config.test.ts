import assert from "node:assert/strict";
import { closeSync, openSync, readSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import {
  chainIdsOf,
  type Description,
  decodeConfig,
  encodeConfig,
  imageIdOf,
  readConfig,
  toImage,
} from "../../src/image/describe/oci-config.ts";
import { matchesPlatform, parsePlatform } from "../../src/image/describe/platform.ts";
import { isStaticElf } from "../../src/image/elf.ts";
import { overlayOptions } from "../../src/image/rootfs/overlay.ts";
import type { DiffID } from "../../src/image/types.ts";
import type { ImageID } from "../../src/lib/ids.ts";

const layer = (digit: string) => `sha256:${digit.repeat(64)}` as DiffID;

const description: Description = {
  os: "linux",
  architecture: "arm",
  variant: "v7",
  created: "2026-01-02T03:04:05Z",
  author: "",
  comment: "by hand",
  config: { Cmd: ["sh"], Labels: { a: "1" } },
  diffIds: [layer("a"), layer("b")],
  history: [{ created: "2026-01-02T03:04:05Z", createdBy: "", comment: "by hand", emptyLayer: false }],
};

test("a config reads back as it was written, under the digest that names it", () => {
  const json = encodeConfig(description);
  assert.deepEqual(decodeConfig(imageIdOf(json), json), description);
  assert.equal("author" in JSON.parse(json), false);
  assert.throws(() => decodeConfig(imageIdOf(json), `${json} `), { message: /damaged/ });
  assert.throws(() => decodeConfig(imageIdOf("{}x"), "{}x"), { kind: "invalid", message: /not JSON/ });
});

test("an image is as large as its layers", () => {
  const standing = { names: ["x:latest", "x@sha256:1"], parent: undefined, tagged: undefined };
  const image = toImage("sha256:1" as ImageID, description, standing, (id) => (id === layer("a") ? 3 : 4));
  assert.deepEqual([image.tags, image.digests], [["x:latest"], ["x@sha256:1"]]);
  assert.equal(image.size, 7);
  assert.deepEqual(
    image.layers.map(({ size }) => size),
    [3, 4],
  );
});

test("a config that is none is refused with the field's name", () => {
  const whole = JSON.parse(encodeConfig(description));
  const refused = (change: object, message: RegExp) =>
    assert.throws(() => readConfig(JSON.stringify({ ...whole, ...change })), { kind: "invalid", message });
  refused({ rootfs: undefined }, /no RootFS key/);
  refused({ rootfs: { diff_ids: ["../../etc"] } }, /not a layer's digest/);
  refused({ config: { Env: "A=b" } }, /config\.Env/);
  refused({ config: { Labels: { a: 1 } } }, /config\.Labels/);
  refused({ config: { Healthcheck: { Interval: "1s" } } }, /config\.Healthcheck\.Interval/);
  refused({ history: {} }, /history is not a list/);
  refused({ created: "yesterday" }, /not a time/);
  const once = { Cmd: "sh", Entrypoint: null, Hostname: "x", Memory: 0 };
  assert.deepEqual(readConfig(JSON.stringify({ ...whole, config: once })).config, { Cmd: ["sh"] });
});

test("chain ids: the lowest layer's own, then digests of digests", () => {
  // sha256("sha256:aa…a sha256:bb…b"), by sha256sum.
  assert.deepEqual(chainIdsOf([layer("a"), layer("b")]), [
    layer("a"),
    "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c",
  ]);
});

test("platforms", () => {
  assert.deepEqual(parsePlatform("linux/amd64"), { os: "linux", architecture: "amd64" });
  assert.deepEqual(parsePlatform("linux/x86_64"), { os: "linux", architecture: "amd64" });
  assert.deepEqual(parsePlatform("Linux/arm/v7"), { os: "linux", architecture: "arm", variant: "v7" });
  assert.deepEqual(parsePlatform("arm64"), { os: "linux", architecture: "arm64" });
  assert.equal(parsePlatform("").os, "linux");
  const matches = (a: string, b: string) => matchesPlatform(parsePlatform(a), parsePlatform(b));
  assert.ok(matches("linux/arm64", "linux/arm64/v8"));
  assert.ok(!matches("linux/arm/v6", "linux/arm"));
  for (const text of ["windows/amd64", "linux/", "a/b/c/d", "linux/../x"]) {
    assert.throws(() => parsePlatform(text), { kind: "invalid" }, text);
  }
});

test("overlay options name layers top first, and escape what separates", () => {
  assert.equal(
    overlayOptions({ lower: ["/d/top", "/d/a:b"], upper: "/u,1", work: "/w\\", merged: "/m" }),
    "lowerdir=/d/top:/d/a\\:b,upperdir=/u\\,1,workdir=/w\\\\",
  );
});

test("a static program is told from a dynamic one and from what is none", () => {
  // Node is linked dynamically; the same with its loader's header renamed is not.
  const node = Buffer.alloc(4096);
  const file = openSync(process.execPath, "r");
  readSync(file, node);
  closeSync(file);
  assert.equal(isStaticElf(Buffer.from("#!/bin/sh\n".padEnd(100))), false);
  assert.equal(isStaticElf(Buffer.alloc(0)), false);
  assert.equal(isStaticElf(node), false);
  const still = Buffer.from(node);
  const start = Number(still.readBigUInt64LE(32));
  for (let i = 0; i < still.readUInt16LE(56); i += 1) {
    const at = start + i * still.readUInt16LE(54);
    if (still.readUInt32LE(at) === 3) still.writeUInt32LE(4, at);
  }
  assert.equal(isStaticElf(still), true);
});
