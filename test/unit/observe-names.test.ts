import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { FoundNamespace } from "../../src/observe/find-namespaces.ts";
import { nameNamespaces } from "../../src/observe/names.ts";
import type { Engine, EngineContainer, NamespaceId } from "../../src/observe/types.ts";

const found = (id: number, pids: readonly number[], pins: readonly string[] = []): FoundNamespace => ({
  id: id as NamespaceId,
  pids,
  pins,
  path: "/unused" as NetnsPath,
});

/** Process numbers that no kernel gives, so that nobody's namespace is found by them. */
const NOBODY = 2 ** 30;

const container = (name: string, more: Partial<EngineContainer>): EngineContainer => ({
  engine: "docker",
  id: `${name}-id`,
  name,
  image: "",
  state: "running",
  pid: 0,
  networkMode: "bridge",
  endpoints: [],
  ports: [],
  ...more,
});

const engine = (containers: readonly EngineContainer[]): Engine => ({
  kind: "docker",
  socket: "/run/docker.sock",
  version: "",
  containers,
  networks: [],
});

function names(namespaces: readonly FoundNamespace[], containers: readonly EngineContainer[] = []) {
  const all = new Map(namespaces.map((one) => [one.id, one]));
  const named = nameNamespaces(all, 1 as NamespaceId, [engine(containers)]);
  return namespaces.map(({ id }) => [named.get(id)?.name, named.get(id)?.container?.name]);
}

const host = found(1, [1]);

test("a container is found by its pin, as /run or /var/run, and by its process", () => {
  const spaces = [host, found(2, [], ["/run/docker/netns/abc"]), found(3, [NOBODY])];
  const containers = [
    container("web", { sandboxKey: "/var/run/docker/netns/abc", pid: NOBODY + 5 }),
    container("db", { pid: NOBODY }),
    container("stopped", {}),
  ];
  assert.deepEqual(names(spaces, containers), [
    ["host", undefined],
    ["web", "web"],
    ["db", "db"],
  ]);
});

test("of several in one namespace, it is named by the one that it was made for", () => {
  const spaces = [host, found(2, [NOBODY, NOBODY + 1])];
  const sidecar = container("sidecar", { pid: NOBODY + 1, networkMode: "container:web-id" });
  const web = container("web", { pid: NOBODY });
  for (const order of [
    [sidecar, web],
    [web, sidecar],
  ])
    assert.deepEqual(names(spaces, order)[1], ["web", "web"]);
});

test("the host is the host, whatever containers are in it", () => {
  assert.deepEqual(names([host], [container("web", { pid: 1, networkMode: "host" })]), [["host", undefined]]);
});

test("without a container, a pin's name, else a process, else the number", () => {
  const spaces = [host, found(2, [NOBODY], ["/run/netns/blue"]), found(3, [process.pid]), found(4, [])];
  const [, blue, own, nothing] = names(spaces).map(([name]) => name);
  assert.equal(blue, "blue");
  assert.match(own ?? "", new RegExp(`^\\S.* \\(pid ${process.pid}\\)$`));
  assert.equal(nothing, "net:[4]");
});

test("names are unique: a container keeps its own", () => {
  const spaces = [
    host,
    found(2, [], ["/run/netns/web"]),
    found(3, [NOBODY]),
    found(4, [], ["/run/netns/host"]),
  ];
  assert.deepEqual(
    names(spaces, [container("web", { pid: NOBODY })]).map(([name]) => name),
    ["host", "web (2)", "web", "host (4)"],
  );
});
