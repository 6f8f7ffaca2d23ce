import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { authHeaders, dropLogin, keepLogin, loginAt, serverKey } from "../../src/cli/registry-auth.ts";

let directory = "";
let file = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "drawbridge-login-"));
  file = join(directory, "docker/config.json");
});
afterEach(() => rmSync(directory, { recursive: true }));

const HUB = "https://index.docker.io/v1/";

test("a login is kept as Docker keeps it, for its owner alone, and leaves the rest of the file", () => {
  keepLogin({ username: "ann", password: "a:b", serveraddress: HUB }, "", file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), psFormat: "x" }));
  keepLogin({ username: "bob", password: "pw", serveraddress: "r.example:5000" }, "token", file);
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), {
    auths: {
      [HUB]: { auth: Buffer.from("ann:a:b").toString("base64") },
      "r.example:5000": { auth: Buffer.from("bob:").toString("base64"), identitytoken: "token" },
    },
    psFormat: "x",
  });
  assert.deepEqual(loginAt(HUB, file), { username: "ann", password: "a:b", serveraddress: HUB });
  assert.equal(dropLogin(HUB, file), true);
  assert.equal(dropLogin(HUB, file), false);
  assert.equal(loginAt(HUB, file), undefined);
});

test("an image's registry decides who asks for it", () => {
  assert.deepEqual(authHeaders("busybox", file), {});
  keepLogin({ username: "ann", password: "pw", serveraddress: HUB }, "", file);
  const header = authHeaders("team/app:1", file)["X-Registry-Auth"] ?? "";
  assert.deepEqual(JSON.parse(Buffer.from(header, "base64url").toString()), {
    username: "ann",
    password: "pw",
    serveraddress: HUB,
  });
  assert.deepEqual(authHeaders("r.example/team/app:1", file), {});
});

test("Docker Hub goes by many names", () => {
  for (const name of [undefined, "docker.io", "index.docker.io", HUB]) assert.equal(serverKey(name), HUB);
  assert.equal(serverKey("https://r.example:5000/v2/"), "r.example:5000");
});

test("a file that is no JSON is told by its name", () => {
  writeFileSync(join(directory, "config.json"), "{");
  assert.throws(() => loginAt(HUB, join(directory, "config.json")), /config\.json: /);
});
