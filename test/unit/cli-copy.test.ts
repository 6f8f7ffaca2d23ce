import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Found, parsePlace, planCopy } from "../../src/cli/copy-plan.ts";
import { rowsOfUsage } from "../../src/cli/system-df.ts";

test("a container's path, and paths of this machine that have a colon", () => {
  assert.deepEqual(parsePlace("web:/a:b"), { container: "web", path: "/a:b" });
  assert.deepEqual(parsePlace("web:a"), { container: "web", path: "a" });
  for (const path of ["./a:b", "/a:b", "-", "plain"]) assert.deepEqual(parsePlace(path), { path });
});

describe("what a copy makes of its source and destination", () => {
  const cases: readonly (readonly [
    source: string,
    is: Found,
    destination: string,
    found: Found,
    made: string | RegExp,
  ])[] = [
    ["file", "other", "/c/new", "missing", "./file to /c/new"],
    ["file", "other", "/c/file", "other", "./file to /c/file"],
    ["x/file", "other", "/c/dir", "directory", "x/file to /c/dir/file"],
    ["file", "other", "/c/absent/", "missing", /^no such directory$/],
    ["dir", "directory", "/c/new", "missing", "./dir to /c/new"],
    ["dir/", "directory", "/c/out/", "directory", "./dir to /c/out/dir"],
    ["dir/.", "directory", "/c/out", "directory", "dir/. to /c/out/."],
    ["dir/.", "directory", "/c/new", "missing", "dir/. to /c/new"],
    [".", "directory", "/c/new", "missing", "./. to /c/new"],
    ["dir", "directory", "/c/file", "other", /^cannot copy directory$/],
    ["dir", "directory", "/c/absent/", "missing", "./dir to /c/absent"],
  ];
  for (const [source, is, destination, found, made] of cases) {
    test(`${source} to ${destination}`, () => {
      const plan = () => planCopy({ path: source, found: is }, { path: destination, found });
      if (made instanceof RegExp) return assert.throws(plan, { message: made });
      const { from, directory, name } = plan();
      assert.equal(`${from.directory}/${from.name} to ${directory}/${name}`, made);
    });
  }
});

test("disk usage: what is in use is not to be had back", () => {
  const container = (State: string, SizeRw: number) => ({ State, SizeRw });
  const rows = rowsOfUsage({
    LayersSize: 100,
    Images: [
      { Containers: 1, Size: 60 },
      { Containers: 0, Size: 40 },
    ],
    Containers: [container("running", 5), container("exited", 7)],
    Volumes: [
      { Name: "a", UsageData: { Size: 3, RefCount: 1 } },
      { Name: "b", UsageData: { Size: 4, RefCount: 0 } },
    ],
    BuildCache: null,
  } as unknown as Parameters<typeof rowsOfUsage>[0]);
  assert.deepEqual(
    rows.map(({ total, active, size, reclaimable }) => [total, active, size, reclaimable]),
    [
      [2, 1, 100, 40],
      [2, 1, 12, 7],
      [2, 1, 7, 4],
      [0, 0, 0, 0],
    ],
  );
});
