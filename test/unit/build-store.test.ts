/** The builder's store, laid out as containers/storage has it, and what is read from it. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { storedImage, tarOf } from "../../src/build/store.ts";
import type { ImageID } from "../../src/lib/ids.ts";

const hex = (digit: string) => digit.repeat(64);
const image = `sha256:${hex("a")}` as ImageID;

describe("an image in the builder's store", () => {
  let storage = "";
  const put = (path: string, content: string | Buffer) => {
    mkdirSync(join(storage, path, ".."), { recursive: true });
    writeFileSync(join(storage, path), content);
  };
  before(() => {
    storage = mkdtempSync(join(tmpdir(), "drawbridge-store-"));
    const piece = (bytes: string) => ({ type: 2, payload: Buffer.from(bytes).toString("base64") });
    const lines = [
      piece("[d/]"),
      { type: 1, name: "d/", payload: null },
      piece("[f]"),
      { type: 1, name: "d/f", size: 5, payload: "Y3Jj" },
      piece("[end]"),
    ];
    put("overlay-images/images.json", JSON.stringify([{ id: hex("a"), layer: "top" }]));
    put(`overlay-images/${hex("a")}/=${Buffer.from(image).toString("base64")}`, "{}");
    put(
      "overlay-layers/layers.json",
      JSON.stringify([
        { id: "base", "diff-digest": `sha256:${hex("1")}` },
        { id: "top", parent: "base", "diff-digest": `sha256:${hex("2")}` },
      ]),
    );
    put("overlay-layers/base.tar-split.gz", gzipSync(""));
    put(
      "overlay-layers/top.tar-split.gz",
      gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join("")),
    );
    put("overlay/top/diff/d/f", "hello");
  });
  after(() => rmSync(storage, { recursive: true, force: true }));

  test("its config, and its layers from the bottom, each put together again", async () => {
    const found = await storedImage(storage, image);
    assert.ok(found);
    assert.equal(Buffer.from(found.config).toString(), "{}");
    assert.deepEqual(
      found.layers.map(({ diffId }) => diffId),
      [`sha256:${hex("1")}`, `sha256:${hex("2")}`],
    );
    const top = await found.layers[1]?.open();
    assert.ok(top);
    assert.equal((await buffer(top)).toString(), "[d/][f]hello[end]");
  });

  test("is not guessed at where something is not as it should be", async () => {
    assert.equal(await storedImage(storage, `sha256:${hex("b")}` as ImageID), undefined);
    assert.equal(await storedImage(join(storage, "overlay"), image), undefined);
    rmSync(join(storage, "overlay-layers/base.tar-split.gz"));
    assert.equal(await storedImage(storage, image), undefined);
  });

  test("a file that has changed is told of", async () => {
    const pieces = Readable.from([`${JSON.stringify({ type: 1, name: "d/f", size: 6 })}\n`]);
    await assert.rejects(buffer(Readable.from(tarOf(pieces, join(storage, "overlay/top/diff")))), {
      message: /5 bytes, and was stored with 6/,
    });
  });
});
