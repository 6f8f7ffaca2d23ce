/** Pulls from a registry on loopback that fails in many ways, with the real skopeo. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { EngineEvent } from "../../src/lib/events.ts";
import { silent } from "../../src/lib/log.ts";
import { hostPlatform } from "../../src/registry/platform.ts";
import { createRegistry } from "../../src/registry/registry.ts";
import type { RegistrySettings } from "../../src/registry/trust.ts";
import type { Progress, Registry, TransferOptions } from "../../src/registry/types.ts";
import { FaultRegistry, type Layer, layerOf, refuse, stuck, truncated } from "../support/fault-registry.ts";
import { isolated } from "../support/isolated.ts";
import { MemoryImages } from "../support/registry-images.ts";

isolated(import.meta);

const UNAUTHORIZED = { kind: "internal", message: "unauthorized: authentication required" };

const ARCHITECTURE = hostPlatform().architecture;

let directory = "";
let server: FaultRegistry;
let memory: MemoryImages;
let registry: Registry;
let events: Omit<EngineEvent, "time">[] = [];

const create = (settings: Partial<RegistrySettings> = {}): Registry =>
  createRegistry({
    images: memory.images,
    dataRoot: join(directory, "data"),
    execRoot: join(directory, "exec"),
    settings: { insecureRegistries: [], registryMirrors: [], ...settings },
    logger: silent,
    publish: (event) => events.push(event),
  });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "drawbridge-registry-"));
  memory = new MemoryImages();
  events = [];
  registry = create();
  await registry.start();
  server = await FaultRegistry.start();
});

afterEach(async () => {
  await registry.stop();
  assert.deepEqual(left(), [], "transfers leave nothing");
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const left = () => [
  ...readdirSync(join(directory, "data/registry/transfers")),
  ...readdirSync(join(directory, "exec/registry")),
];
const shelf = () => readdirSync(join(directory, "data/registry/blobs"));

function listening(signal: AbortSignal = new AbortController().signal) {
  const lines: Progress[] = [];
  const options: TransferOptions = { signal, onProgress: (progress) => void lines.push(progress) };
  /** `id: status`, and how far it had come left out. */
  const told = () =>
    lines
      .filter(({ progressDetail }) => !progressDetail?.current)
      .map(({ id, status }) => (id ? `${id}: ${status}` : status));
  return { lines, options, told };
}

const short = ({ digest }: Layer) => digest.slice(7, 19);
const own = { architecture: ARCHITECTURE };

test("an image is pulled: layers in order, its tag and its digest, Docker's lines", async () => {
  const [a, b] = [layerOf(randomBytes(300_000)), layerOf("b")];
  const digest = server.image("team/app:1", [a, b], own);
  const name = `${server.domain}/team/app`;
  const { options, told } = listening();
  const image = await registry.pull(`${name}:1`, options);
  assert.deepEqual([image.tags, image.digests], [[`${name}:1`], [`${name}@${digest}`]]);
  assert.deepEqual(memory.opened, [a.diffId, b.diffId]);
  const lines = told();
  assert.deepEqual(lines.slice(0, 3), [
    "1: Pulling from team/app",
    `${short(a)}: Pulling fs layer`,
    `${short(b)}: Pulling fs layer`,
  ]);
  assert.deepEqual(lines.filter((line) => line.endsWith("Download complete")).length, 2);
  assert.deepEqual(
    lines.filter((line) => line.endsWith("Pull complete")),
    [`${short(a)}: Pull complete`, `${short(b)}: Pull complete`],
  );
  assert.deepEqual(lines.slice(-2), [`Digest: ${digest}`, `Status: Downloaded newer image for ${name}:1`]);
  assert.deepEqual(events, [
    { type: "image", action: "pull", actor: { id: `${name}:1`, attributes: { name } } },
  ]);
  assert.deepEqual(shelf(), [], "what is unpacked is not kept");

  const asked = server.asked.length;
  const again = listening();
  await registry.pull(`${name}:1`, again.options);
  assert.equal(again.told().at(-1), `Status: Image is up to date for ${name}:1`);
  const since = server.asked.slice(asked).filter((line) => /manifests|blobs/.test(line));
  assert.deepEqual(since, ["GET /v2/team/app/manifests/1"], "one request tells that nothing is new");
});

test("layers that are here are not fetched", async () => {
  const [a, b] = [layerOf("a"), layerOf("b")];
  server.image("x:1", [a], own);
  server.image("x:2", [a, b], own);
  await registry.pull(`${server.domain}/x:1`, listening().options);
  const { options, told } = listening();
  await registry.pull(`${server.domain}/x:2`, options);
  assert.ok(told().includes(`${short(a)}: Already exists`), told().join("\n"));
  assert.deepEqual([server.asksFor(a.digest), server.asksFor(b.digest)], [1, 1]);
});

test("of an index, the image for the platform; the index's digest is the image's name", async () => {
  const [host, arm] = [layerOf("host"), layerOf("arm")];
  const index = server.index("x:1", {
    [`linux/${ARCHITECTURE}`]: server.image("x:host", [host], own),
    "linux/s390x": server.image("x:s390x", [arm], { architecture: "s390x" }),
  });
  const name = `${server.domain}/x`;
  const image = await registry.pull(`${name}:1`, listening().options);
  assert.deepEqual([image.architecture, image.digests], [ARCHITECTURE, [`${name}@${index}`]]);
  const other = await registry.pull(`${name}:1`, { ...listening().options, platform: "linux/s390x" });
  assert.deepEqual([other.architecture, other.tags], ["s390x", [`${name}:1`]]);
  const { options, told } = listening();
  await assert.rejects(registry.pull(`${name}:1`, { ...options, platform: "linux/ppc64le" }), {
    kind: "not-found",
    message: "no matching manifest for linux/ppc64le in the manifest list entries",
  });
  assert.deepEqual(told(), ["1: Pulling from x"]);
  await assert.rejects(registry.pull(`${name}:1`, { ...options, platform: "odd" }), { kind: "invalid" });
  const single = listening();
  await registry.pull(`${name}:s390x`, { ...single.options, platform: `linux/${ARCHITECTURE}` });
  assert.match(single.told().join("\n"), /WARNING: image with reference .*:s390x was found but its platform/);
  const inspected = await registry.inspect(`${name}:1`, options);
  assert.deepEqual(inspected.descriptor.digest, index);
  assert.deepEqual(
    inspected.platforms.map(({ architecture }) => architecture),
    [ARCHITECTURE, "s390x"],
  );
});

test("by digest, an image has no tag; another manifest under that digest is refused", async () => {
  const digest = server.image("x:1", [layerOf("a")], own);
  const name = `${server.domain}/x`;
  const image = await registry.pull(`${name}@${digest}`, listening().options);
  assert.deepEqual([image.tags, image.digests], [[], [`${name}@${digest}`]]);
  const wrong = `sha256:${"1".repeat(64)}`;
  const other = server.manifests.get("x:1");
  assert.ok(other);
  server.manifests.set(`x@${wrong}`, other);
  await assert.rejects(registry.pull(`${name}@${wrong}`, listening().options), {
    kind: "internal",
    message: `manifest verification failed for digest ${wrong}`,
  });
});

test("all tags of a repository", async () => {
  for (const tag of ["1", "2"]) server.image(`x:${tag}`, [layerOf(tag)], own);
  const { options, told } = listening();
  const images = await registry.pullAll(`${server.domain}/x`, options);
  assert.deepEqual(images.flatMap(({ tags }) => tags).sort(), [
    `${server.domain}/x:1`,
    `${server.domain}/x:2`,
  ]);
  assert.equal(told().filter((line) => line.startsWith("Status: ")).length, 1);
});

test("a transfer that broke off is tried again", async () => {
  const [a, b] = [layerOf(randomBytes(200_000)), layerOf("b")];
  server.image("x:1", [a, b], own);
  server.faults.set(a.digest, truncated(1));
  const { options, told } = listening();
  await registry.pull(`${server.domain}/x:1`, options);
  assert.equal(server.asksFor(a.digest), 2);
  assert.equal(server.asksFor(b.digest), 1, "what was whole is not fetched again");
  assert.equal(told().at(-1), `Status: Downloaded newer image for ${server.domain}/x:1`);
});

test("a layer with other contents than its digest says is refused, and nothing of the image stays", async () => {
  const a = layerOf(randomBytes(1000));
  server.image("x:1", [a], own);
  server.faults.set(a.digest, (_request, response, bytes) => {
    response.end(Buffer.alloc(bytes.length, 1));
    return true;
  });
  await assert.rejects(registry.pull(`${server.domain}/x:1`, listening().options), {
    kind: "internal",
    message: `filesystem layer verification failed for digest ${a.digest}`,
  });
  assert.deepEqual([memory.list(), shelf()], [[], []]);
});

test("a layer that is whole and yet not what the config says is refused, and fetched anew the next time", async () => {
  const [a, b] = [layerOf("a"), layerOf("b")];
  server.image("x:1", [{ ...a, diffId: b.diffId }], own);
  await assert.rejects(registry.pull(`${server.domain}/x:1`, listening().options), { kind: "invalid" });
  assert.deepEqual(shelf(), []);
});

test("refusals, in Docker's words", async () => {
  server.image("x:1", [layerOf("a")], own);
  const name = `${server.domain}/x`;
  await assert.rejects(registry.pull(`${name}:2`, listening().options), {
    kind: "not-found",
    message: `manifest for ${name}:2 not found: manifest unknown: manifest unknown`,
  });
  server.faults.set("x:1", (_request, response) => {
    refuse(response, 403, "DENIED");
    return true;
  });
  await assert.rejects(registry.pull(`${name}:1`, listening().options), {
    kind: "not-found",
    message: `pull access denied for ${name}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  });
  await assert.rejects(registry.pull("127.0.0.1:1/x", listening().options), {
    kind: "internal",
    message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  });
  await assert.rejects(registry.pull("scratch", listening().options), {
    kind: "forbidden",
    message: "'scratch' is a reserved name",
  });
});

test("a registry with tokens: who may, and who may not", async () => {
  await using guarded = await FaultRegistry.start({ username: "ann", password: "s3cret" });
  guarded.image("x:1", [layerOf("a")], own);
  const name = `${guarded.domain}/x:1`;
  const as = (password: string) => ({
    ...listening().options,
    credentials: { username: "ann", password, serverAddress: guarded.domain },
  });
  await assert.rejects(registry.pull(name, listening().options), UNAUTHORIZED);
  await assert.rejects(registry.pull(name, as("wrong")), UNAUTHORIZED);
  assert.deepEqual((await registry.pull(name, as("s3cret"))).tags, [name]);
  const login = { username: "ann", serverAddress: `http://${guarded.domain}` };
  const status = "Login Succeeded";
  assert.deepEqual(await registry.login({ ...login, password: "s3cret" }), { status, identityToken: "" });
  await assert.rejects(registry.login({ ...login, password: "wrong" }), { kind: "unauthorized" });
  const credentials = { registryToken: "good" };
  await assert.rejects(registry.pull(name, { ...listening().options, credentials }), {
    kind: "not-built-in",
  });
});

test("two who want the same image share one pull, and each hears of it; one may leave", async () => {
  const a = layerOf(randomBytes(100_000));
  server.image("x:1", [a], own);
  const held = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  server.faults.set(a.digest, (_request, response, bytes) => {
    reached.resolve();
    held.promise.then(() => response.end(bytes));
    return true;
  });
  const [first, second] = [listening(), listening()];
  const leaving = new AbortController();
  const third = listening(leaving.signal);
  const name = `${server.domain}/x:1`;
  const pulls = [registry.pull(name, first.options), registry.pull(name, second.options)];
  const left = registry.pull(name, third.options);
  await reached.promise;
  leaving.abort(new Error("gone"));
  await assert.rejects(left, /gone/);
  held.resolve();
  await Promise.all(pulls);
  assert.equal(server.asksFor(a.digest), 1);
  assert.deepEqual(second.told(), first.told());
});

test("a client that goes takes the transfer with it; what was whole is kept for the next try", async () => {
  const [a, b] = [layerOf("small"), layerOf(randomBytes(400_000))];
  server.image("x:1", [a, b], own);
  const halfway = Promise.withResolvers<void>();
  server.faults.set(b.digest, stuck(halfway.resolve));
  const whole = Promise.withResolvers<void>();
  const leaving = new AbortController();
  const pull = registry.pull(`${server.domain}/x:1`, {
    signal: leaving.signal,
    onProgress: ({ status, id }) => {
      if (id === short(a) && status === "Download complete") whole.resolve();
    },
  });
  await Promise.all([halfway.promise, whole.promise]);
  leaving.abort(new Error("gone"));
  await assert.rejects(pull, /gone/);
  await registry.stop();
  assert.deepEqual(left(), []);
  assert.deepEqual(shelf(), [a.digest.slice(7)]);
  server.faults.clear();
  memory = new MemoryImages();
  registry = create();
  await registry.start();
  await registry.pull(`${server.domain}/x:1`, listening().options);
  assert.equal(server.asksFor(a.digest), 1);
});

test("what an engine left that was killed is ended and removed", async () => {
  const transfer = join(directory, "data/registry/transfers/old");
  mkdirSync(join(transfer, "blobs"), { recursive: true });
  mkdirSync(join(directory, "exec/registry/old"));
  const orphan = spawn("sleep", ["1000"], { cwd: transfer, stdio: "ignore" });
  await once(orphan, "spawn");
  const ended = once(orphan, "exit");
  registry = create();
  await registry.start();
  assert.deepEqual(await ended, [null, "SIGKILL"]);
  assert.equal(existsSync(transfer), false);
});

test("a mirror is asked for what is on docker.io", async () => {
  const digest = server.image("library/busybox:latest", [layerOf("a")], own);
  registry = create({ registryMirrors: [`http://${server.domain}/`] });
  await registry.start();
  const { options, told } = listening();
  const image = await registry.pull("busybox", options);
  assert.deepEqual([image.tags, image.digests], [["busybox:latest"], [`busybox@${digest}`]]);
  assert.deepEqual(told().slice(0, 1), ["latest: Pulling from library/busybox"]);
  assert.equal(memory.madeBuiltIn, 0);
  // And for the tags that there are.
  server.image("library/busybox:old", [layerOf("b")], own);
  const all = await registry.pullAll("busybox", listening().options);
  assert.deepEqual(all.flatMap(({ tags }) => tags).sort(), ["busybox:latest", "busybox:old"]);
});

test("busybox is the machine's own where no registry can be reached; other images are not", async () => {
  const { options, told } = listening();
  await registry.pull("busybox", options);
  assert.deepEqual(told(), ["Status: Made busybox:latest from this machine's own busybox"]);
  const again = listening();
  await registry.pull("busybox:latest", again.options);
  assert.deepEqual(again.told(), ["Status: Image is up to date for busybox:latest"]);
  await assert.rejects(registry.pull("busybox:1", listening().options), { kind: "internal" });
  const all = listening();
  await registry.pullAll("busybox", all.options);
  assert.deepEqual(all.told(), ["Status: Image is up to date for busybox"]);
  await assert.rejects(registry.pullAll("team/app", listening().options), { kind: "internal" });
});
