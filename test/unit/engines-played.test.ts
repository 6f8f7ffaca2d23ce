/** Processes that play an engine's monitor: anybody may call a process conmon. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { firstProcesses, monitorsOf, type ProcessFacts } from "../../src/observe/engines/processes.ts";
import { silentEngines } from "../../src/observe/engines/silent.ts";

const ID = "ab".repeat(32);
const OTHER = "cd".repeat(32);

const process = (
  pid: number,
  parent: number,
  started: number,
  ...command: readonly string[]
): ProcessFacts => ({
  pid,
  parent,
  started: BigInt(started),
  ...(command.length > 0 && { command, trusted: true }),
});

describe("monitors that anybody may have started", () => {
  const own = process(10, 1, 5, "conmon", "--cid", ID, "-n", "web");
  const played = (pid: number, ...command: readonly string[]): readonly ProcessFacts[] => [
    { ...process(pid, 1, 9, ...command), trusted: false },
    process(pid + 1, pid, 10),
  ];

  test("lead no real container into their own namespace", () => {
    for (const order of [0, 1]) {
      const real = [own, process(11, 10, 6)];
      const fake = played(20, "conmon", "--cid", ID, "-n", "web");
      const monitors = monitorsOf(order === 0 ? [...real, ...fake] : [...fake, ...real]);
      assert.equal(firstProcesses(monitors).get(ID), 11);
      const [podman, ...more] = silentEngines(monitors, new Set());
      assert.deepEqual([podman?.containers.map(({ pid }) => pid), more.length], [[11], 0]);
    }
  });

  test("take no name that another has", () => {
    const monitors = monitorsOf([
      ...played(20, "conmon", "--cid", OTHER, "-n", "web"),
      own,
      process(11, 10, 6),
    ]);
    const names = (known: readonly string[]) =>
      silentEngines(monitors, new Set(known)).flatMap(({ containers }) => containers.map(({ name }) => name));
    assert.deepEqual(names([]), ["web", OTHER.slice(0, 12)]);
    assert.deepEqual(names([ID, "web"]), [OTHER.slice(0, 12)]);
  });

  test("have no files read for them, wherever their id would lead", () => {
    const directory = mkdtempSync(join(tmpdir(), "drawbridge-engines-"));
    try {
      for (const id of [ID, "elsewhere"]) {
        mkdirSync(join(directory, id));
        writeFileSync(join(directory, id, "config.v2.json"), JSON.stringify({ Name: "/host" }));
      }
      const places = { docker: directory, podmanNetworks: directory };
      for (const [trusted, container] of [
        [false, ID],
        [true, "x/../elsewhere"],
      ] as const) {
        const shim = { program: "containerd-shim", container, first: 41, trusted } as const;
        const [docker] = silentEngines([shim], new Set(), places);
        assert.equal(docker?.containers[0]?.name, container.slice(0, 12));
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
