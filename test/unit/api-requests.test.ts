import assert from "node:assert/strict";
import { test } from "node:test";
import { createRequest } from "../../src/api/create-request.ts";
import { failureOf } from "../../src/api/errors.ts";
import { matcherOf, matchesLabel, parseFilters } from "../../src/api/filters.ts";
import { refuseBrowsers } from "../../src/api/guard.ts";
import { checkListener, isLoopback } from "../../src/api/listen.ts";
import { flag, timestamp, wholeNumber } from "../../src/api/query.ts";
import { containerReference, networkReference } from "../../src/api/references.ts";
import { parseTarget, takesConnection } from "../../src/api/target.ts";
import { parseVersion } from "../../src/api/version.ts";
import { EngineError, invalid } from "../../src/lib/errors.ts";

test("a version is split off the path, and a name with slashes becomes one segment", () => {
  const cases: readonly [method: string, url: string, version: string | undefined, target: string][] = [
    ["GET", "/_ping", undefined, "/_ping"],
    ["GET", "/v1.41/containers/json?all=1", "1.41", "/containers/json?all=1"],
    ["GET", "/v1.41", "1.41", "/"],
    ["GET", "/volumes/v1.41/x", undefined, "/volumes/v1.41/x"],
    ["GET", "/images/json", undefined, "/images/json"],
    ["GET", "/images/busybox/json", undefined, "/images/busybox/json"],
    [
      "GET",
      "/v1.50/images/example.org/a/b:1/json?x=/y/z",
      "1.50",
      "/images/example.org%2Fa%2Fb:1/json?x=/y/z",
    ],
    ["GET", "/images/example.org%2Fa%2Fb/json", undefined, "/images/example.org%2Fa%2Fb/json"],
    ["POST", "/images/a/b/tag?repo=c/d", undefined, "/images/a%2Fb/tag?repo=c/d"],
    ["DELETE", "/images/a/b?force=1", undefined, "/images/a%2Fb?force=1"],
    ["DELETE", "/images/a/json", undefined, "/images/a%2Fjson"],
    ["GET", "/v1.50/networks/a/b?verbose=1", "1.50", "/networks/a%2Fb?verbose=1"],
    ["POST", "/networks/a/b/connect", undefined, "/networks/a%2Fb/connect"],
    ["POST", "/networks/create", undefined, "/networks/create"],
    ["DELETE", "/networks/a/b", undefined, "/networks/a%2Fb"],
    ["GET", "/networks/", undefined, "/networks/"],
  ];
  for (const [method, url, version, target] of cases) {
    assert.deepEqual(parseTarget(method, url), version ? { version, url: target } : { url: target }, url);
  }
});

test("only attach and exec start take the connection", () => {
  for (const url of ["/v1.50/containers/x/attach?stream=1", "/containers/x/attach", "/exec/x/start"]) {
    assert.ok(takesConnection("POST", url), url);
  }
  for (const url of [
    "/containers/x/start",
    "/containers/x/attach/ws",
    "/containers/x/attachment",
    "/exec/x/json",
  ]) {
    assert.ok(!takesConnection("POST", url), url);
  }
  assert.ok(!takesConnection("GET", "/exec/x/start"));
});

test("versions from 1.24 to 1.50, others refused in Docker's words", () => {
  assert.equal(parseVersion("1.24"), 24);
  assert.equal(parseVersion("1.50"), 50);
  assert.throws(
    () => parseVersion("1.23"),
    /^EngineError: client version 1\.23 is too old\. Minimum supported API version is 1\.24/,
  );
  assert.throws(
    () => parseVersion("1.51"),
    /client version 1\.51 is too new\. Maximum supported API version is 1\.50/,
  );
  assert.throws(() => parseVersion("2.0"), /too new/);
  assert.throws(() => parseVersion("0.9"), /too old/);
  for (const odd of ["1", "1.", ".", "1.2.3", "1.99999"])
    assert.throws(() => parseVersion(odd), { name: "EngineError" }, odd);
});

test("booleans as dockerd reads them", () => {
  for (const text of ["1", "true", "True", "yes", "x"]) assert.ok(flag(text), text);
  for (const text of [undefined, "", "0", "no", "false", "False", " none "])
    assert.ok(!flag(text), String(text));
});

test("numbers and times name the parameter that is wrong", () => {
  assert.equal(wholeNumber("t", "-1"), -1);
  assert.equal(wholeNumber("t", undefined), undefined);
  for (const text of ["1.5", "x", "1e3", "99999999999999999999"]) {
    assert.throws(() => wholeNumber("t", text), /invalid t/, text);
  }
  assert.equal(timestamp("since", "1700000000.000000001"), 1_700_000_000_000_000_001n);
  assert.equal(timestamp("since", "1700000000.5"), 1_700_000_000_500_000_000n);
  assert.equal(timestamp("since", "0"), 0n);
  assert.throws(() => timestamp("since", "yesterday"), /invalid since/);
});

test("filters in both shapes; unknown names and wrong shapes are refused", () => {
  const known = new Set(["name", "dangling"]);
  assert.deepEqual(parseFilters('{"name":{"a":true,"b":true}}', known).of("name"), ["a", "b"]);
  assert.deepEqual(parseFilters('{"name":["a"]}', known).of("name"), ["a"]);
  assert.equal(parseFilters('{"dangling":["1"]}', known).boolean("dangling"), true);
  assert.equal(parseFilters("", known).boolean("dangling"), undefined);
  for (const wrong of ['{"other":["a"]}', "[]", "{", '"x"', '{"name":"a"}', '{"name":[1]}']) {
    assert.throws(() => parseFilters(wrong, known), /invalid filter/, wrong);
  }
  assert.throws(
    () => parseFilters('{"dangling":["maybe"]}', known).boolean("dangling"),
    /invalid filter 'dangling=\[maybe\]'/,
  );
});

test("labels by key or by key and value; names by expression, or as they are", () => {
  assert.ok(matchesLabel({ a: "1=2" }, "a=1=2"));
  assert.ok(matchesLabel({ a: "" }, "a"));
  assert.ok(!matchesLabel({ a: "1" }, "a=2"));
  assert.ok(!matchesLabel({}, "constructor"));
  assert.ok(matcherOf("^we")("web"));
  assert.ok(!matcherOf("^eb")("web"));
  assert.ok(matcherOf("we[b")("we[b"));
});

test("references that could be parts of paths are names of nothing", () => {
  assert.equal(containerReference("/web"), "web");
  for (const bad of ["..", "../x", "a/b", ".", "", "a b", "-x", "a\0"]) {
    assert.throws(() => containerReference(bad), { kind: "not-found", message: `No such container: ${bad}` });
  }
  assert.equal(networkReference("my net"), "my net");
  assert.equal(networkReference("a/b"), "a/b");
  for (const bad of ["", "a\n", "\0"]) assert.throws(() => networkReference(bad), /not found/);
});

test("each kind of error has its status, and a foreign error is internal", () => {
  assert.deepEqual(failureOf(invalid("no")), { status: 400, message: "no" });
  assert.equal(failureOf(new EngineError("unchanged", "")).status, 304);
  assert.equal(failureOf(new EngineError("not-built-in", "")).status, 501);
  assert.equal(failureOf(Object.assign(new Error("x"), { statusCode: 404 })).status, 500);
  assert.equal(failureOf("thrown").status, 500);
});

test("web pages are refused, and hosts that rebinding would bring", () => {
  const options = { hostMustBeLoopback: true };
  for (const host of ["localhost:2375", "127.0.0.1", "127.3.2.1:80", "[::1]:2375", "LOCALHOST"]) {
    refuseBrowsers({ host }, options);
  }
  for (const host of ["evil.example", "localhost.evil.example:2375", "10.0.0.1", "[2001:db8::1]", ""]) {
    assert.throws(() => refuseBrowsers({ host }, options), { kind: "forbidden" }, host);
  }
  assert.throws(
    () => refuseBrowsers({ host: "localhost", origin: "http://localhost" }, options),
    /web pages/,
  );
  assert.throws(
    () => refuseBrowsers({ host: "x", origin: "null" }, { hostMustBeLoopback: false }),
    /web pages/,
  );
});

test("TCP is for the loopback, or for verified clients", () => {
  assert.ok(isLoopback("127.0.0.53") && isLoopback("::1") && isLoopback("localhost"));
  assert.ok(!isLoopback("0.0.0.0") && !isLoopback("::") && !isLoopback("localhost.example"));
  checkListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const open = { kind: "tcp", host: "0.0.0.0", port: 2376 } as const;
  assert.throws(() => checkListener(open), /--tlsverify/);
  assert.throws(() => checkListener({ ...open, tls: { cert: "c", key: "k" } }), /--tlsverify/);
  checkListener({ ...open, tls: { cert: "c", key: "k", clientCA: "a" } });
  assert.throws(() => checkListener({ kind: "unix", path: `/${"x".repeat(108)}` }), /too long/);
});

test("a create request: nulls left out, the default network by its name, the rest as it came", () => {
  const { request } = createRequest(
    {
      Image: "busybox",
      Cmd: "true",
      Entrypoint: null,
      Env: null,
      HostConfig: { NetworkMode: "default", Memory: 5, Binds: null, Devices: [{}] } as never,
      NetworkingConfig: { EndpointsConfig: { default: { Aliases: ["a"] } } },
    },
    { name: "/web" },
    50,
  );
  assert.deepEqual(request, {
    name: "web",
    config: { Image: "busybox", Cmd: ["true"] },
    hostConfig: {
      NetworkMode: "bridge",
      Memory: 5,
      Devices: [{ PathOnHost: "", PathInContainer: "", CgroupPermissions: "" }],
    },
    endpoints: { bridge: { Aliases: ["a"] } },
  });
});

test("a container's own MAC address, of before 1.44, is its main network's", () => {
  const body = { Image: "busybox", MacAddress: "02:42:00:00:00:01" };
  const { request } = createRequest(body, {}, 43);
  assert.deepEqual(request.endpoints, { bridge: { MacAddress: "02:42:00:00:00:01" } });
  const other = { EndpointsConfig: { bridge: { MacAddress: "02:42:00:00:00:02" } } };
  assert.throws(() => createRequest({ ...body, NetworkingConfig: other }, {}, 50), /must match/);
});

test("a create request without config, without image, or with several networks before 1.44 is refused", () => {
  assert.throws(() => createRequest(undefined, {}, 50), /config cannot be empty/);
  assert.throws(() => createRequest({ HostConfig: {} }, {}, 50), /config cannot be empty/);
  assert.throws(() => createRequest({ Tty: true }, {}, 50), {
    kind: "invalid",
    message: "no command specified",
  });
  assert.throws(() => createRequest({ Cmd: ["sh"] }, {}, 50), /no image specified/);
  const two = { Image: "x", NetworkingConfig: { EndpointsConfig: { a: {}, b: null } } };
  assert.throws(() => createRequest(two, {}, 43), /multiple network endpoints: a, b/);
  assert.deepEqual(Object.keys(createRequest(two, {}, 44).request.endpoints), ["a", "b"]);
});

test("sysctls of the first interface are its network's: moved until 1.47, refused since", () => {
  const own = "com.docker.network.endpoint.sysctls";
  const body = (Sysctls: Record<string, string>, NetworkMode = "net1") => ({
    Image: "x",
    HostConfig: { NetworkMode, Sysctls },
    NetworkingConfig: {
      EndpointsConfig: { net1: { DriverOpts: { k: "v", [own]: "net.ipv4.conf.IFNAME.a=2" } } },
    },
  });
  const sysctls = { "net.ipv4.conf.eth0.a": "1", "net.core.somaxconn": "9" };
  const { request, warnings } = createRequest(body(sysctls), {}, 47);
  assert.deepEqual(request.hostConfig.Sysctls, { "net.core.somaxconn": "9" });
  assert.deepEqual(request.endpoints, {
    net1: { DriverOpts: { k: "v", [own]: "net.ipv4.conf.IFNAME.a=1,net.ipv4.conf.IFNAME.a=2" } },
  });
  assert.deepEqual(warnings, [
    `Migrated sysctl "net.ipv4.conf.eth0.a" to DriverOpts{"${own}":"net.ipv4.conf.IFNAME.a=1"}.`,
  ]);
  assert.throws(() => createRequest(body(sysctls), {}, 48), {
    kind: "invalid",
    message: `interface specific sysctl setting "net.ipv4.conf.eth0.a" must be supplied using driver option '${own}'`,
  });
  assert.throws(
    () => createRequest(body({ "net.ipv6.conf.eth1.b": "1" }), {}, 47),
    /unable to determine network endpoint for sysctl net\.ipv6\.conf\.eth1\.b/,
  );
  const shared = createRequest(body(sysctls, "container:web"), {}, 50);
  assert.deepEqual(shared.request.hostConfig.Sysctls, sysctls);
});

test("bindings that are null, or have nulls, ask for any port", () => {
  const PortBindings = { "80/tcp": [null, { HostIp: null, HostPort: "81" }], "90/tcp": null };
  const { request } = createRequest({ Image: "x", HostConfig: { PortBindings } }, {}, 50);
  assert.deepEqual(request.hostConfig.PortBindings, { "80/tcp": [{}, { HostPort: "81" }], "90/tcp": null });
});
