import assert from "node:assert/strict";
import { test } from "node:test";
import { strayProcesses } from "../../src/container/process/strays.ts";
import type { ContainerID } from "../../src/lib/ids.ts";

const ROOT = "/run/drawbridge/runtime";
const [stray, other] = ["a".repeat(64), "b".repeat(64)] as ContainerID[];
const process = (pid: number, ...words: string[]) => ({ pid, arguments: words });

test("monitors and runtimes of these containers under this root, and nothing else", () => {
  const monitor = (pid: number, root: string, container = "") =>
    process(pid, "conmon", "--cid", container, "--runtime-arg=--root", `--runtime-arg=${root}`);
  const found = strayProcesses(ROOT, new Set([stray as ContainerID]), [
    monitor(1, ROOT, stray),
    process(2, "crun", "--root", ROOT, "create", "--bundle", "/b", stray ?? ""),
    monitor(3, ROOT, other),
    monitor(4, "/elsewhere/runtime", stray),
    process(5, "tail", "-f", `/var/lib/drawbridge/containers/${stray}/container.log`),
    process(6, ""),
  ]);
  assert.deepEqual(found, [1, 2]);
});
