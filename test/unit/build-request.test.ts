/** Parameters of `POST /build`, as dockerd takes and refuses them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type BuildQuery, readBuildRequest } from "../../src/api/build-request.ts";
import { parseDockerfile } from "../../src/build/dockerfile.ts";
import { requestFlags, untoldArguments, withoutProxies } from "../../src/build/flags.ts";
import { recipeOf } from "../../src/build/recipe.ts";
import { stagesOf } from "../../src/build/stages.ts";
import type { ImageID } from "../../src/lib/ids.ts";

const read = (query: BuildQuery, registryConfig?: string, minor = 50) =>
  readBuildRequest(query, registryConfig, undefined, minor);

describe("a build's parameters", () => {
  test("what is left out", () => {
    const request = read({});
    assert.equal(request.dockerfile, "Dockerfile");
    assert.deepEqual([request.tags, request.buildArgs, request.noCache], [[], {}, false]);
    assert.deepEqual(requestFlags(request, true), []);
    assert.deepEqual(requestFlags(request, false), ["--no-cache"]);
  });

  test("several of a kind, JSON, and limits for the builder", () => {
    const request = read({
      t: ["a", "b:1"],
      extrahosts: "x:1.2.3.4,y:5.6.7.8",
      buildargs: '{"A":"1","B":null}',
      labels: '{"l":"v"}',
      ulimits: '[{"Name":"nofile","Soft":1,"Hard":2}]',
      memory: "1000000",
      shmsize: "4096",
      cpusetcpus: "0-1",
      platform: "aarch64",
    });
    assert.deepEqual(request.tags, ["a", "b:1"]);
    assert.deepEqual(request.extraHosts, ["x:1.2.3.4", "y:5.6.7.8"]);
    assert.deepEqual(request.labels, { l: "v" });
    assert.deepEqual(requestFlags(request, true), [
      ...["--shm-size", "4096", "--memory", "1000000", "--cpuset-cpus", "0-1"],
      ...["--ulimit", "nofile=1:2", "--build-arg", "A", "--platform", "linux/arm64"],
    ]);
    assert.equal(read({ platform: "foobar" }, undefined, 31).platform, "");
  });

  test("values of arguments stay off the command line, unless their names mean something there", () => {
    const request = read({
      buildargs: '{"TOKEN":"secret","PATH":"/x","LD_PRELOAD":"y","HTTP_PROXY":"p","no":null}',
    });
    assert.deepEqual(requestFlags(request, true), [
      ...["--build-arg", "TOKEN", "--build-arg", "PATH=/x"],
      ...["--build-arg", "LD_PRELOAD=y", "--build-arg", "HTTP_PROXY"],
    ]);
    assert.deepEqual(untoldArguments(request), { TOKEN: "secret", HTTP_PROXY: "p" });
  });

  test("proxies that no ARG names are the builder's surroundings, alone among proxies", () => {
    const request = read({ buildargs: '{"HTTP_PROXY":"p","https_proxy":"q","A":"1","NO_PROXY":null}' });
    const { stages, globals } = stagesOf(
      parseDockerfile("FROM a\nARG B=1 https_proxy\nRUN x", "Dockerfile"),
      { target: "", buildArgs: {} },
    );
    const { rest, surroundings } = withoutProxies(request, [
      ...globals,
      ...stages.flatMap(({ commands }) => commands),
    ]);
    assert.deepEqual(rest.buildArgs, { https_proxy: "q", A: "1", NO_PROXY: null });
    assert.deepEqual(Object.keys(surroundings).length, 8);
    assert.deepEqual(
      Object.entries(surroundings).filter(([, value]) => value !== undefined),
      [["HTTP_PROXY", "p"]],
    );
    assert.deepEqual(withoutProxies(read({ buildargs: '{"A":"1"}' }), []).surroundings, {});
  });

  test("a label of several lines is no line of a Dockerfile", () => {
    const request = read({ labels: JSON.stringify({ a: "1", b: "x\nRUN y" }) });
    assert.deepEqual(requestFlags(request, true), ["--label", "b=x\nRUN y"]);
    const plan = stagesOf(parseDockerfile("FROM scratch", "Dockerfile"), { target: "", buildArgs: {} });
    const { text } = recipeOf(plan, request.labels, () => "sha256:1" as ImageID);
    assert.equal(text, 'FROM scratch\nLABEL "a"="1"\n');
  });

  test("credentials by registry; what can't be read is none", () => {
    const header = Buffer.from(
      JSON.stringify({ "r.example:5000": { username: "u", password: "p", auth: "" } }),
    ).toString("base64url");
    assert.deepEqual(read({}, header).credentials, {
      "r.example:5000": { username: "u", password: "p", serverAddress: "r.example:5000" },
    });
    assert.deepEqual(read({}, "!").credentials, {});
  });

  const refused: readonly (readonly [BuildQuery, RegExp])[] = [
    [{ buildargs: "{" }, /^error reading build args: /],
    [{ buildargs: '{"a":1}' }, /^error reading build args: /],
    [{ labels: '{"a":null}' }, /^error reading labels: /],
    [{ labels: "[]" }, /^error reading labels: /],
    [{ buildargs: '{"a":"\\u0000"}' }, /^a NUL byte in buildargs/],
    [{ t: ["a", "b\0"] }, /^a NUL byte in t/],
    [{ ulimits: "{}" }, /^error reading ulimit settings: /],
    [{ ulimits: '[{"Name":"x"}]' }, /^error reading ulimit settings: /],
    [{ cachefrom: '"a"' }, /^error reading cache-from: /],
    [{ shmsize: "x" }, /^invalid shmsize/],
    [{ version: "3" }, /^invalid version "3"$/],
    [{ version: "2" }, /BuildKit is not built in/],
    [{ isolation: "hyperv" }, /^unsupported isolation: "hyperv"$/],
    [{ securityopt: "x" }, /^security options are not supported on linux$/],
    [{ squash: "1" }, /^squash is only supported with experimental mode$/],
    [{ platform: "foobar" }, /^"foobar": unknown operating system or architecture: invalid argument$/],
    [{ platform: "windows/amd64" }, /operating system is not supported/],
  ];
  for (const [query, why] of refused) {
    test(`refused: ${JSON.stringify(query)}`, () => {
      assert.throws(() => read(query), { kind: "invalid", message: why });
    });
  }
});
