/** What a volume's request comes to, and what its options mean to mount(2). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Filters } from "../../src/api/filters.ts";
import { volumeShape } from "../../src/api/shapes/volume.ts";
import { prunableVolume, selectVolumes } from "../../src/api/volume-filters.ts";
import { parseMountOptions } from "../../src/linux/mount-options.ts";
import { mountingOf, needsMount, withoutPassword } from "../../src/volume/driver-options.ts";
import { describe as describeVolume } from "../../src/volume/request.ts";
import type { Volume } from "../../src/volume/types.ts";

const VOLUME: Volume = {
  name: "data",
  driver: "local",
  mountpoint: "/volumes/data/_data",
  created: "2026-01-02T03:04:05.123456789Z",
  labels: { team: "a", tier: "1" },
  options: {},
  anonymous: false,
};

describe("a volume's request", () => {
  it("has a name drawn where it has none", () => {
    const { name, labels, anonymous } = describeVolume({ labels: { a: "b" } });
    assert.match(name, /^[0-9a-f]{64}$/);
    assert.deepEqual(labels, { a: "b", "com.docker.volume.anonymous": "" });
    assert.equal(anonymous, true);
    assert.equal(describeVolume({ name: "data" }).anonymous, false);
  });

  const refused = [
    [{ name: "x" }, "invalid", /^create x: volume name is too short, names should be at least two alph/],
    [
      { name: "../x" },
      "invalid",
      /^create \.\.\/x: "\.\.\/x" includes invalid characters for a local volume name/,
    ],
    [{ name: "a\n" }, "invalid", /includes invalid characters/],
    [{ name: "x".repeat(256) }, "invalid", /volume name is too long/],
    [
      { name: "data", driver: "nfs" },
      "not-found",
      /^create data: error looking up volume plugin nfs: plugin "nfs"/,
    ],
    [{ name: "data", options: { what: "x" } }, "invalid", /invalid option: "what"$/],
    [{ name: "data", options: { constructor: "x" } }, "invalid", /invalid option: "constructor"$/],
    [{ name: "data", options: { type: "tmpfs" } }, "invalid", /missing required option: "device"$/],
    [{ name: "data", options: { o: "ro", device: "x" } }, "invalid", /missing required option: "type"$/],
    [{ name: "data", options: { size: "10g" } }, "invalid", /quota size requested but no quota support$/],
    [{ name: "data", options: { size: "ten" } }, "invalid", /invalid size: 'ten'$/],
    [{ name: "data", options: { type: "cifs", device: "//h:1/s" } }, "invalid", /port not allowed/],
    [
      { name: "data", options: { type: "cifs", device: "smb://h:1/s" } },
      "invalid",
      /port not allowed in CIFS/,
    ],
  ] as const;
  for (const [request, kind, message] of refused) {
    it(`is refused: ${JSON.stringify(request).slice(0, 70)}`, () => {
      assert.throws(() => describeVolume(request), { kind, message });
    });
  }

  it("may ask for a quota of nothing", () => {
    assert.deepEqual(describeVolume({ name: "data", options: { size: "0" } }).options, { size: "0" });
  });
});

describe("a volume's options", () => {
  it("are told apart into flags and the file system's own", () => {
    const table = [
      ["", [], ""],
      ["defaults,ro,noexec,size=1m,uid=5", ["ro", "noexec"], "size=1m,uid=5"],
      ["ro,rw,nosuid,suid", [], ""],
      ["rbind,ro", ["bind", "rec", "ro"], ""],
    ] as const;
    for (const [text, flags, data] of table) {
      assert.deepEqual(parseMountOptions(text), { flags, propagation: [], data }, text);
    }
    assert.deepEqual(parseMountOptions("bind,rslave").propagation, [["slave", "rec"]]);
  });

  it("say whether something is mounted", async () => {
    assert.equal(needsMount(VOLUME), false);
    assert.equal(needsMount({ options: { size: "0" } }), false);
    const volume = { ...VOLUME, options: { type: "nfs", device: ":/x", o: "addr=192.0.2.1,rw,nolock" } };
    assert.equal(needsMount(volume), true);
    assert.deepEqual(await mountingOf(volume), {
      given: { source: ":/x", target: VOLUME.mountpoint, type: "nfs" },
      options: { flags: [], propagation: [], data: "addr=192.0.2.1,nolock" },
    });
  });

  it("resolve a server's name", async () => {
    const nfs = { ...VOLUME, options: { type: "nfs", device: ":/x", o: "nolock,addr=localhost" } };
    assert.match((await mountingOf(nfs)).options.data, /^nolock,addr=(127\.0\.0\.1|::1)$/);
    const cifs = { ...VOLUME, options: { type: "cifs", device: "//localhost/share" } };
    assert.match((await mountingOf(cifs)).given.source, /^\/\/(127\.0\.0\.1|::1)\/share$/);
  });

  it("have no password in what is told of them", () => {
    assert.equal(
      withoutPassword("mount x: user=a,password=b,c: EIO"),
      "mount x: user=a,password=********,c: EIO",
    );
  });
});

describe("volumes in the API", () => {
  const anonymous = { ...VOLUME, name: "ab", labels: {}, anonymous: true };
  const mounted = { ...VOLUME, name: "nfs", options: { type: "nfs", device: "x" } };
  const all = [anonymous, VOLUME, mounted];
  const filters = (values: Record<string, string[]>) => new Filters(new Map(Object.entries(values)));

  it("are shown with nulls for what is empty", () => {
    assert.deepEqual(volumeShape(anonymous, { size: 5, containers: 1 }), {
      CreatedAt: "2026-01-02T03:04:05Z",
      Driver: "local",
      Labels: null,
      Mountpoint: "/volumes/data/_data",
      Name: "ab",
      Options: null,
      Scope: "local",
      UsageData: { RefCount: 1, Size: 5 },
    });
  });

  it("are filtered", () => {
    const usedBy = (name: string) => (name === "data" ? ["c1"] : []);
    const names = (values: Record<string, string[]>) =>
      selectVolumes(all, usedBy, filters(values)).map(({ name }) => name);
    assert.deepEqual(names({}), ["ab", "data", "nfs"]);
    assert.deepEqual(names({ dangling: ["true"] }), ["ab", "nfs"]);
    assert.deepEqual(names({ dangling: ["0"] }), ["data"]);
    assert.deepEqual(names({ name: ["at", "^n"] }), ["data", "nfs"]);
    assert.deepEqual(names({ driver: ["nfs"] }), []);
    assert.deepEqual(names({ label: ["team=a", "tier"] }), ["data", "nfs"]);
    assert.deepEqual(names({ label: ["team=a", "none"] }), []);
  });

  it("are pruned where nobody named them; all of this disk where asked, and before 1.42", () => {
    const names = (values: Record<string, string[]>, minor = 50) =>
      all.filter(prunableVolume(filters(values), minor)).map(({ name }) => name);
    assert.deepEqual(names({}), ["ab"]);
    assert.deepEqual(names({}, 41), ["ab", "data"]);
    assert.deepEqual(names({ all: ["true"] }), ["ab", "data"]);
    assert.deepEqual(names({ all: ["0"] }), ["ab"]);
    assert.deepEqual(names({ all: ["1"], label: ["team"] }), ["data"]);
    assert.deepEqual(names({ all: ["1"], "label!": ["team"] }), ["ab"]);
    assert.throws(() => names({ all: ["a", "b"] }), { message: /only one value is expected$/ });
    assert.throws(() => names({ all: ["maybe"] }), { message: /^invalid filter 'all': strconv\.ParseBool/ });
  });
});
