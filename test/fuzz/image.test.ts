import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expand, words } from "../../src/image/describe/dockerfile-words.ts";
import { canonical, familiar, parseReference, withDefaultTag } from "../../src/image/reference.ts";
import { EngineError } from "../../src/lib/errors.ts";
import { componentsOf, type Found, resolveDirectory, type Tree } from "../../src/tar/contain.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { decodePax, encodePax } from "../../src/tar/pax.ts";
import { TarReader } from "../../src/tar/reader.ts";
import { END_OF_ARCHIVE, encodeEntry, padding } from "../../src/tar/writer.ts";

const part = fc.stringMatching(/^[a-z0-9]{1,4}([._-][a-z0-9]{1,4}){0,2}$/);
const reference = fc
  .tuple(
    fc.option(fc.constantFrom("docker.io", "localhost", "example.org", "h:5000", "[::1]:80", "A")),
    fc.array(part, { minLength: 1, maxLength: 3 }),
    fc.option(fc.stringMatching(/^\w[\w.-]{0,9}$/)),
    fc.option(fc.stringMatching(/^[a-f0-9]{64}$/)),
  )
  .map(([domain, path, tag, digest]) => {
    // A first component with a dot would be a registry.
    const whole = domain ? [domain, ...path] : [path[0]?.replaceAll(".", "-"), ...path.slice(1)];
    return whole.join("/") + (tag ? `:${tag}` : "") + (digest ? `@sha256:${digest}` : "");
  });

test("both forms of a reference read back as the same reference", () => {
  fc.assert(
    fc.property(reference, (text) => {
      const parsed = withDefaultTag(parseReference(text));
      assert.deepEqual(parseReference(canonical(parsed)), parsed);
      assert.deepEqual(parseReference(familiar(parsed)), parsed);
    }),
  );
});

/** Anything is either understood or refused as invalid, never something else. */
function understoodOrInvalid(work: () => unknown): void {
  try {
    work();
  } catch (thrown) {
    assert.ok(thrown instanceof EngineError && thrown.kind === "invalid", String(thrown));
  }
}

test("any text is a reference or is refused as invalid", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[aA0:/@.[\]_-]{0,12}$/));
  fc.assert(fc.property(text, (given) => understoodOrInvalid(() => parseReference(given))));
});

test("any text is words, and expands or is refused as invalid", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[ab '"\\${}:?+-]{0,16}$/));
  fc.assert(
    fc.property(text, (given) => {
      assert.equal(words(given).join("").replace(/\s/g, ""), given.replace(/\s/g, ""));
      understoodOrInvalid(() => expand(given, (name) => (name === "a" ? "$b" : undefined)));
    }),
  );
});

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((data) => Buffer.from(data));
/** A byte string without NUL. */
const byteString = (maxLength: number) =>
  fc
    .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength })
    .map((codes) => String.fromCharCode(...codes));

test("pax records read back as written, binary values included", () => {
  const key = fc.stringMatching(/^[a-zA-Z.]{1,20}$/);
  const record = fc.tuple(
    key,
    fc.oneof(
      bytes(20),
      fc.constantFrom(84, 93, 980, 991).map((n) => Buffer.alloc(n)),
    ),
  );
  fc.assert(
    fc.property(fc.array(record, { maxLength: 5 }), (records) => {
      assert.deepEqual(decodePax(encodePax(records)), records);
    }),
  );
});

const entryOf = (type: fc.Arbitrary<TarEntry["type"]>) =>
  fc
    .record({
      type,
      // A file whose name ends in a slash is a directory of old.
      name: fc.oneof(byteString(20), byteString(300)).map((name) => name.replace(/\/+$/, "x")),
      mode: fc.integer({ min: 0, max: 0o7777 }),
      uid: fc.integer({ min: 0, max: 2 ** 31 }),
      gid: fc.integer({ min: 0, max: 2 ** 31 }),
      mtime: fc.oneof(fc.integer({ min: 0, max: 2 ** 40 }), fc.constantFrom(0.5, 1700000000.25)),
      linkname: fc.oneof(fc.constant("x"), byteString(200)).map((name) => name || "x"),
      xattrs: fc
        .dictionary(fc.stringMatching(/^user\.[a-z]{1,5}$/), fc.uint8Array({ minLength: 1, maxLength: 9 }))
        .map((all) => new Map(Object.entries(all).map(([key, value]) => [key, Buffer.from(value)]))),
      data: bytes(1200),
      device: fc.tuple(fc.integer({ min: 0, max: 4095 }), fc.integer({ min: 0, max: 2 ** 20 - 1 })),
    })
    .map(({ data, device: [major, minor], ...rest }) => {
      const device = rest.type.endsWith("device");
      const content = rest.type === "file" ? data : Buffer.alloc(0);
      const entry: TarEntry = {
        ...rest,
        linkname: rest.type.endsWith("link") ? rest.linkname : "",
        size: content.length,
        major: device ? major : 0,
        minor: device ? minor : 0,
      };
      return { entry, content };
    });

const entries = fc.array(
  entryOf(
    fc.constantFrom("file", "hard-link", "symlink", "character-device", "block-device", "directory", "fifo"),
  ),
  { maxLength: 4 },
);

type Contents = readonly { readonly entry: TarEntry; readonly content: Buffer }[];

const archiveOf = (contents: Contents): Buffer =>
  Buffer.concat([
    ...contents.flatMap(({ entry, content }) => [encodeEntry(entry), content, padding(content.length)]),
    END_OF_ARCHIVE,
  ]);

async function* inChunks(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function readAll(archive: Buffer, chunk: number) {
  const reader = new TarReader(inChunks(archive, chunk));
  const found: { entry: TarEntry; content: Buffer }[] = [];
  for (let entry = await reader.next(); entry; entry = await reader.next()) {
    const pieces: Buffer[] = [];
    for (let piece = await reader.read(); piece; piece = await reader.read()) pieces.push(piece.data);
    found.push({ entry, content: Buffer.concat(pieces) });
  }
  return found;
}

test("an archive reads back as written, however it comes in chunks", async () => {
  await fc.assert(
    fc.asyncProperty(entries, fc.integer({ min: 1, max: 2000 }), async (contents, chunk) => {
      assert.deepEqual(await readAll(archiveOf(contents), chunk), contents);
    }),
  );
});

test("an archive that is cut anywhere before its end mark is refused", async () => {
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(), async (contents, seed) => {
      const archive = archiveOf(contents);
      const end = seed % (archive.length - END_OF_ARCHIVE.length + 1);
      await assert.rejects(readAll(archive.subarray(0, end), 700), { kind: "invalid", message: /cut short/ });
    }),
  );
});

test("a damaged archive is read or refused as invalid", async () => {
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(), fc.integer({ min: 0, max: 255 }), async (contents, seed, value) => {
      const archive = archiveOf(contents);
      archive[seed % archive.length] = value;
      try {
        await readAll(archive, 5000);
      } catch (thrown) {
        assert.ok(thrown instanceof EngineError && thrown.kind === "invalid", String(thrown));
      }
    }),
  );
});

/** A layer of directories and links in memory; it fails for whoever asks for a path with `..` or a link in it. */
class FakeTree implements Tree {
  readonly things = new Map<string, Found>();

  find(path: readonly string[]): Found {
    this.#check(path);
    return this.things.get(path.join("/")) ?? "missing";
  }

  makeDirectory(path: readonly string[]): void {
    this.#check(path);
    this.things.set(path.join("/"), "directory");
  }

  #check(path: readonly string[]): void {
    for (const name of path)
      assert.ok(!["", ".", ".."].includes(name) && !name.includes("/"), path.join("/"));
    for (let i = 1; i < path.length; i += 1) {
      assert.equal(
        this.things.get(path.slice(0, i).join("/")),
        "directory",
        `${path.join("/")} is under a link`,
      );
    }
  }
}

test("no name and no chain of links leads out of a layer", () => {
  const name = fc.constantFrom("a", "b", "c", "d");
  const target = fc.stringMatching(/^\/?(\.\.|\.|a|b|c|d)?(\/(\.\.|\.|a|b|c|d)){0,4}\/?$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, target)), fc.array(target), (links, names) => {
      const tree = new FakeTree();
      for (const [at, link] of links) tree.things.set(at, { link });
      for (const archived of names) {
        understoodOrInvalid(() => {
          const directory = resolveDirectory(tree, componentsOf(archived));
          if (directory.length > 0) assert.equal(tree.find(directory), "directory");
        });
      }
    }),
  );
});
