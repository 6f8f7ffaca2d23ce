import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFilters } from "../../src/api/filters.ts";
import { prunableImages, selectImages } from "../../src/api/image-filters.ts";
import { decodePlatform, mustBeFor } from "../../src/api/platform.ts";
import { containerInspect, containerSummary } from "../../src/api/shapes/container.ts";
import { networkNames } from "../../src/api/shapes/endpoint.ts";
import { eventLine } from "../../src/api/shapes/event.ts";
import {
  familiar,
  imageHistory,
  imageInspect,
  imageSummary,
  sharedSizes,
} from "../../src/api/shapes/image.ts";
import { networkInspect } from "../../src/api/shapes/network.ts";
import { matchesReference } from "../../src/api/shapes/reference-pattern.ts";
import { stateOf, statusText } from "../../src/api/shapes/state.ts";
import { inWords } from "../../src/api/shapes/time.ts";
import type { Container, State } from "../../src/container/types.ts";
import type { Image } from "../../src/image/types.ts";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import type { Endpoint, Sandbox } from "../../src/network/types.ts";
import { FakeEngine } from "../api/fake-engine.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

test("lengths of time in Docker's words", () => {
  const cases: readonly [number, string][] = [
    [-5, "Less than a second"],
    [999, "Less than a second"],
    [SECOND, "1 second"],
    [59 * SECOND, "59 seconds"],
    [60 * SECOND, "About a minute"],
    [119 * SECOND, "About a minute"],
    [120 * SECOND, "2 minutes"],
    [59.9 * 60 * SECOND, "59 minutes"],
    [HOUR, "About an hour"],
    [1.6 * HOUR, "2 hours"],
    [47 * HOUR, "47 hours"],
    [2 * DAY, "2 days"],
    [13 * DAY, "13 days"],
    [14 * DAY, "2 weeks"],
    [60 * DAY, "2 months"],
    [729 * DAY, "24 months"],
    [730 * DAY, "2 years"],
  ];
  for (const [milliseconds, words] of cases) assert.equal(inWords(milliseconds), words);
});

const NEVER = "0001-01-01T00:00:00Z";
const STATE: State = {
  status: "running",
  pid: 7,
  exitCode: 0,
  error: "",
  oomKilled: false,
  startedAt: "2026-01-01T00:00:00.000000000Z",
  finishedAt: NEVER,
};
const later = Date.parse("2026-01-01T00:00:03Z");

test("a state in words", () => {
  const text = (state: Partial<State>) => statusText({ ...STATE, ...state }, later);
  assert.equal(text({}), "Up 3 seconds");
  assert.equal(text({ status: "paused" }), "Up 3 seconds (Paused)");
  assert.equal(text({ status: "created", startedAt: NEVER }), "Created");
  const ended = { finishedAt: "2026-01-01T00:00:02Z", exitCode: 7 };
  assert.equal(text({ status: "exited", ...ended }), "Exited (7) 1 second ago");
  assert.equal(text({ status: "restarting", ...ended }), "Restarting (7) 1 second ago");
  assert.equal(text({ status: "dead" }), "Dead");
  assert.equal(text({ status: "removing" }), "Removal In Progress");
});

test("paused and restarting count as running", () => {
  for (const status of ["running", "paused", "restarting"] as const) {
    assert.equal(stateOf({ ...STATE, status }).Running, true);
  }
  assert.equal(stateOf({ ...STATE, status: "exited" }).Running, false);
});

test("names of images as people write them", () => {
  assert.equal(familiar("busybox"), "busybox:latest");
  assert.equal(familiar("docker.io/library/busybox:1"), "busybox:1");
  assert.equal(familiar("docker.io/a/b"), "a/b:latest");
  assert.equal(familiar("localhost:5000/x"), "localhost:5000/x:latest");
});

test("patterns of image names: a star stops at a slash, a pattern without a tag is for all", () => {
  assert.ok(matchesReference("busy*", "busybox:latest"));
  assert.ok(matchesReference("busybox:l?test", "busybox:latest"));
  assert.ok(matchesReference("*/app", "team/app:1"));
  assert.ok(!matchesReference("*", "team/app:1"));
  assert.ok(matchesReference("b[a-u]sybox", "busybox:1"));
  assert.ok(!matchesReference("busybo.", "busybox:1"));
  assert.ok(matchesReference("docker.io/library/busybox", "busybox:1"));
});

const image = {
  id: `sha256:${"a".repeat(64)}`,
  tags: ["x:1"],
  digests: [],
  created: "2026-01-01T00:00:00Z",
  architecture: "amd64",
  os: "linux",
  author: "",
  comment: "",
  config: { Cmd: ["sh"] },
  layers: [
    { diffId: "sha256:l1", size: 10 },
    { diffId: "sha256:l2", size: 20 },
  ],
  history: [
    { created: "2026-01-01T00:00:00Z", createdBy: "one", comment: "", emptyLayer: false },
    { created: "2026-01-01T00:00:00Z", createdBy: "env", comment: "", emptyLayer: true },
    { created: "2026-01-01T00:00:00Z", createdBy: "two", comment: "", emptyLayer: false },
  ],
  size: 30,
} as unknown as Image;

const driver = { name: "overlay2", data: { UpperDir: "/top" } };

test("images by version: VirtualSize before 1.44, a container's config before 1.50", () => {
  assert.equal("VirtualSize" in imageSummary(image, 44), false);
  assert.equal(imageSummary(image, 43).VirtualSize, 30);
  assert.deepEqual(imageSummary({ ...image, tags: [] }, 42).RepoTags, ["<none>:<none>"]);
  assert.deepEqual(imageSummary({ ...image, tags: [] }, 43).RepoTags, []);
  assert.equal("Hostname" in imageInspect(image, driver, 50).Config, false);
  assert.equal("Hostname" in imageInspect(image, driver, 49).Config, true);
  assert.equal("Container" in imageInspect(image, driver, 44), true);
  assert.equal("Variant" in imageInspect(image, driver, 50), false);
  assert.deepEqual(imageInspect(image, driver, 50).GraphDriver, {
    Data: { UpperDir: "/top" },
    Name: "overlay2",
  });
  const timeless = { ...image, created: "0001-01-01T00:00:00Z" };
  assert.equal(imageSummary(timeless, 50).Created, 0);
  assert.equal("Created" in imageInspect(timeless, driver, 50), false);
  assert.equal(imageInspect(timeless, driver, 43).Created, timeless.created);
  const digests = ["x@sha256:0"];
  assert.deepEqual(imageSummary({ ...image, tags: [], digests }, 42).RepoTags, []);
  assert.deepEqual(imageInspect({ ...image, digests }, driver, 50).RepoDigests, digests);
  const commented = {
    ...image,
    history: [{ createdBy: "", comment: "last", created: "", emptyLayer: true }],
  };
  assert.equal(imageInspect(commented, driver, 50).Comment, "last");
});

test("history: newest first, sizes by layer, the image's id at the top", () => {
  const [top, middle, bottom] = imageHistory(image, () => undefined);
  assert.deepEqual([top?.Size, middle?.Size, bottom?.Size], [20, 0, 10]);
  assert.deepEqual([top?.Id, top?.Tags, bottom?.Id], [image.id, ["x:1"], "<missing>"]);
});

test("history bears the ids of what an image was made from, as far as they are here", () => {
  const parent = { ...image, id: "sha256:p" as Image["id"], tags: [], parent: "sha256:gone" as Image["id"] };
  const steps = imageHistory({ ...image, parent: parent.id }, (id) =>
    id === parent.id ? parent : undefined,
  );
  assert.deepEqual(
    steps.map(({ Id, Tags }) => [Id, Tags]),
    [
      [image.id, ["x:1"]],
      [parent.id, null],
      ["<missing>", null],
    ],
  );
});

test("shared sizes count layers that two images have", () => {
  const other = { ...image, layers: image.layers.slice(0, 1) };
  assert.deepEqual([image, other].map(sharedSizes([image, other])), [10, 10]);
  assert.equal(sharedSizes([image])(image), 0);
});

const made = (id: string, change: Partial<Image> = {}): Image => ({
  ...image,
  id: id as Image["id"],
  ...change,
});

test("lists of images: steps between are hidden, names are those that match", () => {
  const step = made("step", { tags: [] });
  const top = made("top", { tags: ["a:1", "b:1"], parent: step.id, created: "2026-01-03T00:00:00Z" });
  const loose = made("loose", { tags: [], created: "2026-01-02T00:00:00Z" });
  const byDigest = made("digest", { tags: [], digests: ["a@sha256:0"] });
  const all = [step, top, loose, byDigest];
  const list = (filters: object, shown = false) =>
    selectImages(all, {
      filters: parseFilters(JSON.stringify(filters)),
      all: shown,
      now: Date.parse("2026-01-04T00:00:00Z"),
      find: () => loose,
    }).map(({ id }) => id);
  assert.deepEqual(list({}), ["top", "loose", "digest"]);
  assert.deepEqual(list({}, true), ["top", "loose", "step", "digest"]);
  assert.deepEqual(list({ dangling: ["true"] }), ["loose", "digest"]);
  assert.deepEqual(list({ dangling: ["false"] }), ["top", "digest"]);
  assert.deepEqual(list({ reference: ["a"] }), ["top", "digest"]);
  assert.deepEqual(list({ since: ["loose"] }), ["top"]);
  assert.deepEqual(list({ before: ["loose"] }), ["digest"]);
  assert.deepEqual(list({ until: ["36h"] }), ["loose", "digest"]);
  const named = selectImages(all, {
    filters: parseFilters('{"reference":["b"]}'),
    all: false,
    now: 0,
    find: () => loose,
  });
  assert.deepEqual(
    named.map(({ tags }) => tags),
    [["b:1"]],
  );
  const prune = (filters: object) =>
    prunableImages(all, parseFilters(JSON.stringify(filters)), Date.parse("2026-01-04T00:00:00Z")).map(
      ({ id }) => id,
    );
  assert.deepEqual(prune({}), ["loose", "digest"]);
  assert.deepEqual(prune({ dangling: ["false"] }), ["top", "loose", "digest"]);
  assert.deepEqual(prune({ dangling: ["false"], until: ["36h"] }), ["loose", "digest"]);
});

test("a platform of a query is OCI's JSON", () => {
  assert.deepEqual(decodePlatform('{"os":"linux","architecture":"arm64","variant":"v8"}'), {
    os: "linux",
    architecture: "arm64",
    variant: "v8",
  });
  assert.throws(() => decodePlatform("linux/arm64"), {
    kind: "invalid",
    message: /failed to parse platform/,
  });
  assert.throws(() => decodePlatform('{"os":"linux"}'), {
    message: "both OS and Architecture must be provided",
  });
  mustBeFor({ os: "linux", architecture: "amd64" }, image, "x");
  assert.throws(() => mustBeFor({ os: "linux", architecture: "arm64" }, image, "x"), {
    kind: "not-found",
    message:
      "image with reference x was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)",
  });
});

test("an event's line keeps all digits of its time", () => {
  const line = eventLine({
    type: "container",
    action: "start",
    actor: { id: "abc", attributes: { image: "busybox", name: "web" } },
    time: 1_700_000_000_123_456_789n,
  });
  assert.ok(line.endsWith(',"time":1700000000,"timeNano":1700000000123456789}\n'));
  assert.deepEqual(JSON.parse(line).from, "busybox");
});

test("networks that a container is made for", () => {
  const names = (NetworkMode: string, endpoints = {}) =>
    networkNames({ hostConfig: { NetworkMode }, endpoints } as unknown as Container);
  assert.deepEqual(names("bridge", { bridge: {} }), ["bridge"]);
  assert.deepEqual(names("net1", { net1: {}, net2: {} }), ["net1", "net2"]);
  // It has left them all.
  assert.deepEqual(names("bridge"), []);
  assert.deepEqual(names("container:abc"), []);
});

test("a container running and stopped: addresses go, its network's entry and id stay", async () => {
  const engine = new FakeEngine();
  const { id } = await engine.containers.create({
    name: "web",
    config: { Image: "busybox", Cmd: ["sh", "-c", "sleep 5"], ExposedPorts: { "80/tcp": {} }, Volumes: {} },
    hostConfig: {},
    endpoints: { bridge: { MacAddress: "02:42:00:00:00:09" } },
  });
  await engine.containers.startContainer(id);
  const given = { minor: 50, networkIdOf: () => engine.bridge.id, now: Date.now() };
  const running = containerInspect(engine.containers.inspect(id), given);
  const endpoint = running.NetworkSettings.Networks.bridge;
  assert.equal(running.NetworkSettings.IPAddress, "172.17.0.2");
  assert.equal(running.Config.Volumes, null);
  assert.equal(endpoint?.MacAddress, "02:42:ac:11:00:02");
  assert.equal(endpoint?.EndpointID, running.NetworkSettings.EndpointID);
  assert.deepEqual(running.NetworkSettings.Ports, { "80/tcp": null });
  const summary = containerSummary(engine.containers.inspect(id), given);
  assert.deepEqual(summary.Ports, [{ PrivatePort: 80, Type: "tcp" }]);
  assert.equal(summary.Command, "sh -c 'sleep 5'");
  assert.equal(summary.Image, "busybox");
  assert.deepEqual(summary.Names, ["/web"]);
  const linked = { ...engine.containers.inspect(id), linkedAs: ["another/alias"] };
  assert.deepEqual(containerSummary(linked, given).Names, ["/another/alias", "/web"]);

  await engine.containers.stopContainer(id, {});
  const stopped = containerInspect(engine.containers.inspect(id), given, { writable: 1, total: 2 });
  const left = stopped.NetworkSettings.Networks.bridge;
  assert.deepEqual(
    [stopped.NetworkSettings.SandboxKey, left?.IPAddress, left?.MacAddress, left?.EndpointID],
    ["", "", "", ""],
  );
  assert.equal(left?.NetworkID, engine.bridge.id);
  assert.deepEqual([stopped.SizeRw, stopped.SizeRootFs], [1, 2]);
});

test("fields by version: MacAddress in Config before 1.44, DNSNames from 1.44, GwPriority from 1.48", async () => {
  const engine = new FakeEngine();
  const { id } = await engine.containers.create({
    config: { Image: "busybox" },
    hostConfig: {},
    endpoints: { bridge: { MacAddress: "02:42:00:00:00:09" } },
  });
  const at = (minor: number) =>
    containerInspect(engine.containers.inspect(id), { minor, networkIdOf: () => "", now: 0 });
  const fields = (minor: number) => {
    const shown = at(minor);
    const endpoint = shown.NetworkSettings.Networks.bridge ?? {};
    return ["MacAddress" in shown.Config, "DNSNames" in endpoint, "GwPriority" in endpoint];
  };
  assert.deepEqual(fields(43), [true, false, false]);
  assert.deepEqual(fields(44), [false, true, false]);
  assert.deepEqual(fields(48), [false, true, true]);
});

test("both families' addresses; ports of a bridge alone; who shares a sandbox shows none of it", async () => {
  const engine = new FakeEngine();
  const { id } = await engine.containers.create({
    name: "web",
    config: { Image: "busybox", Cmd: ["sleep"], ExposedPorts: { "80/tcp": {} } },
    hostConfig: { PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
    endpoints: { bridge: {} },
  });
  await engine.containers.startContainer(id);
  const given = { minor: 50, networkIdOf: () => "", now: 0 };
  const view = engine.containers.inspect(id);
  const { sandbox } = view;
  assert.ok(sandbox);
  const endpoint = { ...sandbox.endpoints[0] } as Endpoint;
  const shown = (changed: Partial<Endpoint>, mode: Sandbox["mode"] = "own", ports = sandbox.ports) =>
    containerInspect(
      { ...view, sandbox: { ...sandbox, mode, ports, endpoints: [{ ...endpoint, ...changed }] } },
      given,
    ).NetworkSettings;

  const six = { address6: parsePrefix("fd00::2/64"), gateway6: parseAddress("fd00::1") };
  const { GlobalIPv6Address, GlobalIPv6PrefixLen, IPv6Gateway, IPAddress } = shown(six).Networks.bridge ?? {};
  assert.deepEqual(
    [IPAddress, GlobalIPv6Address, GlobalIPv6PrefixLen, IPv6Gateway],
    ["172.17.0.2", "fd00::2", 64, "fd00::1"],
  );
  const [member] = Object.values(networkInspect(engine.bridge, [{ ...endpoint, ...six }], 50).Containers);
  assert.deepEqual([member?.IPv4Address, member?.IPv6Address], ["172.17.0.2/16", "fd00::2/64"]);

  assert.deepEqual(shown({}).Ports, { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] });
  assert.deepEqual(shown({}, "own", []).Ports, { "80/tcp": null });
  const { hostInterface, ...bare } = endpoint;
  const macvlan = { ...view, sandbox: { ...sandbox, ports: [], endpoints: [bare] } };
  assert.deepEqual(
    [hostInterface !== undefined, containerInspect(macvlan, given).NetworkSettings.Ports],
    [true, {}],
  );
  const other = "f".repeat(64) as Sandbox["container"];
  const shared = containerInspect(
    { ...view, sandbox: { ...sandbox, mode: "shared", container: other } },
    given,
  ).NetworkSettings;
  assert.deepEqual([shared.SandboxID, shared.SandboxKey, shared.Ports, shared.IPAddress], ["", "", {}, ""]);
});
