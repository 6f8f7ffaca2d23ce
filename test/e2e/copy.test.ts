import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { dockerIn } from "../support/docker.ts";
import { isRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";
import { ARCHIVED, type Case, INTO, OUT_OF } from "./copy-table.ts";

const IN_CONTAINER =
  "cd /; rm -rf /c; mkdir -p /c/dir/sub /c/out; cd /c; echo cont >file; echo ca >dir/a; echo cb >dir/sub/b; ln -s a dir/link; " +
  "ln -s file linkfile; ln -s /c/dir linkdir; ln -s nowhere broken; echo old >out/old; ln -s /c/out/absent dangling";
const ON_HOST =
  "mkdir -p dir/sub out; echo host >file; echo a >dir/a; echo b >dir/sub/b; ln -s a dir/link; " +
  "ln -s file linkfile; ln -s dir linkdir; ln -s nowhere broken; echo old >out/old";

/** All files and links below the working directory, one a word. */
const LIST =
  'find . -type f | while read f; do echo "$f=$(cat "$f")"; done; find . -type l | while read f; do echo "$f->$(readlink "$f")"; done';

const words = (text: string): Set<string> => new Set(text.split(/\s+/).filter(Boolean));

/** `+new` and `-gone`. */
function difference(was: string, is: string): string {
  const [before, after] = [words(was), words(is)];
  const added = [...after].filter((word) => !before.has(word)).map((word) => `+${word.replace(/^\.\//, "")}`);
  const gone = [...before].filter((word) => !after.has(word)).map((word) => `-${word.replace(/^\.\//, "")}`);
  return [...added.sort(), ...gone.sort()].join(" ");
}

describe("docker cp", { skip: !isRoot() && "needs root" }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  let directory = "";
  let places = 0;

  const shell = (line: string) => suite.host.run("sh", ["-c", line], { check: false });

  /** A new directory with the host's files. */
  async function place(): Promise<string> {
    places += 1;
    const path = join(directory, String(places));
    await suite.host.run("sh", ["-c", `mkdir -p ${path} && cd ${path} && ${ON_HOST}`]);
    return path;
  }

  async function copied(path: string, [from, to]: Case): Promise<string | undefined> {
    const { code, stderr } = await shell(`cd ${path} && docker cp -q ${from} ${to}`);
    if (code === 0) return undefined;
    const told = stderr.split("\n").filter((line) => line !== "" && !line.includes("level=error"));
    return (told.at(-1) ?? "").replaceAll(path, "@");
  }

  before(async () => {
    directory = join(suite.host.directory, "copy");
    mkdirSync(directory);
    await docker.idle("box");
    await docker("exec box sh -c", IN_CONTAINER);
  });

  test("into a container: the table", async () => {
    const path = await place();
    const { stdout: fresh } = await docker.shell("box", `cd /c; ${LIST}`);
    for (const row of INTO) {
      const told = await copied(path, row);
      const { stdout } = await docker.shell("box", `cd /c; { ${LIST}; } ; ${IN_CONTAINER}`);
      assert.equal(told ?? difference(fresh, stdout), row[2], `docker cp ${row[0]} ${row[1]}`);
    }
  });

  test("the working directory of one that never ran", async () => {
    const path = await place();
    await docker("create --name idle -w /home/new/work busybox");
    assert.equal(await copied(path, ["idle:/home/new", ".", ""]), undefined);
    assert.equal(await copied(path, ["file", "idle:/home/new/work/", ""]), undefined);
    assert.deepEqual(readdirSync(join(path, "new/work")), []);
    await docker("rm idle");
    const refused = await suite.host.docker("create", "-w", "/etc/passwd", "busybox").catch(String);
    assert.match(String(refused), /Cannot mkdir: \/etc\/passwd is not a directory/);
  });

  test("out of a container: the table", async () => {
    for (const row of OUT_OF) {
      const path = await place();
      const list = () => shell(`cd ${path}; ${LIST}`);
      const fresh = (await list()).stdout;
      const told = await copied(path, row);
      assert.equal(told ?? difference(fresh, (await list()).stdout), row[2], `docker cp ${row[0]} ${row[1]}`);
    }
  });

  test("as an archive: the table", async () => {
    for (const [from, names] of ARCHIVED) {
      const { stdout } = await shell(`docker cp ${from} - | tar t`);
      assert.equal(stdout.trim().split("\n").join(" "), names, from);
    }
  });

  test("a running, a paused and a stopped container show their volumes, binds and tmpfs", async () => {
    const path = await place();
    await docker(
      `create --name held -v ${path}/dir:/bind -v vol:/vol -v vol:/fixed:ro --tmpfs /scratch busybox sleep 1000`,
    );
    const read = async (from: string) => (await shell(`docker cp held:${from} - | tar xO`)).stdout;
    assert.equal(await read("/bind/a"), "a\n", "never started");
    await docker(`cp -q ${path}/file held:/vol/one`);
    assert.equal(await read("/fixed/one"), "host\n");
    await docker("start held");
    await docker(`cp -q ${path}/file held:/scratch/two`);
    assert.equal((await docker.shell("held", "cat /scratch/two /vol/one")).stdout, "host\nhost\n");
    await docker("pause held");
    assert.equal(await read("/scratch/two"), "host\n", "paused");
    await docker(`cp -q ${path}/file held:/bind/three`);
    assert.equal(readFileSync(join(path, "dir/three"), "utf8"), "host\n");
    await docker("unpause held");
    await docker("stop -t 0 held");
    assert.equal(await read("/vol/one"), "host\n", "stopped");
    assert.match(await read("/etc/hosts"), /localhost/);
    const fixed = await docker.refused(`cp ${path}/file held:/fixed/x`);
    assert.match(fixed, /^Error response from daemon: mounted volume is marked read-only$/m);
  });

  test("a read-only root refuses, running or not; its volumes do not", async () => {
    const path = await place();
    await docker("run -d --name fixed --read-only -v vol:/vol busybox sleep 1000");
    const words = /^Error response from daemon: container rootfs is marked read-only$/m;
    assert.match(await docker.refused(`cp ${path}/file fixed:/x`), words);
    await docker(`cp -q ${path}/file fixed:/vol/x`);
    await docker("stop -t 0 fixed");
    assert.match(await docker.refused(`cp ${path}/file fixed:/x`), words);
    await docker(`cp -q ${path}/file fixed:/vol/y`);
  });

  test("owners: as archived, or with -a by the container's user", async () => {
    const path = await place();
    await suite.host.run("chown", ["12:34", `${path}/file`]);
    await docker("run -d --name owned --user 56:78 busybox sleep 1000");
    await docker(`cp -q ${path}/file owned:/tmp/plain`);
    await docker(`cp -q -a ${path}/file owned:/tmp/archived`);
    const { stdout } = await docker.shell("owned", "stat -c %u:%g /tmp/plain /tmp/archived");
    assert.equal(stdout, "12:34\n56:78\n");
  });

  test("compressed archives of all kinds go in", async () => {
    const path = await place();
    for (const program of ["gzip", "bzip2", "xz", "zstd", "cat"]) {
      await docker("exec box sh -c", "rm -rf /in; mkdir /in");
      const { code, stderr } = await shell(`tar c -C ${path} dir | ${program} | docker cp - box:/in`);
      assert.equal(code, 0, `${program}: ${stderr}`);
      assert.equal((await docker.shell("box", "cat /in/dir/a /in/dir/sub/b")).stdout, "a\nb\n", program);
    }
  });

  test("clients that vanish in the middle leave no descriptor and no mount", async () => {
    await docker("create --name large busybox true");
    const path = await place();
    writeFileSync(join(path, "large"), Buffer.alloc(64 << 20));
    await docker(`cp -q ${path}/large large:/large`);
    const held = () => readdirSync(`/proc/${suite.engine.pid}/fd`).length;
    const mounted = async () => (await shell("grep -c overlay /proc/self/mountinfo")).stdout;
    const quiet = { fds: held(), mounts: await mounted() };
    const socket = join(suite.host.directory, "engine.sock");
    for (const head of [
      "GET /containers/large/archive?path=/ HTTP/1.1\r\nHost: d\r\n\r\n",
      "PUT /containers/large/archive?path=/ HTTP/1.1\r\nHost: d\r\nContent-Length: 100000\r\n\r\nabc",
      "PUT /containers/box/archive?path=/ HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ]) {
      const client = connect(socket);
      client.on("error", () => {}); // cut off is what it shall be
      client.write(head);
      if (head.startsWith("GET")) await new Promise((resolve) => client.once("data", resolve));
      else await delay(50);
      client.destroy();
    }
    for (let tries = 0; tries < 100; tries += 1) {
      if (held() <= quiet.fds && (await mounted()) === quiet.mounts) break;
      await delay(50);
    }
    assert.equal(await mounted(), quiet.mounts);
    assert.ok(held() <= quiet.fds, `${held()} descriptors, and ${quiet.fds} before`);
  });
});
