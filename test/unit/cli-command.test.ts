import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { drawbridge, fakeEngine, frame } from "./cli-fake-engine.ts";

const NOBODY = "unix:///nonexistent/drawbridge.sock";

test("no engine: what to do is said, and what is known of the client all the same", async () => {
  const [version, run] = await Promise.all([
    drawbridge(NOBODY, ["version"]),
    drawbridge(NOBODY, ["run", "b"]),
  ]);
  const message = `Cannot connect to the Drawbridge daemon at ${NOBODY}. Is it running? Start it with: sudo drawbridge daemon\n`;
  assert.deepEqual([version.status, version.stderr], [1, message]);
  assert.match(version.stdout, /^Client:\n Version: {10}\d/);
  assert.deepEqual(
    [run.status, run.stderr],
    [125, `drawbridge: ${message}\nRun 'drawbridge run --help' for more information\n`],
  );
});

test("run: attached, with input to its end, both outputs apart, and the container's status", async () => {
  let begin = () => {};
  const started = new Promise<void>((resolve) => {
    begin = resolve;
  });
  await using engine = await fakeEngine({
    "POST /containers/create": {
      write: (response) => response.writeHead(201).end('{"Id":"c1","Warnings":["no swap"]}'),
    },
    "POST /containers/c1/attach": {
      connection: async (stream) => {
        let input = "";
        stream.on("data", (piece: Buffer) => {
          input += piece;
        });
        await Promise.all([started, new Promise((resolve) => stream.once("end", resolve))]);
        stream.write(frame(1, input.toUpperCase()));
        stream.end(frame(2, "oops\n"));
      },
    },
    "POST /containers/c1/wait": {
      write: (response) => {
        response.writeHead(200).flushHeaders();
        void started.then(() => response.end('{"StatusCode":7}'));
      },
    },
    "POST /containers/c1/start": {
      write: (response) => {
        response.writeHead(204).end();
        begin();
      },
    },
  });
  const cidfile = join(engine.directory, "cid");
  const ran = await drawbridge(engine.host, ["run", "-i", "--rm", "--cidfile", cidfile, "b", "cat", "-u"], {
    input: "hello\n",
  });
  assert.deepEqual(ran, { status: 7, stdout: "HELLO\n", stderr: "WARNING: no swap\noops\n" });
  assert.equal(readFileSync(cidfile, "utf8"), "c1");
  const order = engine.asked.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(order, [
    "POST /containers/create",
    "POST /containers/c1/attach",
    "POST /containers/c1/wait",
    "POST /containers/c1/start",
  ]);
  assert.equal(engine.asked[2]?.query.get("condition"), "removed");
  const again = await drawbridge(engine.host, ["run", "--cidfile", cidfile, "b"]);
  assert.equal(again.status, 125);
  assert.match(again.stderr, /container ID file found/);
});

test("run: refusals keep the engine's words, and the shell's statuses", async () => {
  const refusing = (message: string) => ({ status: 400, message });
  await using engine = await fakeEngine({
    "POST /containers/create": { json: { Id: "c1", Warnings: [] } },
    "POST /containers/c1/start": refusing('exec: "nope": executable file not found in $PATH: unknown'),
  });
  const ran = await drawbridge(engine.host, ["run", "-d", "b", "nope"]);
  assert.equal(ran.status, 127);
  assert.match(ran.stderr, /^drawbridge: Error response from daemon: exec: "nope"/);
});

test("run: an image that isn't there is pulled; what keeps it from being so is told", async () => {
  await using engine = await fakeEngine({
    "POST /containers/create": { status: 404, message: "No such image: x:latest" },
    "POST /images/create": { status: 501, message: "skopeo is not installed" },
  });
  const ran = await drawbridge(engine.host, ["run", "x"]);
  assert.deepEqual(
    [ran.status, ran.stderr.split("\n")[0]],
    [125, "drawbridge: Error response from daemon: skopeo is not installed"],
  );
});

test("exec: output, status, and a terminal that is none", async () => {
  await using engine = await fakeEngine({
    "POST /containers/c/exec": { json: { Id: "e1" } },
    "POST /exec/e1/start": { connection: (stream) => void stream.end(frame(1, "out\n")) },
    "GET /exec/e1/json": { json: { Running: false, ExitCode: 5 } },
  });
  assert.deepEqual(await drawbridge(engine.host, ["exec", "c", "ls", "-l"]), {
    status: 5,
    stdout: "out\n",
    stderr: "",
  });
  assert.deepEqual(JSON.parse(engine.asked[0]?.body ?? "").Cmd, ["ls", "-l"]);
  assert.deepEqual(await drawbridge(engine.host, ["exec", "-it", "c", "sh"]), {
    status: 1,
    stdout: "",
    stderr: "the input device is not a TTY\n",
  });
});

test("several containers: those that worked are named, all errors told, status 1", async () => {
  await using engine = await fakeEngine({
    "POST /containers/a/stop": { status: 204 },
    "POST /containers/b/stop": { status: 404, message: "No such container: b" },
  });
  assert.deepEqual(await drawbridge(engine.host, ["stop", "-t", "3", "b", "a"]), {
    status: 1,
    stdout: "a\n",
    stderr: "Error response from daemon: No such container: b\n",
  });
  assert.equal(engine.asked[0]?.query.get("t"), "3");
});

test("logs: framed output apart, a terminal's as it is", async () => {
  await using engine = await fakeEngine({
    "GET /containers/a/logs": {
      write: (response) => {
        response.setHeader("Content-Type", "application/vnd.docker.multiplexed-stream");
        const whole = Buffer.concat([frame(1, "out\n"), frame(2, "err\n")]);
        response.write(whole.subarray(0, 5));
        response.end(whole.subarray(5));
      },
    },
    "GET /containers/t/logs": {
      write: (response) =>
        response.setHeader("Content-Type", "application/vnd.docker.raw-stream").end("raw\r\n"),
    },
  });
  const [framed, raw] = await Promise.all([
    drawbridge(engine.host, ["logs", "--since", "42m", "a"]),
    drawbridge(engine.host, ["logs", "t"]),
  ]);
  assert.deepEqual([framed.stdout, framed.stderr, raw.stdout], ["out\n", "err\n", "raw\r\n"]);
});

test("inspect: container, then image, then network; a template over what was found", async () => {
  await using engine = await fakeEngine({
    "GET /containers/bridge/json": { status: 404, message: "No such container: bridge" },
    "GET /images/bridge/json": { status: 404, message: "No such image: bridge" },
    "GET /networks/bridge": { json: { Name: "bridge", Containers: {} } },
  });
  const [whole, part, none] = await Promise.all([
    drawbridge(engine.host, ["inspect", "bridge"]),
    drawbridge(engine.host, ["inspect", "-f", "{{.Name}}", "bridge"]),
    drawbridge(engine.host, ["inspect", "nope"]),
  ]);
  assert.equal(whole.stdout, '[\n    {\n        "Name": "bridge",\n        "Containers": {}\n    }\n]\n');
  assert.equal(part.stdout, "bridge\n");
  assert.deepEqual(none, { status: 1, stdout: "[]\n", stderr: "Error: No such object: nope\n" });
});

test("import: a tar from standard input", async () => {
  await using engine = await fakeEngine({
    "POST /images/create": {
      write: (response, asked) => response.end(`{"status":"sha256:${asked.body.length}"}\n`),
    },
  });
  const ran = await drawbridge(engine.host, ["import", "-c", 'CMD ["sh"]', "-c", "ENV a=b", "-", "img:1"], {
    input: "tarball",
  });
  assert.deepEqual(ran, { status: 0, stdout: "sha256:7\n", stderr: "" });
  const { query } = engine.asked[0] ?? assert.fail("nothing was asked");
  assert.deepEqual(
    [query.get("fromSrc"), query.get("repo"), query.getAll("changes")],
    ["-", "img:1", ['CMD ["sh"]', "ENV a=b"]],
  );
});

test("the command line: help, unknown words, completion", async () => {
  const [help, wrong, count, bash] = await Promise.all([
    drawbridge(NOBODY, ["ps", "--help"]),
    drawbridge(NOBODY, ["psx"]),
    drawbridge(NOBODY, ["stop"]),
    drawbridge(NOBODY, ["completion", "bash"]),
  ]);
  assert.match(
    help.stdout,
    /^Usage: {2}drawbridge ps \[OPTIONS\]\n\nList containers\n\nAliases:\n {2}drawbridge ps, drawbridge container ls/,
  );
  assert.deepEqual(
    [wrong.status, wrong.stderr.split("\n")[0]],
    [1, "drawbridge: unknown command: drawbridge psx (did you mean ps?)"],
  );
  assert.deepEqual(
    [count.status, count.stderr.split("\n")[0]],
    [1, "drawbridge: 'drawbridge stop' requires at least 1 argument"],
  );
  assert.match(bash.stdout, /'network ls'\) flags='--filter -f --format --no-trunc --quiet -q'/);
});

test("the daemon's configuration is checked whole without touching anything", async () => {
  await using engine = await fakeEngine({});
  const file = join(engine.directory, "daemon.json");
  writeFileSync(file, '{"mtu": "x", "storage-driver": "overlay2"}');
  const data = join(engine.directory, "data");
  const [wrong, missing, good] = await Promise.all([
    drawbridge(NOBODY, ["daemon", "--config-file", file, "--bip", "1.2.3.4", "--data-root", data]),
    drawbridge(NOBODY, ["daemon", "--config-file", "/nonexistent.json"]),
    drawbridge(NOBODY, ["daemon", "--validate", "--userland-proxy=false", "--icc"]),
  ]);
  assert.equal(wrong.status, 1);
  assert.match(
    wrong.stderr,
    /mtu in .*: a whole number is wanted, not "x"\n--bip: invalid CIDR address: 1\.2\.3\.4\n$/,
  );
  assert.match(missing.stderr, /unable to configure the Drawbridge daemon with file \/nonexistent\.json/);
  assert.deepEqual([good.status, good.stderr.split("\n").at(-2)], [0, "configuration OK"]);
  assert.match(good.stderr, /without effect here.*userland-proxy/);
  assert.equal(existsSync(data), false);
});
