/** A layer's tar comes out as it went in, whatever it was made of. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { tarAgain } from "../../src/image/layers/tar-again.ts";
import { unpack } from "../../src/image/layers/unpack.ts";
import type { DiffID } from "../../src/image/types.ts";
import { EngineError } from "../../src/lib/errors.ts";
import { archive, entry, newDirectory, startImages } from "../support/images.ts";
import { isolated } from "../support/isolated.ts";

isolated(import.meta); // /run is an empty tmpfs

const name = fc
  .array(fc.constantFrom("a", "b", "c", "ä", ".wh.a", ".wh..wh..opq", "n".repeat(120)), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => Buffer.from(parts.join("/")).toString("latin1"));
const thing = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("file" as const), name, fc.uint8Array({ maxLength: 3000 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("directory" as const), name, fc.constant(new Uint8Array())) },
  ...(["symlink", "hard-link"] as const).map((type) =>
    fc.tuple(
      fc.constant(type),
      name,
      name.map((target) => Buffer.from(target, "latin1")),
    ),
  ),
);

const made = ([type, path, bytes]: readonly [
  "file" | "directory" | "symlink" | "hard-link",
  string,
  Uint8Array,
]) => {
  if (type === "file") return entry({ name: path }, Buffer.from(bytes));
  const linkname = type === "directory" ? "" : Buffer.from(bytes).toString("latin1");
  return entry({ type, name: path, linkname });
};

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function gather(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

test("any archive that is taken is made again bit for bit", async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(thing, { maxLength: 12 }),
      fc.uint8Array({ maxLength: 700 }),
      fc.integer({ min: 1, max: 4000 }),
      async (things, rest, size) => {
        const tar = Buffer.concat([archive(...things.map(made)), rest]);
        const [tree, recipe] = [newDirectory(), newDirectory()];
        try {
          const { tarSize } = await unpack(inPieces(tar, size), tree, recipe);
          assert.equal(tarSize, tar.length);
          assert.ok((await gather(tarAgain({ tree, recipe }))).equals(tar));
          taken += 1;
        } catch (thrown) {
          if (!(thrown instanceof EngineError && thrown.kind === "invalid")) throw thrown;
        } finally {
          for (const path of [tree, recipe]) fs.rmSync(path, { recursive: true });
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(taken > 50, `only ${taken} of the archives made sense`);
});

/** A file of `size` bytes, as a tar in pieces; `fill` says what is in them. */
async function* large(size: number, fill: number): AsyncGenerator<Buffer> {
  yield entry({ name: "large", size }).subarray(0, 512);
  for (let left = size; left > 0; left -= 1 << 18) {
    const piece = Buffer.alloc(Math.min(left, 1 << 18), fill);
    if (fill) piece.writeUInt32LE(left >>> 0);
    yield piece;
  }
  yield Buffer.alloc(1024);
}

async function digestOf(source: AsyncIterable<Buffer>): Promise<DiffID> {
  const hash = createHash("sha256");
  for await (const chunk of source) hash.update(chunk);
  return `sha256:${hash.digest("hex")}` as DiffID;
}

test("large layers take little memory, in and out, and zeros no room", async () => {
  const { images, dataRoot } = await startImages();
  const sizes = { dense: 200 << 20, zeros: 1 << 30 };
  const peak = { rss: 0 };
  const watch = setInterval(() => {
    peak.rss = Math.max(peak.rss, process.memoryUsage.rss());
  }, 5);
  try {
    for (const [fill, size] of [
      [0x5a, sizes.dense],
      [0, sizes.zeros],
    ] as const) {
      const diffId = await digestOf(large(size, fill));
      const before = process.memoryUsage.rss();
      peak.rss = before;
      const image = await images.add({
        config: Buffer.from(JSON.stringify({ os: "linux", rootfs: { type: "layers", diff_ids: [diffId] } })),
        layers: [{ diffId, open: async () => Readable.from(large(size, fill)) }],
        references: [],
      });
      const [layer] = (await images.contents(image.id)).layers;
      assert.ok(layer);
      assert.equal(layer.size, size + 512 + 1024);
      assert.equal(await digestOf(layer.open()), diffId);
      const grown = (peak.rss - before) >> 20;
      assert.ok(grown < 100, `${grown} MiB for a layer of ${size >> 20} MiB`);
      const file = fs.statSync(join(dataRoot, "images/layers", diffId.slice(7), "large"));
      assert.equal(file.size, size);
      if (fill === 0) assert.ok(file.blocks < 100, `${file.blocks} blocks of zeros`);
      await images.remove(image.id, { force: false, usedBy: () => [] });
    }
  } finally {
    clearInterval(watch);
  }
  await images.stop();
});

test("a sparse file of GNU tar takes as much room as its data, and comes out as it went in", async () => {
  const { images, dataRoot } = await startImages();
  const tree = newDirectory();
  const sparse = fs.openSync(join(tree, "sparse"), "w");
  fs.writeSync(sparse, "data", (1 << 30) - 4096);
  fs.ftruncateSync(sparse, 1 << 30);
  fs.closeSync(sparse);
  const tar = execFileSync("tar", ["-C", tree, "--sparse", "-cf", "-", "sparse"]);
  assert.ok(tar.length < 100_000);
  const image = await images.import({ tar: Readable.from([tar]), changes: [], message: "" });
  assert.equal(image.size, 1 << 30);
  const [layer] = (await images.contents(image.id)).layers;
  assert.ok(layer);
  assert.ok((await gather(layer.open())).equals(tar));
  const file = fs.statSync(join(dataRoot, "images/layers", layer.diffId.slice(7), "sparse"));
  assert.ok(file.blocks < 100);
});
