import assert from "node:assert/strict";
import { test } from "node:test";
import { type Asked, type Family, planRemoval } from "../../src/image/removal-plan.ts";
import type { ContainerID, ImageID } from "../../src/lib/ids.ts";

const image = `sha256:${"ab".repeat(32)}` as ImageID;
const container = (running: boolean) => ({ id: "c0ffee".repeat(11).slice(0, 64) as ContainerID, running });
const one = "docker.io/library/x:latest";
const two = "docker.io/library/x:2";

const alone: Family = { parentOf: () => undefined, childrenOf: () => [], isFree: () => true };

const ask = (change: Partial<Asked>): Asked => ({
  reference: "x",
  image,
  name: one,
  names: [one],
  force: false,
  prune: true,
  containers: [],
  family: alone,
  ...change,
});

test("by tag: untagged, and deleted with the last tag", () => {
  assert.deepEqual(planRemoval(ask({})), { untag: [one], told: 1, remove: [image] });
  assert.deepEqual(planRemoval(ask({ names: [two, one] })), { untag: [one], told: 1, remove: [] });
  const running = [container(true)];
  assert.deepEqual(planRemoval(ask({ names: [two, one], containers: running })), {
    untag: [one],
    told: 1,
    remove: [],
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
    told: 1,
    remove: [image],
  });
  assert.deepEqual(planRemoval(ask({ force: true, containers: [container(true)] })), {
    untag: [one],
    told: 1,
    remove: [],
  });
});

test("by id: with its one tag; several need force", () => {
  const byId = (change: Partial<Asked>) => ask({ reference: "abab", name: undefined, ...change });
  assert.deepEqual(planRemoval(byId({})), { untag: [one], told: 1, remove: [image] });
  assert.deepEqual(planRemoval(byId({ names: [] })), { untag: [], told: 0, remove: [image] });
  assert.throws(() => planRemoval(byId({ names: [two, one] })), {
    kind: "conflict",
    message:
      "conflict: unable to delete abababababab (must be forced) - image is referenced in multiple repositories",
  });
  assert.deepEqual(planRemoval(byId({ names: [two, one], force: true })), {
    untag: [two, one],
    told: 2,
    remove: [image],
  });
  assert.throws(() => planRemoval(byId({ containers: [container(false)] })), {
    message:
      "conflict: unable to delete abababababab (must be forced) - image is being used by stopped container c0ffeec0ffee",
  });
  assert.deepEqual(planRemoval(byId({ containers: [container(false)], force: true })), {
    untag: [one],
    told: 1,
    remove: [image],
  });
  assert.throws(() => planRemoval(byId({ containers: [container(true)], force: true })), {
    message:
      "conflict: unable to delete abababababab (cannot be forced) - image is being used by running container c0ffeec0ffee",
  });
});

test("names by digest go with the last tag of their repository", () => {
  const digest = `docker.io/library/x@sha256:${"0".repeat(64)}`;
  const elsewhere = `r.example/x@sha256:${"0".repeat(64)}`;
  const plan = (change: Partial<Asked>) => planRemoval(ask(change));
  assert.deepEqual(plan({ names: [one, digest] }), { untag: [one, digest], told: 1, remove: [image] });
  assert.deepEqual(plan({ names: [one, two, digest] }), { untag: [one], told: 1, remove: [] });
  assert.deepEqual(plan({ names: [one, digest, elsewhere] }), { untag: [one, digest], told: 1, remove: [] });
  assert.deepEqual(plan({ name: undefined, names: [one, digest] }).remove, [image]);
  assert.throws(() => plan({ name: undefined, names: [one, elsewhere] }), {
    message: /multiple repositories/,
  });
});

test("parents go as far as nothing else needs them, and children hold", () => {
  const [child, parent, root] = ["cc", "dd", "ee"].map((byte) => `sha256:${byte.repeat(32)}` as ImageID);
  assert.ok(child && parent && root);
  const parents = new Map([
    [image, parent],
    [parent, root],
  ]);
  const family = (others: readonly ImageID[], free: (id: ImageID) => boolean): Family => ({
    parentOf: (id) => parents.get(id),
    childrenOf: (id) => [
      ...[...parents].flatMap(([from, to]) => (to === id ? [from] : [])),
      ...(id === parent ? others : []),
    ],
    isFree: free,
  });
  const going = (given: Family, prune = true) => planRemoval(ask({ family: given, prune })).remove;
  assert.deepEqual(going(family([], () => true)), [image, parent, root]);
  assert.deepEqual(
    going(
      family([], () => true),
      false,
    ),
    [image],
  );
  assert.deepEqual(going(family([], (id) => id !== root)), [image, parent]);
  assert.deepEqual(going(family([child], () => true)), [image]);
  assert.throws(() => planRemoval(ask({ image: parent, name: undefined, family: family([], () => true) })), {
    kind: "conflict",
    message: "conflict: unable to delete dddddddddddd (cannot be forced) - image has dependent child images",
  });
});
