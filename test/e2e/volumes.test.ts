/** Volumes and mounts by the docker command: what is in them, who has them, and what becomes of them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { hostWithEngine } from "../support/suite.ts";

interface Mount {
  readonly Type: string;
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly Mode: string;
  readonly RW: boolean;
  readonly Propagation: string;
}

describe("volumes", () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  const run = (flags: string, script: string) => docker(`run --rm ${flags} busybox sh -c`, script);
  const mountsOf = async (name: string): Promise<readonly Mount[]> =>
    JSON.parse(await docker("inspect --format", "{{json .Mounts}}", name));
  const names = () => docker.lines("volume ls -q");

  it("outlive containers, are shared by them, and go when nobody has them", async () => {
    assert.equal(await docker("volume create --label team=a data"), "data");
    await run("-v data:/a", "echo text >/a/file");
    await docker.idle("holder", "-v data:/b:ro");
    assert.equal(await run("-v data:/c", "cat /c/file"), "text");
    assert.match((await docker.shell("holder", "echo more >/b/file")).stderr, /Read-only file system/);
    assert.match(await docker.refused("volume rm data"), /remove data: volume is in use - \[[0-9a-f]{64}\]$/);
    assert.deepEqual(await docker.lines("ps -q --filter volume=data"), await docker.lines("ps -q"));
    assert.deepEqual(await docker.lines("ps -q --filter volume=/b"), await docker.lines("ps -q"));
    assert.deepEqual(await docker.lines("volume ls -q --filter dangling=true"), []);
    await docker("rm -f -v holder");
    assert.deepEqual(await docker.lines("volume ls -q --filter dangling=true --filter label=team=a"), [
      "data",
    ]);
    assert.equal(await docker("volume rm data"), "data");
    assert.match(await docker.refused("volume inspect data"), /get data: no such volume/);
  });

  it("that nobody named go with their container, where that is asked for", async () => {
    await docker("run --name kept -v /anon busybox true");
    await docker("run --name gone -v /anon -v named:/named busybox true");
    const [anonymous] = await mountsOf("kept");
    assert.match(anonymous?.Name ?? "", /^[0-9a-f]{64}$/);
    await docker("rm kept");
    await docker("rm -v gone");
    await run("-v /anon", "true");
    assert.deepEqual(await names(), [anonymous?.Name, "named"].sort());
    const [inspected] = JSON.parse(await docker(`volume inspect ${anonymous?.Name}`)) as { Labels: object }[];
    assert.deepEqual(inspected?.Labels, { "com.docker.volume.anonymous": "" });
    assert.match(await docker("volume prune -f"), new RegExp(`^Deleted Volumes:\n${anonymous?.Name}\n`));
    assert.match(await docker("volume prune -f -a"), /^Deleted Volumes:\nnamed\n/);
  });

  it("are filled from the image when they are new, unless that is refused", async () => {
    assert.match(await run("-v etc:/etc", "cat /etc/passwd"), /^root:/);
    assert.equal(await run("-v etc:/x", "ls -l /x/shadow | cut -c1-10"), "-rw-r-----");
    assert.equal(
      await run("-v bare:/etc:nocopy", "ls /etc/passwd 2>&1 || true"),
      "ls: /etc/passwd: No such file or directory",
    );
    await docker("volume rm etc bare");
    assert.match(await docker.refused("run --rm -v file:/etc/passwd busybox true"), /is not directory/);
    assert.deepEqual(await names(), []);
    assert.deepEqual(await docker.lines("ps -aq"), []);
  });

  it("are filled from where a link in the image leads within it, and never from the host", async () => {
    const script = "rm -rf /var/spool; ln -s ../../../etc /var/spool; ln -s /etc /absolute";
    await docker("run --name maker busybox sh -c", script);
    await suite.host.run("sh", ["-c", "docker export maker | docker import - linked"]);
    await docker("rm maker");
    const [relative, absolute] = await Promise.all([
      docker("run --rm -v one:/var/spool/ linked cat /etc/passwd"),
      docker("run --rm -v two:/absolute linked cat /etc/passwd"),
    ]);
    const own = await docker("run --rm linked cat /etc/passwd");
    assert.deepEqual([relative, absolute], [own, own]);
    await docker("volume rm one two");
    await docker("rmi linked");
  });

  it("are where the image wants them, and nobody asked for something else there", async () => {
    await docker("create --name maker busybox");
    const change = "--change 'VOLUME /etc /v' --change 'CMD [\"sh\"]'";
    await suite.host.run("sh", ["-c", `docker export maker | docker import ${change} - wanting`]);
    await docker("rm maker");
    const script = "cat /etc/passwd | head -1; grep -cE ' /(etc|v) ' /proc/mounts";
    assert.match(await docker("run --rm wanting sh -c", script), /^root:.*\n2$/);
    assert.deepEqual(await names(), []);
    await docker("run --name one -v named:/v --tmpfs /etc wanting true");
    assert.deepEqual(await names(), ["named"]);
    await docker("rm -v one");
    await docker("volume rm named");
    await docker("rmi wanting");
  });

  it("come from other containers, read-only where asked", async () => {
    await docker(`create --name source -v shared:/s -v /anon -v ${suite.host.directory}:/h:ro busybox`);
    const table = await run(
      "--volumes-from source:ro",
      "cd / && for d in s anon h; do touch /$d/x 2>&1 || true; done",
    );
    assert.equal(table.match(/Read-only file system/g)?.length, 3);
    assert.match(await docker.refused("create --volumes-from nobody busybox"), /No such container: nobody/);
    await docker("create --name heir --volumes-from source -v /other:/h busybox");
    assert.deepEqual(
      (await mountsOf("heir")).map(({ Type, Destination, RW, Mode }) => [Type, Destination, RW, Mode]),
      [
        ["volume", "/anon", true, ""],
        ["bind", "/h", true, ""],
        ["volume", "/s", true, ""],
      ],
    );
    await docker("rm -v source");
    assert.equal((await names()).length, 2);
    await docker("rm -v heir");
    assert.deepEqual(await names(), ["shared"]);
    await docker("volume rm shared");
  });

  it("have paths within, that never lead out", async () => {
    await run(
      "-v data:/d",
      "mkdir -p /d/sub; echo text >/d/sub/file; ln -s sub /d/good; ln -s / /d/root; ln -s .. /d/up",
    );
    const at = (subpath: string) => `--mount type=volume,source=data,target=/m,volume-subpath=${subpath}`;
    assert.equal(await run(at("sub"), "cat /m/file"), "text");
    assert.equal(await run(at("good/file"), "cat /m"), "text");
    for (const subpath of ["root", "up", "root/etc"]) {
      assert.match(
        await docker.refused(`run --rm ${at(subpath)} busybox true`),
        /escapes the base directory/,
      );
    }
    assert.match(await docker.refused(`run --rm ${at("none")} busybox true`), /cannot access path /);
    assert.match(
      await docker.refused(`run --rm ${at("../x")} busybox true`),
      /must be a relative path within/,
    );
    await docker("volume rm data");
  });

  it("are mounted with options while they are used", async () => {
    await docker("volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,uid=7,noexec memory");
    const mounted = async () =>
      (await suite.host.run("grep", ["-c", "memory/_data", "/proc/mounts"], { check: false })).stdout.trim();
    assert.equal(await mounted(), "0");
    await docker.idle("first", "-v memory:/m");
    assert.match(
      (await docker.shell("first", "grep ' /m ' /proc/mounts")).stdout,
      /tmpfs rw,noexec,relatime,size=1024k,uid=7/,
    );
    await docker.shell("first", "echo text >/m/file");
    assert.equal(await run("-v memory:/m", "cat /m/file"), "text");
    assert.equal(await mounted(), "1");
    await docker("rm -f first");
    assert.equal(await mounted(), "0");
    assert.equal(await run("-v memory:/m", "ls /m"), "");
    await docker("volume create -o type=none -o device=/no/such -o o=bind broken");
    assert.match(
      await docker.refused("run --rm -v broken:/m busybox true"),
      /error while mounting volume '.*': failed to mount local volume: .*ENOENT/,
    );
    await docker("volume rm memory broken");
  });

  it("tell of themselves as Docker's do", async () => {
    const since = String(Date.now() / 1000);
    await run("-v told:/t:ro", "true");
    await docker("volume rm told");
    const lines = await docker.lines(
      `events --since ${since} --until ${Math.ceil(Date.now() / 1000 + 0.5)} --filter type=volume --format`,
      "{{.Action}} {{.Actor.ID}} {{json .Actor.Attributes}}",
    );
    const events = lines.map((line) => {
      const [action = "", id = "", json = ""] = line.split(" ", 3);
      const { container, ...attributes } = JSON.parse(json) as Record<string, string>;
      return [action, id, attributes, container === undefined ? 0 : container.length];
    });
    assert.deepEqual(events, [
      ["create", "told", { driver: "local" }, 0],
      ["mount", "told", { driver: "local", destination: "/t", propagation: "", "read/write": "false" }, 64],
      ["unmount", "told", { driver: "local" }, 64],
      ["destroy", "told", { driver: "local" }, 0],
    ]);
  });
});

describe("mounts", () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  const run = (flags: string, script: string) => docker(`run --rm ${flags} busybox sh -c`, script);

  it("make a missing source for -v, and not for --mount", async () => {
    const source = `${suite.host.directory}/made/here`;
    await run(`-v ${source}:/m`, "echo text >/m/file");
    assert.equal((await suite.host.run("cat", [`${source}/file`])).stdout, "text\n");
    const missing = `type=bind,source=${source}/no,target=/m`;
    assert.match(
      await docker.refused(`run --rm --mount ${missing} busybox true`),
      /invalid mount config for type "bind": bind source path does not exist: .*\/here\/no/,
    );
    await docker("create --name later --mount", `type=bind,source=${source},target=/m`, "busybox");
    await suite.host.run("rm", ["-r", source]);
    assert.match(await docker.refused("start later"), /bind source path does not exist/);
    await docker("rm later");
  });

  it("are read-only with all below, where that is not refused", async () => {
    const source = `${suite.host.directory}/tree`;
    await suite.host.run("sh", ["-c", `mkdir -p ${source}/below && mount -t tmpfs below ${source}/below`]);
    const touch = "touch /m/below/file 2>&1 && echo done";
    assert.match(
      (await suite.host.tryDocker("run", "--rm", "-v", `${source}:/m:ro`, "busybox", "sh", "-c", touch))
        .stdout,
      /Read-only/,
    );
    const mount = `type=bind,source=${source},target=/m,readonly`;
    assert.equal(
      await docker("run --rm --mount", `${mount},bind-recursive=writable`, "busybox", "sh", "-c", touch),
      "done",
    );
    const alone = await docker(
      "run --rm --mount",
      `type=bind,source=${source},target=/m,bind-recursive=disabled`,
      "busybox",
      "sh",
      "-c",
      "grep -c ' /m' /proc/mounts",
    );
    assert.equal(alone, "1");
    // A client from before that gets what it knew.
    const made = await suite.engine.request("POST", "/v1.43/containers/create?name=older", {
      Image: "busybox",
      Cmd: ["sh", "-c", touch],
      HostConfig: { Binds: [`${source}:/m:ro`] },
    });
    assert.equal(made.status, 201);
    assert.equal(await docker("start -a older"), "done");
    await docker("rm older");
  });

  it("spread where the host's own mount does", async () => {
    const source = `${suite.host.directory}/spread`;
    await suite.host.run("sh", [
      "-c",
      `mkdir ${source} && mount -t tmpfs spread ${source} && mkdir ${source}/in`,
    ]);
    assert.match(
      await docker.refused(`run --rm -v ${source}:/m:rslave busybox true`),
      new RegExp(`path ${source} is mounted on ${source} but it is not a shared or slave mount`),
    );
    assert.match(
      await docker.refused(`run --rm -v ${source}:/m:rshared busybox true`),
      /it is not a shared mount/,
    );
    await suite.host.run("mount", ["--make-shared", source]);
    await docker.idle("slave", `-v ${source}:/m:rslave`);
    await docker.idle("private", `-v ${source}:/m`);
    await suite.host.run("mount", ["-t", "tmpfs", "later", `${source}/in`]);
    const seen = async (name: string) =>
      (await docker.shell(name, "grep -c ' /m/in ' /proc/mounts")).stdout.trim();
    assert.deepEqual([await seen("slave"), await seen("private")], ["1", "0"]);
    await docker("rm -f slave private");
  });

  it("of what is mounted read-only are read-only, a volume's own mount included", async () => {
    const source = `${suite.host.directory}/kept`;
    await suite.host.run("mkdir", [source]);
    await docker(`volume create --opt type=none --opt device=${source} --opt o=bind,ro kept`);
    assert.match(await docker.refused("run --rm -v kept:/m busybox touch /m/x"), /Read-only file system/);
    await docker("volume rm kept");
    await suite.host.run("sh", [
      "-c",
      `mount --bind ${source} ${source} && mount -o remount,bind,ro ${source}`,
    ]);
    assert.match(
      await docker.refused(`run --rm -v ${source}:/m busybox touch /m/x`),
      /Read-only file system/,
    );
    await suite.host.run("umount", [source]);
  });

  it("are tmpfs with a size and a mode", async () => {
    const mount = "type=tmpfs,target=/m,tmpfs-size=2m,tmpfs-mode=1750";
    const script = "stat -c %a /m; grep ' /m ' /proc/mounts";
    assert.match(
      await docker("run --rm --mount", mount, "busybox", "sh", "-c", script),
      /^1750\ntmpfs \/m tmpfs rw,nosuid,nodev,noexec,.*size=2048k/,
    );
  });

  it("are shown as they were asked for", async () => {
    const asked = {
      Binds: ["data:/d:nocopy", "/usr:/t:ro,rprivate"],
      Mounts: [
        { Type: "tmpfs", Target: "/m", TmpfsOptions: { SizeBytes: 1 << 20 } },
        { Type: "volume", Source: "data", Target: "/v", ReadOnly: true, VolumeOptions: { NoCopy: true } },
      ],
    };
    await suite.engine.request("POST", "/containers/create?name=shown", {
      Image: "busybox",
      HostConfig: { ...asked, Tmpfs: { "/u": "size=1m" } },
      Volumes: { "/anon": {} },
    });
    const [shown] = JSON.parse(await docker("inspect shown"));
    assert.deepEqual(shown.HostConfig.Binds, asked.Binds);
    assert.deepEqual(shown.HostConfig.Mounts, asked.Mounts);
    assert.equal(shown.HostConfig.VolumesFrom, null);
    assert.deepEqual(shown.Config.Volumes, { "/anon": {} });
    const known = (shown.Mounts as Mount[]).map(({ Name, Source, ...rest }) => [
      Name?.length === 64 ? "anonymous" : Name,
      Source.replace(/^.*\/volumes\/[^/]+\//, ""),
      rest,
    ]);
    const volume = { Type: "volume", Driver: "local", RW: true, Propagation: "" };
    assert.deepEqual(known, [
      ["anonymous", "_data", { ...volume, Destination: "/anon", Mode: "" }],
      ["data", "_data", { ...volume, Destination: "/d", Mode: "nocopy" }],
      [undefined, "", { Type: "tmpfs", Destination: "/m", Mode: "", RW: true, Propagation: "" }],
      [
        undefined,
        "/usr",
        { Type: "bind", Destination: "/t", Mode: "ro,rprivate", RW: false, Propagation: "rprivate" },
      ],
      ["data", "_data", { ...volume, Destination: "/v", Mode: "z", RW: false }],
    ]);
    await docker("rm -v shown");
    await docker("volume rm data");
  });
});
