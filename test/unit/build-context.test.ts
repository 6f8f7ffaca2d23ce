/** Contexts as clients send them, hostile ones among them. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { readContext } from "../../src/build/context.ts";

type Entry = Partial<Header> & { readonly name: string } & { readonly content?: string };

const tarOf = async (...entries: readonly Entry[]): Promise<Buffer> => {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry(header, content ?? "");
  tar.finalize();
  return buffer(tar);
};
const DOCKERFILE: Entry = { name: "Dockerfile", content: "FROM x\n" };

describe("a build's context", () => {
  let top = "";
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), "drawbridge-context-"));
  });
  afterEach(() => rmSync(top, { recursive: true, force: true }));

  const directory = () => join(top, "a/context");
  const read = (tar: Buffer, dockerfile = "Dockerfile") =>
    readContext(Readable.from([tar]), directory(), dockerfile);
  const content = (name: string) => readFileSync(join(directory(), name), "utf8");

  test("files, directories, links; compressed", async () => {
    const tar = await tarOf(
      DOCKERFILE,
      { name: "d/", type: "directory", mode: 0o700 },
      { name: "d/f", content: "hello", mode: 0o640 },
      { name: "deep/er/f", content: "made on the way" },
      { name: "s", type: "symlink", linkname: "d/f" },
      { name: "h", type: "link", linkname: "d/f" },
      { name: "s/../late", content: "beside" },
    );
    const { dockerfile } = await read(gzipSync(tar));
    assert.equal(dockerfile, "FROM x\n");
    assert.equal(content("d/f"), "hello");
    assert.equal(statSync(join(directory(), "d/f")).mode & 0o7777, 0o640);
    assert.equal(statSync(join(directory(), "d")).mode & 0o7777, 0o700);
    assert.equal(readlinkSync(join(directory(), "s")), "d/f");
    assert.equal(statSync(join(directory(), "h")).nlink, 2);
    assert.equal(content("deep/er/f"), "made on the way");
    assert.equal(content("late"), "beside");
  });

  test("names that want out stay in, as dockerd has it", async () => {
    await read(await tarOf(DOCKERFILE, { name: "../../out", content: "1" }, { name: "/abs", content: "2" }));
    assert.deepEqual([content("out"), content("abs")], ["1", "2"]);
    assert.ok(!existsSync(join(top, "out")));
  });

  test("nothing is written through a link", async () => {
    const links: readonly Entry[] = [
      { name: "up", type: "symlink", linkname: "../.." },
      { name: "root", type: "symlink", linkname: "/" },
      { name: "file", type: "symlink", linkname: join(top, "target") },
    ];
    const tar = await tarOf(
      DOCKERFILE,
      ...links,
      { name: "up/one", content: "1" },
      { name: `root${top}/two`, content: "2" },
      { name: "file", content: "3" },
    );
    await read(tar);
    for (const name of ["one", "two", "target"]) assert.ok(!existsSync(join(top, name)), name);
    assert.equal(content("one"), "1");
    assert.equal(content("file"), "3");
  });

  test("a directory that a link has taken the place of is not changed through it", async () => {
    const outside = join(top, "outside/d");
    mkdirSync(outside, { recursive: true, mode: 0o700 });
    const directories: readonly Entry[] = [
      { name: "a/", type: "directory" },
      { name: "a/d/", type: "directory", mode: 0o777 },
    ];
    const link: Entry = { name: "a", type: "symlink", linkname: join(top, "outside") };
    await read(await tarOf(DOCKERFILE, ...directories, link));
    assert.equal(statSync(outside).mode & 0o777, 0o700);
  });

  const hostile: Readonly<Record<string, readonly Entry[]>> = {
    "a hard link to what is not in it": [{ name: "h", type: "link", linkname: "/etc/passwd" }],
    "links in a circle": [
      { name: "a", type: "symlink", linkname: "b" },
      { name: "b", type: "symlink", linkname: "a" },
      { name: "a/f", content: "x" },
    ],
    "a file for a directory": [
      { name: "f", content: "x" },
      { name: "f/g", content: "x" },
    ],
  };
  for (const [what, entries] of Object.entries(hostile)) {
    test(`refused: ${what}`, async () => {
      await assert.rejects(read(await tarOf(DOCKERFILE, ...entries)), { kind: "invalid" });
    });
  }

  test("an end that is missing is none the worse; a file cut short is", async () => {
    const tar = await tarOf(DOCKERFILE, { name: "last", content: "x".repeat(700) });
    const data = 2 * 512 + 512 + 700;
    await read(tar.subarray(0, data));
    assert.equal(content("last").length, 700);
    for (const length of [data - 1, data - 690]) {
      rmSync(directory(), { recursive: true });
      await assert.rejects(read(tar.subarray(0, length)), { kind: "invalid", message: /cut short/ });
    }
  });

  test("the Dockerfile: in the context alone, and left out where it is ignored", async () => {
    await assert.rejects(read(await tarOf(DOCKERFILE), "../Dockerfile"), {
      message: /forbidden path outside the build context/,
    });
    rmSync(directory(), { recursive: true });
    await assert.rejects(read(await tarOf(DOCKERFILE), "other"), {
      message: "Cannot locate specified Dockerfile: other",
    });
    rmSync(directory(), { recursive: true });
    const link: Entry = { name: "Dockerfile", type: "symlink", linkname: "/etc/passwd" };
    await assert.rejects(read(await tarOf(link)), { message: /Cannot locate|forbidden path/ });
    rmSync(directory(), { recursive: true });
    const { dockerfile } = await read(
      await tarOf(
        { name: "dockerfile", content: "FROM y" },
        { name: ".dockerignore", content: "*ocker*\n!f" },
      ),
    );
    assert.equal(dockerfile, "FROM y");
    assert.ok(!existsSync(join(directory(), ".dockerignore")));
  });
});
