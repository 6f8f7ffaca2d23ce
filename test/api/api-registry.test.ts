/** Pulls, pushes, logins and what a registry has, asked for as clients do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeCredentials } from "../../src/api/credentials.ts";
import { humanSize, progressBar } from "../../src/api/shapes/progress.ts";
import { eventually, json, messageIn, serve } from "./server.ts";

const api = await serve();
const { asked } = api.engine.registry;

const create = (query: string, headers: Record<string, string> = {}) =>
  api.ask("POST", `/images/create?${query}`, { headers });
const lines = (text: string) =>
  text
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

test("what a pull tells comes a line each; what goes wrong before is a status, and after that the last line", async () => {
  const pulled = await create("fromImage=r.example/here&tag=1&platform=linux/arm64");
  assert.deepEqual([pulled.status, pulled.headers["content-type"]], [200, "application/json"]);
  assert.deepEqual(lines(pulled.text), [
    { status: "Pulling from here", id: "1" },
    {
      status: "Downloading",
      progressDetail: { current: 1, total: 2 },
      progress: `[${"=".repeat(25)}>${" ".repeat(25)}]       1B/2B`,
      id: "abc",
    },
  ]);
  assert.deepEqual(asked.at(-1), [
    "pull",
    "r.example/here:1",
    { credentials: undefined, platform: "linux/arm64" },
  ]);
  const missing = await create("fromImage=nosuch&tag=1");
  assert.equal(missing.status, 404);
  assert.match(messageIn(missing), /^manifest for docker\.io\/library\/nosuch:1 not found/);
  const broken = await create("fromImage=r.example/here&tag=broken");
  assert.equal(broken.status, 200);
  assert.deepEqual(lines(broken.text).at(-1), {
    errorDetail: { message: "the line is dead" },
    error: "the line is dead",
  });
});

test("bars, as Docker draws them", () => {
  assert.equal(progressBar({}), "");
  assert.equal(progressBar({ current: 1_234_567 }), " 1.235MB");
  assert.equal(progressBar({ current: 30e6, total: 30e6 }), `[${"=".repeat(50)}>]     30MB/30MB`);
  assert.deepEqual([0, 999, 1000, 1e9 + 5e6].map(humanSize), ["0B", "999B", "1kB", "1.005GB"]);
});

test("names and tags, in all forms", async () => {
  const name = async (query: string) => {
    const { status } = await create(query);
    return status === 200 ? asked.at(-1)?.slice(0, 2) : status;
  };
  const digest = `sha256:${"a".repeat(64)}`;
  assert.deepEqual(await name("fromImage=r.example/here:1&tag=2"), ["pull", "r.example/here:2"]);
  assert.deepEqual(await name(`fromImage=r.example/here&tag=${digest}`), [
    "pull",
    `r.example/here@${digest}`,
  ]);
  assert.deepEqual(await name("fromImage=r.example/here:1"), ["pull", "r.example/here:1"]);
  assert.deepEqual(await name("fromImage=r.example/here"), ["pullAll", "r.example/here"]);
  assert.deepEqual(await name("fromImage=busybox:"), ["pullAll", "docker.io/library/busybox"]);
  assert.equal(await name("fromImage=UPPER&tag=1"), 400);
  assert.equal(await name("fromImage=x&tag=a%20b"), 400);
  assert.equal(await name("fromImage=x&tag=sha256:short"), 400);
});

test("who asks: padded or not, none, and what can't be read, which is nobody as with Docker", async () => {
  const who = async (header: string) => {
    await create("fromImage=r.example/here&tag=1", { "X-Registry-Auth": header });
    return (asked.at(-1)?.[2] as { readonly credentials?: object } | undefined)?.credentials;
  };
  const given = { username: "ann", password: "p?>", serveraddress: "r.example", email: null };
  const read = { username: "ann", password: "p?>", serverAddress: "r.example" };
  assert.deepEqual(await who(encoded(given)), read);
  assert.deepEqual(await who(Buffer.from(JSON.stringify(given)).toString("base64")), read);
  assert.deepEqual(await who(encoded({ identitytoken: "t" })), { identityToken: "t" });
  for (const nobody of ["null", encoded(null), encoded({}), "", "%%%", encoded([1]), "bm9wZQ"]) {
    assert.equal(await who(nobody), undefined, nobody);
  }
  assert.throws(() => decodeCredentials("%%%"), {
    kind: "invalid",
    message: "invalid X-Registry-Auth header: must be a valid base64url-encoded string",
  });
  assert.throws(() => decodeCredentials("bm9wZQ"), {
    message: /^invalid X-Registry-Auth header: invalid JSON: /,
  });
});

test("a client that goes ends its pull", async () => {
  const connection = await api.raw(
    "POST /images/create?fromImage=r.example/here&tag=endless HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
  );
  await eventually(() => asked.at(-1)?.[1] === "r.example/here:endless");
  connection.socket.destroy();
  await eventually(() => asked.at(-1)?.[0] === "gone");
});

test("a client that goes before anything was told, by half or altogether, ends its pull as well", async () => {
  for (const go of ["end", "destroy"] as const) {
    const reference = "r.example/here:silent";
    const connection = await api.raw(
      "POST /images/create?fromImage=r.example/here&tag=silent HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    );
    await eventually(() => asked.at(-1)?.[0] === "pull" && asked.at(-1)?.[1] === reference);
    connection.socket[go]();
    await eventually(() => asked.at(-1)?.[0] === "gone");
  }
});

test("push, of one tag and of all", async () => {
  const push = (path: string) => api.ask("POST", path, { headers: { "X-Registry-Auth": encoded({}) } });
  const pushed = await push("/images/r.example:5000/a/b/push?tag=1");
  assert.deepEqual(asked.at(-1)?.slice(0, 2), ["push", "r.example:5000/a/b:1"]);
  assert.deepEqual(lines(pushed.text), [
    { status: "The push refers to repository [x]" },
    { progressDetail: {}, aux: { Tag: "1", Digest: "sha256:a", Size: 1 } },
  ]);
  await push("/images/a%2Fb/push");
  assert.deepEqual(asked.at(-1)?.slice(0, 2), ["push", "docker.io/a/b"]);
  assert.equal((await push("/images/A/push")).status, 400);
});

test("login and distribution", async () => {
  const login = (body: object) => api.ask("POST", "/auth", json(body));
  const good = await login({ username: "ann", password: "good", serveraddress: "r.example" });
  assert.deepEqual(JSON.parse(good.text), { Status: "Login Succeeded", IdentityToken: "" });
  assert.deepEqual(asked.at(-1), [
    "login",
    { username: "ann", password: "good", serverAddress: "r.example" },
  ]);
  assert.equal((await login({ username: "ann", password: "bad" })).status, 401);
  const found = await api.ask("GET", "/v1.50/distribution/r.example/a/b:1/json");
  assert.deepEqual(JSON.parse(found.text), {
    Descriptor: { mediaType: "a/b", digest: "sha256:a", size: 3 },
    Platforms: [{ architecture: "amd64", os: "linux" }],
  });
  assert.deepEqual(asked.at(-1)?.slice(0, 2), ["inspect", "r.example/a/b:1"]);
});
