/** Pushes to a real registry on loopback: what is sent, what is not sent again, who may, and over what. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { DiffID } from "../../src/image/types.ts";
import { silent } from "../../src/lib/log.ts";
import { hostPlatform } from "../../src/registry/platform.ts";
import { createRegistry } from "../../src/registry/registry.ts";
import type { Progress, Registry } from "../../src/registry/types.ts";
import { layerOf } from "../support/fault-registry.ts";
import { isolated } from "../support/isolated.ts";
import { imageConfig, MemoryImages } from "../support/registry-images.ts";

isolated(import.meta);

const UNAUTHORIZED = { kind: "internal", message: "unauthorized: authentication required" };

let directory = "";
let memory: MemoryImages;
let registry: Registry;

const create = (insecureRegistries: readonly string[] = []): Registry =>
  createRegistry({
    images: memory.images,
    dataRoot: join(directory, "data"),
    execRoot: join(directory, "exec"),
    settings: { insecureRegistries, registryMirrors: [] },
    logger: silent,
    publish: () => {},
  });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "drawbridge-push-"));
  memory = new MemoryImages();
  registry = create();
  await registry.start();
});

afterEach(async () => {
  await registry.stop();
  assert.deepEqual(readdirSync(join(directory, "data/registry/transfers")), []);
  assert.deepEqual(readdirSync(join(directory, "exec/registry")), []);
  rmSync(directory, { recursive: true });
});

interface Served extends AsyncDisposable {
  readonly domain: string;
}

/** `docker-registry` (Debian's), its storage in `storage` below the test's directory. */
async function serve(
  storage: string,
  more: { host?: string; port?: number; http?: object; auth?: object } = {},
) {
  const { host = "127.0.0.1", port = 5000, http = {}, auth } = more;
  const config = join(directory, `${storage}.json`); // YAML takes JSON
  writeFileSync(
    config,
    JSON.stringify({
      version: "0.1",
      log: { level: "error" },
      storage: { filesystem: { rootdirectory: join(directory, storage) } },
      http: { addr: `${host}:${port}`, ...http },
      ...(auth && { auth }),
    }),
  );
  const server = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
  const ended = once(server, "exit");
  while (!(await answers(host, port))) {
    if (server.exitCode !== null) throw new Error(`docker-registry ended with ${server.exitCode}`);
    await sleep(10);
  }
  return {
    domain: `${host}:${port}`,
    async [Symbol.asyncDispose]() {
      server.kill("SIGKILL");
      await ended;
    },
  } satisfies Served;
}

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host, () => resolve(true));
    socket.once("error", () => resolve(false)).once("connect", () => socket.destroy());
  });

async function put(name: string, contents: readonly string[]): Promise<void> {
  const layers = contents.map(layerOf);
  await memory.add({
    config: imageConfig(
      layers.map(({ diffId }) => diffId),
      { architecture: hostPlatform().architecture },
    ),
    layers: layers.map(({ diffId, bytes }) => ({
      diffId: diffId as DiffID,
      open: async () => Readable.from([bytes]),
    })),
    references: [name],
  });
}

function listening() {
  const lines: Progress[] = [];
  const options = {
    signal: new AbortController().signal,
    onProgress: (progress: Progress) => void lines.push(progress),
  };
  const outcomes = () =>
    lines.flatMap(({ id, status, progressDetail }) =>
      id && !progressDetail?.current && status !== "Preparing" ? [status] : [],
    );
  return { lines, options, outcomes };
}

test("a layer is sent once, and mounted from another repository; another engine pulls what was pushed", async () => {
  await using server = await serve("one");
  const name = `${server.domain}/team/app`;
  await put(`${name}:1`, ["a", "b"]);
  const first = listening();
  const pushed = await registry.push(`${name}:1`, first.options);
  assert.deepEqual(first.outcomes(), ["Pushed", "Pushed"]);
  assert.equal(first.lines[0]?.status, `The push refers to repository [${name}]`);
  assert.deepEqual(first.lines.slice(-2), [
    { status: `1: digest: ${pushed.digest} size: ${pushed.size}` },
    { status: "", progressDetail: {}, aux: { Tag: "1", Digest: pushed.digest, Size: pushed.size } },
  ]);
  assert.deepEqual(memory.find(`${name}:1`)?.digests, [`${name}@${pushed.digest}`]);

  const again = listening();
  assert.deepEqual(await registry.push(`${name}:1`, again.options), pushed);
  assert.deepEqual(again.outcomes(), ["Layer already exists", "Layer already exists"]);

  await put(`${server.domain}/other:1`, ["a", "c"]);
  const other = listening();
  await registry.push(`${server.domain}/other:1`, other.options);
  assert.deepEqual(other.outcomes().sort(), ["Mounted from team/app", "Pushed"]);

  const digest = memory.find(`${name}:1`)?.id;
  memory = new MemoryImages();
  await registry.stop();
  registry = create();
  await registry.start();
  const pulled = await registry.pull(`${name}:1`, listening().options);
  assert.deepEqual([pulled.id, pulled.digests], [digest, [`${name}@${pushed.digest}`]]);
});

test("a registry that has lost a layer is sent it again", async () => {
  const name = "127.0.0.1:5000/app:1";
  await put(name, ["a", "b"]);
  {
    await using _server = await serve("one");
    await registry.push(name, listening().options);
  }
  await using _emptied = await serve("two");
  const { options, outcomes } = listening();
  await registry.push(name, options);
  assert.deepEqual(outcomes().slice(-2), ["Pushed", "Pushed"]);
  memory = new MemoryImages();
  registry = create();
  await registry.start();
  await registry.pull(name, listening().options);
});

test("all tags of a repository; and what is not here", async () => {
  await using server = await serve("one");
  const name = `${server.domain}/app`;
  for (const tag of ["1", "2"]) await put(`${name}:${tag}`, [tag]);
  const { options, lines } = listening();
  await registry.push(name, options);
  assert.deepEqual(
    lines.flatMap(({ aux }) => (aux && "Tag" in aux ? [aux.Tag] : [])),
    ["1", "2"],
  );
  await assert.rejects(registry.push(`${name}:3`, options), { message: `tag does not exist: ${name}:3` });
  await assert.rejects(registry.push(`${server.domain}/nosuch`, options), {
    message: `An image does not exist locally with the tag: ${server.domain}/nosuch`,
  });
  await assert.rejects(registry.push(`${name}@sha256:${"a".repeat(64)}`, options), {
    message: "cannot push a digest reference",
  });
});

// `secret`, by bcrypt.
const HTPASSWD = "user:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

test("a registry with passwords", async () => {
  const path = join(directory, "htpasswd");
  writeFileSync(path, HTPASSWD);
  await using server = await serve("one", { auth: { htpasswd: { realm: "r", path } } });
  const name = `${server.domain}/app:1`;
  await put(name, ["a"]);
  const as = (password: string) => ({ ...listening().options, credentials: { username: "user", password } });
  await assert.rejects(registry.push(name, listening().options), { message: "no basic auth credentials" });
  await assert.rejects(registry.push(name, as("wrong")), UNAUTHORIZED);
  await registry.push(name, as("secret"));
  await assert.rejects(registry.pull(name, as("wrong")), UNAUTHORIZED);
  assert.ok(await registry.pull(name, as("secret")));
  const login = (password: string) =>
    registry.login({ username: "user", password, serverAddress: server.domain });
  assert.equal((await login("secret")).status, "Login Succeeded");
  await assert.rejects(login("wrong"), { kind: "unauthorized" });
  for (const serverAddress of ["--help", "--authfile=x", "a b", "r.example\n"]) {
    const words = { username: "user", password: "secret", serverAddress };
    await assert.rejects(registry.login(words), { kind: "invalid", message: /^invalid registry address: / });
  }
});

test("a certificate that nobody knows is refused, but of a registry that is said to be insecure", async () => {
  const host = "192.0.2.1";
  execFileSync("ip", ["address", "add", `${host}/32`, "dev", "lo"]);
  const [key, certificate] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const subject = ["-subj", "/CN=r", "-addext", `subjectAltName=IP:${host}`];
  const made = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
  ];
  execFileSync("openssl", [...made, ...subject, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  await using server = await serve("one", { host, http: { tls: { certificate, key } } });
  const name = `${server.domain}/app:1`;
  await put(name, ["a"]);
  await assert.rejects(registry.push(name, listening().options), {
    kind: "internal",
    message: /x509: certificate signed by unknown authority/,
  });
  await registry.stop();
  for (const insecure of [server.domain, "192.0.2.0/24"]) {
    registry = create([insecure]);
    await registry.start();
    await registry.push(name, listening().options);
  }
});

test("plain HTTP is spoken to nobody but the machine itself, and who is said to be insecure", async () => {
  const host = "192.0.2.2";
  execFileSync("ip", ["address", "add", `${host}/32`, "dev", "lo"]);
  await using server = await serve("one", { host });
  const name = `${server.domain}/app:1`;
  await put(name, ["a"]);
  await assert.rejects(registry.push(name, listening().options), {
    kind: "internal",
    message: /server gave HTTP response to HTTPS client/,
  });
});
