import assert from "node:assert/strict";
import { test } from "node:test";
import { type Asked, planRemoval } from "../../src/image/removal.ts";
import type { ContainerID, ImageID } from "../../src/lib/ids.ts";

const image = `sha256:${"ab".repeat(32)}` as ImageID;
const container = (running: boolean) => ({ id: "c0ffee".repeat(11).slice(0, 64) as ContainerID, running });
const one = "docker.io/library/x:latest";
const two = "docker.io/library/x:2";

const ask = (change: Partial<Asked>): Asked => ({
  reference: "x",
  image,
  tag: one,
  tags: [one],
  force: false,
  containers: [],
  ...change,
});

test("by tag: untagged, and deleted with the last tag", () => {
  assert.deepEqual(planRemoval(ask({})), { untag: [one], deleted: true });
  assert.deepEqual(planRemoval(ask({ tags: [two, one] })), { untag: [one], deleted: false });
  const running = [container(true)];
  assert.deepEqual(planRemoval(ask({ tags: [two, one], containers: running })), {
    untag: [one],
    deleted: false,
  });
});

test("by tag, of a container's image: only by force, which deletes it unless the container runs", () => {
  assert.throws(() => planRemoval(ask({ containers: [container(false)] })), {
    kind: "conflict",
    message:
      'conflict: unable to remove repository reference "x" (must force) - ' +
      "container c0ffeec0ffee is using its referenced image abababababab",
  });
  assert.deepEqual(planRemoval(ask({ force: true, containers: [container(false)] })), {
    untag: [one],
    deleted: true,
  });
  assert.deepEqual(planRemoval(ask({ force: true, containers: [container(true)] })), {
    untag: [one],
    deleted: false,
  });
});

test("by id: with its one tag; several need force", () => {
  const byId = (change: Partial<Asked>) => ask({ reference: "abab", tag: undefined, ...change });
  assert.deepEqual(planRemoval(byId({})), { untag: [one], deleted: true });
  assert.deepEqual(planRemoval(byId({ tags: [] })), { untag: [], deleted: true });
  assert.throws(() => planRemoval(byId({ tags: [two, one] })), {
    kind: "conflict",
    message:
      "conflict: unable to delete abababababab (must be forced) - image is referenced in multiple repositories",
  });
  assert.deepEqual(planRemoval(byId({ tags: [two, one], force: true })), {
    untag: [two, one],
    deleted: true,
  });
  assert.throws(() => planRemoval(byId({ containers: [container(false)] })), {
    message:
      "conflict: unable to delete abababababab (must be forced) - image is being used by stopped container c0ffeec0ffee",
  });
  assert.deepEqual(planRemoval(byId({ containers: [container(false)], force: true })), {
    untag: [one],
    deleted: true,
  });
  assert.throws(() => planRemoval(byId({ containers: [container(true)], force: true })), {
    message:
      "conflict: unable to delete abababababab (cannot be forced) - image is being used by running container c0ffeec0ffee",
  });
});
