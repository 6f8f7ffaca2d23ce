/** Archives made to hurt: what no file can be is refused by the reader, before anything is made or kept of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TarEntry } from "../../src/tar/entry.ts";
import { TarReader } from "../../src/tar/reader.ts";
import { END_OF_ARCHIVE, encodeEntry } from "../../src/tar/writer.ts";

const plain: TarEntry = {
  type: "file",
  name: "a",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  linkname: "",
  major: 0,
  minor: 0,
  xattrs: new Map(),
};

async function* bytes(entry: Partial<TarEntry>): AsyncGenerator<Buffer> {
  yield encodeEntry({ ...plain, ...entry });
  yield END_OF_ARCHIVE;
}

const read = (entry: Partial<TarEntry>) => new TarReader(bytes(entry)).next();
const attribute = (name: string, size = 1) => new Map([[name, Buffer.alloc(size, 1)]]);

const refused: Readonly<Record<string, readonly [Partial<TarEntry>, RegExp]>> = {
  "a name of a megabyte": [{ name: "a/".repeat(250_000) }, /a name of 500000 bytes$/],
  "a link's target of a megabyte": [{ type: "symlink", linkname: "a".repeat(500_000) }, /a name of 500000/],
  "a link to nothing": [{ type: "symlink" }, /a link to nothing/],
  "a NUL in a link": [{ type: "hard-link", linkname: `${"b".repeat(100)}\0c` }, /a link to nothing/],
  "an attribute without a name": [{ xattrs: attribute("") }, /an attribute's name of 0 bytes/],
  "an attribute with a long name": [{ xattrs: attribute(`user.${"x".repeat(300)}`) }, /name of 305 bytes/],
  "a NUL in an attribute's name": [{ xattrs: attribute("user.a\0b") }, /an attribute's name/],
  "an attribute of a hundred kilobytes": [
    { xattrs: attribute("user.a", 100_000) },
    /user.a has 100000 bytes/,
  ],
};

for (const [what, [entry, message]] of Object.entries(refused)) {
  test(what, () => assert.rejects(read(entry), { kind: "invalid", message }));
}

test("what the kernel takes is read", async () => {
  const name = "a/".repeat(2047);
  const xattrs = attribute(`user.${"x".repeat(250)}`, 65_536);
  const entry = await read({ type: "directory", name, xattrs });
  assert.deepEqual(entry, { ...plain, type: "directory", name, xattrs });
});
