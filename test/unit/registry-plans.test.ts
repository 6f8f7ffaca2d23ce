import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { parseReference } from "../../src/lib/reference.ts";
import { assign, refuseEndless } from "../../src/registry/download.ts";
import { encodeManifest, parseConfig, parseManifest } from "../../src/registry/manifest.ts";
import { choose, formatPlatform, hostPlatform, parsePlatform, runsOn } from "../../src/registry/platform.ts";
import { lastWord, refusal, SkopeoError, UnreachableError } from "../../src/registry/refusals.ts";
import { domainOf } from "../../src/registry/skopeo.ts";
import { hostOf, isInsecure, registriesConf } from "../../src/registry/trust.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const descriptor = (digit: string, size = 1) => ({ mediaType: "x/y", digest: digest(digit), size });

describe("platforms", () => {
  test("are read and written as containerd does", () => {
    const forms = ["linux/amd64", "linux/arm/v7", "linux/386", "windows/amd64"];
    for (const text of forms) assert.equal(formatPlatform(parsePlatform(text)), text);
    assert.deepEqual(parsePlatform("aarch64"), { os: "linux", architecture: "arm64" });
    assert.equal(formatPlatform(parsePlatform("linux/arm64/v8")), "linux/arm64");
    assert.deepEqual(parsePlatform("linux"), hostPlatform());
    assert.throws(() => parsePlatform("foobar"), {
      kind: "invalid",
      message: '"foobar": unknown operating system or architecture: invalid argument',
    });
    for (const odd of ["a/b/c/d", "linux//", "linux/a b", ""]) {
      assert.throws(() => parsePlatform(odd), { kind: "invalid" }, odd);
    }
  });

  test("the nearest is chosen, and none that does not run", () => {
    const offered = [
      "linux/386",
      "linux/arm/v6",
      "linux/arm/v7",
      "linux/arm64",
      "linux/amd64",
      "windows/amd64",
    ];
    const entries = offered.map((text) => ({ text, platform: parsePlatform(text) }));
    const chosen = (wanted: string) => choose(entries, parsePlatform(wanted))?.text;
    assert.equal(chosen("linux/amd64"), "linux/amd64");
    assert.equal(chosen("linux/arm/v7"), "linux/arm/v7");
    assert.equal(chosen("linux/arm/v6"), "linux/arm/v6");
    assert.equal(chosen("linux/arm/v5"), undefined);
    assert.equal(chosen("linux/arm64/v8"), "linux/arm64");
    assert.equal(chosen("linux/s390x"), undefined);
    const few = entries.filter(({ text }) => text !== "linux/amd64");
    assert.equal(choose(few, parsePlatform("linux/amd64"))?.text, "linux/386");
    assert.equal(runsOn(parsePlatform("linux/amd64"), { os: "unknown", architecture: "unknown" }), false);
  });
});

describe("manifests", () => {
  const parse = (value: unknown) => parseManifest(Buffer.from(JSON.stringify(value)), "x:1");

  test("an image's, an index's, and what is neither", () => {
    const image = parse({
      schemaVersion: 2,
      config: { ...descriptor("a"), mediaType: "" },
      layers: [descriptor("b")],
    });
    assert.equal(image.kind === "image" && image.layers[0]?.digest, digest("b"));
    const platform = { os: "linux", architecture: "arm", variant: "v7", "os.version": "1" };
    const index = parse({ schemaVersion: 2, manifests: [{ ...descriptor("c"), platform }, descriptor("d")] });
    assert.deepEqual(index.kind === "index" && index.manifests.map((each) => each.platform), [
      { os: "linux", architecture: "arm", variant: "v7" },
      undefined,
    ]);
    const config = { ...descriptor("a"), mediaType: "application/vnd.docker.container.image.v1+json" };
    const wrong = [
      { schemaVersion: 1, fsLayers: [] },
      { schemaVersion: 2 },
      { schemaVersion: 2, config, layers: [{ ...descriptor("b"), digest: "sha256:../../etc" }] },
      { schemaVersion: 2, config, layers: [{ ...descriptor("b"), size: -1 }] },
      {
        schemaVersion: 2,
        config: { ...config, mediaType: "application/vnd.docker.plugin.v1+json" },
        layers: [],
      },
      { manifests: [{ digest: 1 }] },
      [],
      null,
    ];
    for (const each of wrong) assert.throws(() => parse(each), { kind: "invalid" }, JSON.stringify(each));
    assert.throws(() => parseManifest(Buffer.from("<html>"), "x"), { kind: "invalid" });
    assert.throws(() => parseConfig(Buffer.from('{"rootfs":{"diff_ids":["no"]}}')), { kind: "invalid" });
  });

  test("what is written reads back as it was", () => {
    const layers = [descriptor("b", 5), descriptor("c", 6)];
    const read = parseManifest(encodeManifest({ digest: digest("a"), size: 3 }, layers), "x");
    assert.deepEqual(read.kind === "image" && [read.config.digest, read.layers], [digest("a"), layers]);
  });
});

describe("trust", () => {
  const settings = {
    insecureRegistries: ["http://plain.example:5000", "192.0.2.0/24", "fd00::/8"],
    registryMirrors: ["http://mirror.example:5000/", "https://cache.example"],
  };
  const insecure = (domain: string, ...addresses: string[]) =>
    isInsecure(domain, addresses.map(parseAddress), settings);

  test("loopback, what is listed by name, and what lies in a listed network", () => {
    assert.equal(insecure("plain.example:5000"), true);
    assert.equal(insecure("plain.example"), false);
    assert.equal(insecure("r.example", "192.0.2.9"), true);
    assert.equal(insecure("r.example", "198.51.100.1", "fd00::1"), true);
    assert.equal(insecure("r.example", "198.51.100.1"), false);
    assert.equal(insecure("localhost:5000", "127.0.0.1"), true);
    assert.equal(insecure("[::1]:5000", "::1"), true);
    assert.deepEqual(["h:5000", "[::1]:5000", "h", "[::1]"].map(hostOf), ["h", "::1", "h", "::1"]);
  });

  test("the configuration names one registry, and its mirrors for docker.io alone", () => {
    assert.equal(
      registriesConf("docker.io", settings, () => false),
      `unqualified-search-registries = []
[[registry]]
prefix = "docker.io"
location = "docker.io"
insecure = false
[[registry.mirror]]
location = "mirror.example:5000"
insecure = true
[[registry.mirror]]
location = "cache.example"
insecure = false
`,
    );
    assert.doesNotMatch(
      registriesConf("r.example", settings, () => true),
      /mirror/,
    );
  });

  test("a server's address, as people and clients give it, is a registry", () => {
    assert.equal(domainOf("https://index.docker.io/v1/"), "docker.io");
    assert.equal(domainOf(""), "docker.io");
    assert.equal(domainOf("http://r.example:5000"), "r.example:5000");
  });
});

describe("refusals", () => {
  const of = (message: string, verb: "pull" | "push" | "login" = "pull", anonymous = false) => {
    const reference = parseReference("r.example/a/b:1");
    const thrown = refusal(new SkopeoError(message), { reference, verb, anonymous });
    assert.ok(thrown instanceof Error && "kind" in thrown);
    return [thrown.kind, thrown.message];
  };

  test("in Docker's words", () => {
    assert.deepEqual(of("reading manifest 1 in r.example/a/b: manifest unknown"), [
      "not-found",
      "manifest for r.example/a/b:1 not found: manifest unknown: manifest unknown",
    ]);
    assert.deepEqual(
      of("reading manifest 1 in r.example/a/b: denied: requested access to the resource is denied"),
      [
        "not-found",
        "pull access denied for r.example/a/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
      ],
    );
    assert.deepEqual(of("writing blob: denied: requested access to the resource is denied", "push"), [
      "forbidden",
      "denied: requested access to the resource is denied",
    ]);
    assert.deepEqual(of("x: unauthorized"), ["internal", "unauthorized: authentication required"]);
    assert.deepEqual(of("x: unauthorized: authentication required", "push", true), [
      "internal",
      "no basic auth credentials",
    ]);
    const noToken = "x: unable to retrieve auth token: invalid username/password: unauthorized";
    assert.deepEqual(of(noToken, "pull", true), ["internal", "unauthorized: authentication required"]);
    const several = "x: errors:\ndenied: requested access to the resource is denied\nunauthorized: y\n";
    assert.match(
      String(of(several)[1]),
      /'docker login': denied: requested access to the resource is denied$/,
    );
    assert.deepEqual(of("x: invalid username/password: unauthorized", "login"), [
      "unauthorized",
      "login attempt to r.example failed with status: 401 Unauthorized",
    ]);
    assert.deepEqual(of("reading manifest: toomanyrequests: You have reached your pull rate limit"), [
      "internal",
      "toomanyrequests: You have reached your pull rate limit",
    ]);
    assert.deepEqual(of(`Digest did not match, expected ${digest("a")}, got ${digest("b")}`), [
      "internal",
      `filesystem layer verification failed for digest ${digest("a")}`,
    ]);
    const unreachable = refusal(
      new SkopeoError(
        'pinging container registry x: Get "https://x/v2/": dial tcp 192.0.2.1:443: connect: connection refused',
      ),
      { reference: parseReference("x.example/a"), verb: "pull", anonymous: true },
    );
    assert.ok(unreachable instanceof UnreachableError);
    assert.equal(
      unreachable.message,
      'Get "https://x/v2/": dial tcp 192.0.2.1:443: connect: connection refused',
    );
  });

  test("the last word is what a log line says", () => {
    const text = 'time="x" level=debug msg="a"\ntime="x" level=fatal msg="b \\"c\\""\n';
    assert.equal(lastWord(text), 'b "c"');
    assert.equal(lastWord("panic: no more\n"), "panic: no more");
  });
});

test("growing files are taken for layers in their order, but for none that is shorter", () => {
  const layers = [descriptor("a", 10), descriptor("b", 100), descriptor("c", 100)];
  assert.deepEqual(assign(layers, [5, 50]), [
    [digest("a"), 5],
    [digest("b"), 50],
  ]);
  assert.deepEqual(assign(layers, [50, 7]), [
    [digest("b"), 50],
    [digest("a"), 7],
  ]);
  assert.deepEqual(assign(layers, [500]), []);
});

test("a file that is longer than any layer that is to come is an endless one", () => {
  const layer = (size: number) => ({ mediaType: "", digest: digest("a"), size });
  const mebi = 1 << 20;
  for (const sizes of [[], [1], [16 * mebi], [30 * mebi, 1]]) refuseEndless([layer(30 * mebi)], sizes);
  refuseEndless([layer(1)], [16 * mebi]); // a config
  const endless = {
    kind: "internal",
    message: /verification failed: .* at most 16777216 bytes, and .* sends more/,
  };
  assert.throws(() => refuseEndless([layer(1), layer(2)], [1, 17 * mebi]), endless);
});

test("an image of more layers than can be shown at once is refused before any is asked for", () => {
  const layers = Array.from({ length: 501 }, () => ({ mediaType: "", digest: digest("a"), size: 3 }));
  const config = { digest: digest("b"), size: 3 };
  assert.throws(() => parseManifest(encodeManifest(config, layers), "x"), { message: "max depth exceeded" });
  parseManifest(encodeManifest(config, layers.slice(1)), "x");
});
