import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkWritable } from "../../src/container/files/archive.ts";
import { goFileMode } from "../../src/container/files/file-mode.ts";
import { mergedConfig } from "../../src/container/files/merged-config.ts";
import { archivedName, askedPath, baseOf, partsOf, staysWithin } from "../../src/container/files/naming.ts";
import type { Container } from "../../src/container/types.ts";

describe("modes as Go's os.FileMode", () => {
  const cases: readonly (readonly [what: string, mode: number, go: number])[] = [
    ["a file", 0o100644, 0o644],
    ["a directory", 0o040755, 0x80000000 + 0o755],
    ["a link", 0o120777, 0x08000000 + 0o777],
    ["a block device", 0o060660, 0x04000000 + 0o660],
    ["a character device", 0o020666, 0x04200000 + 0o666],
    ["a named pipe", 0o010600, 0x02000000 + 0o600],
    ["a socket", 0o140755, 0x01000000 + 0o755],
    ["setuid", 0o104755, 0x00800000 + 0o755],
    ["setgid", 0o102755, 0x00400000 + 0o755],
    ["sticky, as /tmp", 0o041777, 0x80100000 + 0o777],
    ["of no kind", 0o000600, 0x00080000 + 0o600],
  ];
  for (const [what, mode, go] of cases) test(what, () => assert.equal(goFileMode(mode), go));
});

describe("what docker cp asks for", () => {
  const cases: readonly (readonly [given: string, path: string, archived: string, directory: boolean])[] = [
    ["/", "/", "", true],
    [".", "/", ".", true],
    ["/.", "/", ".", true],
    ["./", "/", ".", true],
    ["/a/b", "/a/b", "b", false],
    ["a/b", "/a/b", "b", false],
    ["/a/b/", "/a/b", "b", true],
    ["/a/b/.", "/a/b", ".", true],
    ["/a//b/../c", "/a/c", "c", false],
    ["/../../a", "/a", "a", false],
    ["/...", "/...", "...", false],
  ];
  for (const [given, path, archived, directory] of cases) {
    test(given, () => {
      const asked = askedPath(given);
      assert.deepEqual([asked.path, asked.archived, asked.directory], [path, archived, directory]);
    });
  }

  test("its end is kept for the errors", () => {
    const shown = (given: string) => askedPath(given).shown;
    assert.deepEqual(["/a/", "/a/.", "a", "/"].map(shown), ["/a/", "/a/.", "/a", "/"]);
  });

  test("names in the archive: the root's are from the slash on", () => {
    assert.equal(archivedName("", "", true), "/");
    assert.equal(archivedName("", "etc/x", false), "/etc/x");
    assert.equal(archivedName(".", "", true), "./");
    assert.equal(archivedName("dir", "sub", true), "dir/sub/");
  });

  test("base names, as Go has them", () => {
    assert.deepEqual(["/", "a/b/", "", "//", "a/."].map(baseOf), ["/", "b", ".", "/", "."]);
  });
});

describe("names that come in", () => {
  test("a leading slash means where it is unpacked; `..` leads out", () => {
    assert.deepEqual(partsOf("/etc/passwd"), ["etc", "passwd"]);
    assert.deepEqual(partsOf("./a//b/"), ["a", "b"]);
    assert.deepEqual(partsOf("a/../b"), ["b"]);
    assert.deepEqual(partsOf("."), []);
    assert.deepEqual(partsOf("/../x"), ["x"]);
    assert.equal(partsOf("../x"), undefined);
    assert.equal(partsOf("a/../../x"), undefined);
  });

  test("links stay within, read from their own directory", () => {
    assert.equal(staysWithin(["a"], "../b"), true);
    assert.equal(staysWithin(["a"], "../../b"), false);
    assert.equal(staysWithin([], ".."), false);
    assert.equal(staysWithin([], "/etc/passwd"), true);
  });
});

test("what is read-only is said in Docker's words", () => {
  const point = (Destination: string, RW: boolean) => ({ Destination, RW });
  const container = {
    mounts: [point("/data", true), point("/data/fixed", false)],
    hostConfig: { ReadonlyRootfs: true },
  } as unknown as Container;
  checkWritable(container, "/data/x");
  assert.throws(
    () => checkWritable(container, "/data/fixed"),
    /^EngineError: mounted volume is marked read-only$/,
  );
  assert.throws(
    () => checkWritable(container, "/database"),
    /^EngineError: container rootfs is marked read-only$/,
  );
});

describe("a commit's config", () => {
  const own = {
    Env: ["PATH=/bin", "A=1"],
    Cmd: ["sh"],
    Entrypoint: ["/init"],
    Labels: { a: "1", b: "2" },
    User: "nobody",
  };

  test("what is asked for goes before the container's own", () => {
    assert.deepEqual(mergedConfig({ Env: ["A=2"], Labels: { b: "3" }, User: "root" }, own), {
      Env: ["A=2", "PATH=/bin"],
      Cmd: ["sh"],
      Entrypoint: ["/init"],
      Labels: { a: "1", b: "3" },
      User: "root",
    });
  });

  test("an entrypoint comes without the container's command", () => {
    const { Cmd, Entrypoint } = mergedConfig({ Entrypoint: ["/other"] }, own);
    assert.deepEqual([Cmd, Entrypoint], [undefined, ["/other"]]);
  });

  test("a health check is filled up member by member", () => {
    const { Healthcheck } = mergedConfig(
      { Healthcheck: { Test: [], Retries: 5, Interval: 0 } },
      { Healthcheck: { Test: ["CMD", "true"], Interval: 7, Retries: 1 } },
    );
    assert.deepEqual(Healthcheck, { Test: ["CMD", "true"], Interval: 7, Retries: 5 });
  });
});
