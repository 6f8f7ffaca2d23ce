/** Namespaces that were found some time ago: what is there by now may be another, or nothing. */
import assert from "node:assert/strict";
import { closeSync, fstatSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { inFoundNamespace, OWN, openNamespace } from "../../src/linux/netns.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { findNamespaces } from "../../src/observe/find-namespaces.ts";
import { NamespaceReader } from "../../src/observe/read.ts";
import type { NamespaceId } from "../../src/observe/types.ts";
import { isolated } from "../support/isolated.ts";
import { sh } from "../support/lab.ts";

isolated(import.meta);

const inodeOf = (path: string): NamespaceId => {
  const fd = openNamespace(path);
  try {
    return fstatSync(fd).ino as NamespaceId;
  } finally {
    closeSync(fd);
  }
};

const here = (): string => readlinkSync(OWN);

test("another one is not entered", () => {
  sh("ip netns add one; ip netns add two");
  const one = { id: inodeOf("/run/netns/one"), path: "/run/netns/one" };
  assert.equal(inFoundNamespace(one, here), `net:[${one.id}]`);
  assert.throws(() => inFoundNamespace({ ...one, path: "/run/netns/two" }, here), { code: "ENOENT" });
  sh("umount /run/netns/one; rm /run/netns/one; mkfifo /run/netns/one");
  assert.throws(() => inFoundNamespace(one, here), { code: "ENOENT" });
});

test("one that another way still leads to is read by that; one that is gone, not at all", () => {
  sh("ip netns add three");
  const id = inodeOf("/run/netns/three");
  const { host } = findNamespaces();
  const reader = new NamespaceReader(host, {});
  try {
    const gone = "/run/netns/never" as NetnsPath;
    const found = { id, pids: [2 ** 22 + 1], pins: [gone, "/run/netns/three"], path: gone };
    const read = reader.read(found);
    assert.ok(typeof read === "object" && read.reading.links.length === 1);
    assert.equal(reader.read({ ...found, pins: [gone, "/run/netns/two"] }), undefined);
  } finally {
    reader.close();
  }
});

test("the own one needs no entering", () => {
  const { namespaces, host } = findNamespaces();
  assert.equal(namespaces.get(host)?.path, OWN);
});
