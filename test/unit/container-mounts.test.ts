/** What a create request's mounts come to, as a table; and how the API reads them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mountRequests, volumeDriverWarning } from "../../src/api/mount-requests.ts";
import { mountRequest } from "../../src/api/shapes/mounts.ts";
import { parseVolumesFrom } from "../../src/container/mounts/binds.ts";
import { whyNoRecursiveReadonly } from "../../src/container/mounts/recursive-readonly.ts";
import { type SettlingInput, settleMounts } from "../../src/container/mounts/settling.ts";
import { mountOfPath } from "../../src/container/mounts/sources.ts";
import { tmpfsText } from "../../src/container/mounts/tmpfs.ts";
import { readContainers } from "../../src/container/record.ts";
import type { HostConfig, MountPoint, MountRequest } from "../../src/container/types.ts";
import { EngineError, notFound } from "../../src/lib/errors.ts";
import { parseMountinfo } from "../../src/linux/mount.ts";
import { MemoryStore } from "../../src/store/memory.ts";

type Asked = Partial<HostConfig> & { readonly volumes?: readonly string[] };

const ROOT = "/var/lib/drawbridge";

const ANONYMOUS: MountPoint = {
  Type: "volume",
  Name: "ab".repeat(32),
  Source: `${ROOT}/volumes/${"ab".repeat(32)}/_data`,
  Destination: "/anon",
  Driver: "local",
  Mode: "",
  RW: true,
  Propagation: "",
  plan: { recursive: true, copyUp: true, makeSource: false, anonymous: true },
};
const OTHER: readonly MountPoint[] = [
  ANONYMOUS,
  { ...ANONYMOUS, Name: "data", Destination: "/data", Mode: "z", RW: false },
];

function settle({ volumes = [], ...asked }: Asked, more: Partial<SettlingInput> = {}) {
  const nothing = { Binds: [], Mounts: [], VolumesFrom: [], VolumeDriver: "", Tmpfs: {} };
  return settleMounts({
    hostConfig: { ...nothing, ...asked },
    volumes,
    readonlyNonRecursive: false,
    dataRoot: ROOT,
    mountsOf: (container) => {
      if (container === "other") return OTHER;
      throw notFound(`No such container: ${container}`);
    },
    exists: (path) => path !== "/missing",
    ...more,
  });
}

/** `bind /a → /b ro rprivate`, `volume data → /x rw copy`, a word each of what matters. */
const told = (asked: Asked, more?: Partial<SettlingInput>): string[] =>
  settle(asked, more).map(({ point, volume }) => {
    const name = volume?.name ?? point.Name?.slice(0, 4) ?? "";
    return [
      `${point.Type} ${point.Source || name} → ${point.Destination}`,
      point.RW ? "rw" : "ro",
      point.Propagation,
      point.plan.copyUp && "copy",
      point.plan.makeSource && "make",
      point.plan.anonymous && "anonymous",
      !point.plan.recursive && "alone",
      point.plan.subpath && `at ${point.plan.subpath}`,
      volume?.driver && `by ${volume.driver}`,
      point.Mode && `mode ${point.Mode}`,
    ]
      .filter(Boolean)
      .join(" ");
  });

const bind = (more: Partial<MountRequest> = {}): MountRequest => ({
  Type: "bind",
  Source: "/a",
  Target: "/b",
  ...more,
});
const volume = (more: Partial<MountRequest> = {}): MountRequest => ({
  Type: "volume",
  Target: "/v",
  ...more,
});

describe("mounts of a container", () => {
  const table: readonly (readonly [string, Asked, readonly string[]])[] = [
    ["nothing", {}, []],
    ["a bind", { Binds: ["/a/:/b//c/"] }, ["bind /a → /b/c rw rprivate make"]],
    ["its modes", { Binds: ["/a:/b:ro,z,rslave"] }, ["bind /a → /b ro rslave make mode ro,z,rslave"]],
    ["a named volume", { Binds: ["data:/d"] }, ["volume data → /d rw copy mode z"]],
    ["nocopy", { Binds: ["data:/d:nocopy,ro"] }, ["volume data → /d ro mode nocopy,ro"]],
    ["a destination alone", { Binds: ["/d"] }, ["volume  → /d rw copy anonymous mode z"]],
    [
      "volumes",
      { volumes: ["/d/", "e"] },
      ["volume  → /d rw copy anonymous", "volume  → /e rw copy anonymous"],
    ],
    [
      "a driver for all",
      { Binds: ["data:/d", "/a:/b"], volumes: ["/e"], VolumeDriver: "nfs" },
      [
        "bind /a → /b rw rprivate make",
        "volume data → /d rw copy by nfs mode z",
        "volume  → /e rw copy anonymous by nfs",
      ],
    ],
    [
      "volumes give way to what is asked for",
      { Binds: ["/a:/b"], Tmpfs: { "/t": "" }, volumes: ["/b", "/t"] },
      ["bind /a → /b rw rprivate make"],
    ],
    [
      "another container's, with nothing copied",
      { VolumesFrom: ["other"] },
      [
        `volume ${ROOT}/volumes/${"ab".repeat(32)}/_data → /anon rw anonymous`,
        `volume ${ROOT}/volumes/${"ab".repeat(32)}/_data → /data ro anonymous`,
      ],
    ],
    [
      "read-only, and overridden by a bind",
      { VolumesFrom: ["other:ro"], Binds: ["/a:/data"], volumes: ["/anon"] },
      [
        `volume ${ROOT}/volumes/${"ab".repeat(32)}/_data → /anon ro anonymous`,
        "bind /a → /data rw rprivate make",
      ],
    ],
    ["a bind in its long form", { Mounts: [bind()] }, ["bind /a → /b rw rprivate"]],
    [
      "that makes its source",
      { Mounts: [bind({ Source: "/missing", BindOptions: { CreateMountpoint: true, NonRecursive: true } })] },
      ["bind /missing → /b rw rprivate make alone"],
    ],
    [
      "a volume in its long form",
      {
        Mounts: [
          volume({
            Source: "data",
            ReadOnly: true,
            VolumeOptions: { NoCopy: true, Subpath: "x/y", DriverConfig: { Name: "local" } },
          }),
        ],
      },
      ["volume data → /v ro at x/y by local mode z"],
    ],
    ["that nobody named", { Mounts: [volume()] }, ["volume  → /v rw copy anonymous mode z"]],
    ["a tmpfs", { Mounts: [{ Type: "tmpfs", Target: "/t" }] }, ["tmpfs  → /t rw"]],
    ["the engine's own root", { Binds: [`${ROOT}/x:/x`] }, [`bind ${ROOT}/x → /x rw rslave make`]],
    ["what holds it", { Binds: ["/:/host"] }, ["bind / → /host rw rslave make"]],
  ];
  for (const [name, asked, expected] of table) {
    it(`settles ${name}`, () => assert.deepEqual(told(asked), expected));
  }

  const refused: readonly (readonly [Asked, RegExp])[] = [
    [{ Binds: [""] }, /^invalid volume specification: ''$/],
    [{ Binds: [":/b"] }, /^invalid volume specification: ':\/b'$/],
    [{ Binds: ["/a:ro"] }, /^invalid volume specification: '\/a:ro'$/],
    [{ Binds: ["/a:/b:rw:x"] }, /^invalid volume specification/],
    [{ Binds: ["/a:/b:what"] }, /^invalid mode: what$/],
    [{ Binds: ["/a:/b:ro,rw"] }, /^invalid mode: ro,rw$/],
    [{ Binds: ["/a:/b:shared,slave"] }, /^invalid mode: shared,slave$/],
    [
      { Binds: ["data"] },
      /: invalid mount config for type "volume": invalid mount path: 'data' mount path must/,
    ],
    [
      { Binds: ["/a:b"] },
      /: invalid mount config for type "bind": invalid mount path: 'b' mount path must be abs/,
    ],
    [{ Binds: ["/a:/."] }, /destination can't be '\/'$/],
    [{ Binds: ["/a:/b:nocopy"] }, /type "bind": field VolumeOptions must not be specified$/],
    [{ Binds: ["data:/b:rshared"] }, /type "volume": field BindOptions must not be specified$/],
    [{ Binds: ["/a\0:/b"] }, /a NUL byte in a path$/],
    [{ Binds: ["/a:/x", "/b:/x/"] }, /^Duplicate mount point: \/x$/],
    [{ Binds: ["/a:/x"], Tmpfs: { "/x/": "" } }, /^Duplicate mount point: \/x$/],
    [{ Binds: ["/a:/b"], Mounts: [bind()] }, /^Duplicate mount point: \/b$/],
    [{ volumes: ["/a/.."] }, /destination can't be '\/'$/],
    [{ volumes: ["/a\0b"] }, /a NUL byte in a path/],
    [
      { Mounts: [bind({ Target: "" })] },
      /^invalid mount config for type "bind": field Target must not be empty$/,
    ],
    [{ Mounts: [bind({ Source: "" })] }, /: field Source must not be empty$/],
    [{ Mounts: [bind({ Source: "a" })] }, /: invalid mount path: 'a' mount path must be absolute$/],
    [{ Mounts: [bind({ Source: "/missing" })] }, /: bind source path does not exist: \/missing$/],
    [{ Mounts: [bind({ BindOptions: { Propagation: "x" } })] }, /: invalid propagation mode: x$/],
    [
      { Mounts: [bind({ BindOptions: { ReadOnlyNonRecursive: true } })] },
      /^mount options conflict: !ReadOnly && BindOptions\.ReadOnlyNonRecursive$/,
    ],
    [
      { Mounts: [bind({ BindOptions: { ReadOnlyForceRecursive: true } })] },
      /^mount options conflict: !ReadOnly && BindOptions\.ReadOnlyForceRecursive$/,
    ],
    [
      {
        Mounts: [
          bind({ ReadOnly: true, BindOptions: { ReadOnlyNonRecursive: true, ReadOnlyForceRecursive: true } }),
        ],
      },
      /^mount options conflict: ReadOnlyNonRecursive && BindOptions\.ReadOnlyForceRecursive$/,
    ],
    [
      { Mounts: [bind({ Source: "/", BindOptions: { Propagation: "private" } })] },
      /must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root/,
    ],
    [{ Mounts: [volume({ ReadOnly: true })] }, /: must not set ReadOnly mode when using anonymous volumes$/],
    [
      { Mounts: [volume({ VolumeOptions: { Subpath: "x" } })] },
      /: must not set Subpath when using anonymous/,
    ],
    [
      { Mounts: [volume({ Source: "data", VolumeOptions: { Subpath: "a/../../b" } })] },
      /: subpath must be a relative path within the volume$/,
    ],
    [{ Mounts: [{ Type: "tmpfs", Target: "/t", Source: "x" }] }, /: field Source must not be specified$/],
    [
      { Mounts: [{ Type: "tmpfs", Target: "/t", TmpfsOptions: { Options: [["uid", "0"]] } }] },
      /: invalid option: uid$/,
    ],
    [
      { Mounts: [{ Type: "npipe", Target: "/t", Source: "x" }] },
      /^invalid mount config for type "npipe": mount type unk/,
    ],
    [{ VolumesFrom: ["nobody"] }, /^No such container: nobody$/],
    [{ VolumesFrom: [""] }, /^volumes-from specification cannot be an empty string$/],
    [{ VolumesFrom: ["other:nocopy"] }, /^invalid mode: nocopy$/],
    [{ VolumesFrom: ["other:rshared"] }, /^invalid mode: rshared$/],
  ];
  for (const [asked, message] of refused) {
    it(`refuses ${JSON.stringify(asked)}`, () => {
      assert.throws(
        () => settle(asked),
        (thrown: unknown) => {
          assert.ok(thrown instanceof EngineError);
          assert.equal(thrown.kind, "invalid");
          assert.match(thrown.message, message);
          return true;
        },
      );
    });
  }

  it("says that images are not mounted here", () => {
    assert.throws(() => settle({ Mounts: [{ Type: "image", Target: "/i", Source: "busybox" }] }), {
      kind: "not-built-in",
    });
  });

  it("leaves mounts below a read-only one alone for clients from before that", () => {
    const recursive = (more?: Partial<SettlingInput>) =>
      settle({ Binds: ["/a:/b:ro"] }, more)[0]?.point.plan.readonlyRecursive;
    assert.equal(recursive(), true);
    assert.equal(recursive({ readonlyNonRecursive: true }), false);
  });

  it("reads whom volumes are from", () => {
    assert.deepEqual(parseVolumesFrom("web"), { container: "web", readonly: false });
    assert.deepEqual(parseVolumesFrom("web:ro,z"), { container: "web", readonly: true });
  });

  it("writes sizes of a tmpfs with the largest unit that divides them", () => {
    const text = (SizeBytes: number, Mode = 0) =>
      tmpfsText({ Type: "tmpfs", Target: "/t", ReadOnly: true, TmpfsOptions: { SizeBytes, Mode } });
    assert.equal(text(3 * 2 ** 30, 0o1777), "ro,mode=1777,size=3g");
    assert.equal(text(1536 * 1024), "ro,size=1536k");
    assert.equal(text(1000), "ro,size=1000");
  });
});

describe("a record from before there were volumes", () => {
  it("has the mounts that its binds say", async () => {
    const store = new MemoryStore();
    const id = "ab".repeat(32);
    const hostConfig = { NetworkMode: "bridge", Binds: ["/a:/b", "/c/:/d:ro,rslave,bind-nonrecursive"] };
    const value = { id, config: {}, hostConfig, endpoints: {}, path: "sh", args: [] };
    await store.commit([{ key: `container/${id}/config`, value }]);
    const [container] = await readContainers(store);
    assert.deepEqual(container?.mounts, [
      {
        Type: "bind",
        Source: "/a",
        Destination: "/b",
        Mode: "",
        RW: true,
        Propagation: "rprivate",
        plan: { recursive: true, copyUp: false, makeSource: true },
      },
      {
        Type: "bind",
        Source: "/c",
        Destination: "/d",
        Mode: "ro,rslave,bind-nonrecursive",
        RW: false,
        Propagation: "rslave",
        plan: { recursive: false, copyUp: false, makeSource: true },
      },
    ]);
    assert.deepEqual(container?.hostConfig.Mounts, []);
  });
});

describe("recursive read-only", () => {
  it("takes a kernel and a runtime that know it", () => {
    const crun = { name: "crun", version: "1.8.1" };
    assert.equal(whyNoRecursiveReadonly("6.18.0-x", crun), undefined);
    assert.equal(whyNoRecursiveReadonly("5.12.1", { name: "runc", version: "1.1.5+ds1" }), undefined);
    assert.match(whyNoRecursiveReadonly("5.11.99", crun) ?? "", /the kernel is 5\.11\.99/);
    assert.match(whyNoRecursiveReadonly("6.1", { name: "crun", version: "1.3" }) ?? "", /crun 1\.3/);
    assert.match(whyNoRecursiveReadonly("6.1", { name: "youki", version: "9" }) ?? "", /youki/);
  });
});

describe("the mount that a path lies on", () => {
  it("is the nearest, and of two at one place the upper", () => {
    const line = (target: string, tags: string, type: string) =>
      `1 1 0:1 / ${target} rw ${tags}- ${type} none rw`;
    const table = parseMountinfo(
      [line("/", "", "ext4"), line("/a", "shared:7 ", "xfs"), line("/a", "master:3 shared:4 ", "tmpfs")].join(
        "\n",
      ),
    );
    assert.deepEqual(mountOfPath("/a/b", table).propagation, ["master:3", "shared:4"]);
    assert.equal(mountOfPath("/ab", table).type, "ext4");
    assert.equal(mountOfPath("/", table).type, "ext4");
  });
});

describe("mounts as the API reads them", () => {
  const one = (mount: unknown, minor: number) => mountRequests([mount as MountRequest], minor)[0];

  it("leaves out what is null", () => {
    assert.deepEqual(one({ Type: "bind", Source: "/a", Target: "/b", VolumeOptions: null }, 50), {
      Type: "bind",
      Source: "/a",
      Target: "/b",
    });
    assert.deepEqual(one({}, 50), { Type: "", Target: "" });
  });

  it("refuses what a version does not have", () => {
    const table = [
      [{ Type: "bind", VolumeOptions: {} }, 42, /^VolumeOptions must not be specified on mount type "bind"$/],
      [
        { Type: "volume", TmpfsOptions: {} },
        50,
        /^TmpfsOptions must not be specified on mount type "volume"$/,
      ],
      [{ Type: "bind", BindOptions: { ReadOnlyForceRecursive: true } }, 43, /needs API v1\.44 or newer$/],
      [{ Type: "volume", VolumeOptions: { Subpath: "x" } }, 44, /needs API v1\.45 or newer$/],
      [{ Type: "image" }, 47, /needs API v1\.48 or newer$/],
    ] as const;
    for (const [mount, minor, message] of table) assert.throws(() => one(mount, minor), { message });
  });

  it("drops what a version did not look at", () => {
    const options = { CreateMountpoint: true, NonRecursive: true };
    const mount = { Type: "bind", Target: "/b", BindOptions: options, TmpfsOptions: {}, VolumeOptions: {} };
    assert.deepEqual(one(mount, 39)?.BindOptions, { CreateMountpoint: false, NonRecursive: false });
    assert.deepEqual(Object.keys(one(mount, 41) ?? {}), ["Type", "Target", "BindOptions"]);
  });

  it("warns of a driver for all volumes that mounts don't go by", () => {
    const Mounts = [volume()];
    assert.match(volumeDriverWarning({ VolumeDriver: "nfs", Mounts }, 48) ?? "", /is ignored for volumes/);
    assert.equal(volumeDriverWarning({ VolumeDriver: "nfs", Mounts }, 47), undefined);
    const own = volume({ VolumeOptions: { DriverConfig: { Name: "local" } } });
    assert.equal(volumeDriverWarning({ VolumeDriver: "nfs", Mounts: [own] }, 50), undefined);
  });

  it("shows what was asked for, and not what was not", () => {
    const shown = mountRequest({
      Type: "bind",
      Source: "/a",
      Target: "/b",
      ReadOnly: false,
      BindOptions: {},
      VolumeOptions: null,
    });
    assert.deepEqual(shown, { Type: "bind", Source: "/a", Target: "/b", BindOptions: {} });
  });
});
