/** Connections that carry a process's streams, seen from the socket. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { framesOf } from "../../src/api/client.ts";
import { frameHeader } from "../../src/api/stdcopy.ts";
import { eventually, messageIn, serve } from "./server.ts";

const api = await serve();
const { client, engine } = api;

const UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n";
const post = (url: string, headers = UPGRADE, body = "") =>
  `POST ${url} HTTP/1.1\r\nHost: x\r\n${headers}${body && `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`}\r\n${body}`;
const framed = (stream: "stdout" | "stderr", text: string) =>
  `${frameHeader(stream, text.length).toString("latin1")}${text}`;
const bodyOf = (text: string) => text.slice(text.indexOf("\r\n\r\n") + 4);
const ATTACH = "attach?stream=1&stdin=1&stdout=1&stderr=1";

let made = 0;
const cat = (options = {}) => {
  made += 1;
  return api.container(`cat${made}`, ["cat"], options);
};
const exec = (container: string, Cmd: string[], more: object = {}) =>
  client
    .post<{ Id: string }>(
      `/containers/${container}/exec`,
      {},
      { Cmd, AttachStdin: true, AttachStdout: true, AttachStderr: true, ...more },
    )
    .then(({ Id }) => Id);

test("attach: 101, input echoed in frames, half-close ends the input and all output comes", async () => {
  const id = await cat();
  const connection = await api.raw(post(`/v1.50/containers/${id}/${ATTACH}`));
  const head = await connection.until("\r\n\r\n");
  assert.match(
    head,
    /^HTTP\/1\.1 101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n/,
  );
  connection.socket.write("hi\n");
  await connection.until("hi\n");
  connection.socket.end("end\n");
  assert.equal(bodyOf(await connection.all()), framed("stdout", "hi\n") + framed("stdout", "end\n"));
  await eventually(() => engine.entry(id).container.state.status === "exited");
});

test("the media type goes by terminal and version", async () => {
  for (const [version, tty, type] of [
    ["1.41", false, "raw"],
    ["1.42", false, "multiplexed"],
    ["1.50", true, "raw"],
  ] as const) {
    const id = await cat({ tty });
    const connection = await api.raw(post(`/v${version}/containers/${id}/${ATTACH}`));
    assert.match(await connection.until("\r\n\r\n"), new RegExp(`vnd\\.docker\\.${type}-stream`));
    connection.socket.end("x");
    assert.equal(bodyOf(await connection.all()), tty ? "x" : framed("stdout", "x"));
  }
});

test("without Upgrade: 200, and the same streams", async () => {
  const id = await cat();
  const connection = await api.raw(post(`/containers/${id}/${ATTACH}`, ""));
  const head = await connection.until("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/);
  assert.doesNotMatch(head, /transfer-encoding/i);
  connection.socket.end("plain");
  assert.equal(bodyOf(await connection.all()), framed("stdout", "plain"));
});

test("input that comes in the request's own packet, with Upgrade, is not lost", async () => {
  const id = await cat();
  const connection = await api.raw(`${post(`/containers/${id}/${ATTACH}`)}early`);
  connection.socket.end();
  assert.equal(bodyOf(await connection.all()), framed("stdout", "early"));
});

test("a chunked body of attach is the input", async () => {
  const id = await cat();
  const connection = await api.raw(
    post(`/containers/${id}/${ATTACH}`, `${UPGRADE}Transfer-Encoding: chunked\r\n`),
  );
  await connection.until("\r\n\r\n");
  connection.socket.write("3\r\nabc\r\n");
  await connection.until("abc");
  connection.socket.write("2\r\nde\r\n0\r\n\r\n");
  assert.equal(bodyOf(await connection.all()), framed("stdout", "abc") + framed("stdout", "de"));
});

test("errors before the streams are ordinary answers", async () => {
  const cases: readonly [url: string, body: string, status: number, message: RegExp][] = [
    ["/containers/nosuch/attach", "", 404, /No such container: nosuch/],
    ["/v1.99/containers/x/attach", "", 400, /too new/],
    ["/exec/nosuch/start", "{}", 404, /No such exec instance/],
    ["/exec/nosuch/start", "{", 400, /^invalid JSON/],
    ["/exec/nosuch/start", '{"Detach":"x"}', 400, /body Detach: must be boolean/],
  ];
  for (const [url, body, status, message] of cases) {
    const text = await (await api.raw(post(url, UPGRADE, body))).all();
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), url);
    assert.match((JSON.parse(bodyOf(text)) as { message: string }).message, message);
  }
  const id = await cat();
  await client.post(`/containers/${id}/pause`);
  const paused = await api.ask("POST", `/containers/${id}/attach?stream=1`);
  assert.deepEqual([paused.status, /paused/.test(messageIn(paused))], [409, true]);
  await client.post(`/containers/${id}/unpause`);
  const keys = await api.ask("POST", `/containers/${id}/attach?stream=1&detachKeys=bad`);
  assert.equal(keys.status, 400);
});

test("a body larger than any is refused, one that never comes whole is let go", async () => {
  const large = await api.raw(post("/exec/x/start", `${UPGRADE}Content-Length: 9999999\r\n`));
  assert.match(await large.all(), /^HTTP\/1\.1 400 .*[\s\S]*too large/);
  const short = await api.raw(
    post("/exec/x/start", `${UPGRADE}Content-Type: application/json\r\nContent-Length: 50\r\n`),
  );
  short.socket.end('{"Detach":');
  await short.all();
});

test("exec: its body first, wherever it is cut, then its streams", async () => {
  const id = await cat();
  for (const cut of [0, 1, 10, 25]) {
    const execId = await exec(id, ["cat"]);
    const text = `${post(`/exec/${execId}/start`, UPGRADE, '{"Detach":false,"Tty":false}')}input`;
    const at = text.indexOf("{") + cut;
    const connection = await api.raw(text.slice(0, at));
    await new Promise((resolve) => setTimeout(resolve, 5));
    connection.socket.end(text.slice(at));
    assert.equal(bodyOf(await connection.all()), framed("stdout", "input"), `cut at ${cut}`);
    const { ExitCode } = await client.get<{ ExitCode: number }>(`/exec/${execId}/json`);
    assert.equal(ExitCode, 0);
  }
});

test("exec: both streams by the client, detached, of nothing, and what can't be run", async () => {
  const id = await cat();
  const connection = await client.connect(`/exec/${await exec(id, ["both"])}/start`, {
    body: { Detach: false },
  });
  const seen = [];
  for await (const { stream, data } of framesOf(connection)) seen.push([stream, String(data)]);
  assert.deepEqual(seen, [
    ["stdout", "out\n"],
    ["stderr", "err\n"],
  ]);
  connection.stream.end();

  const detached = await exec(id, ["true"]);
  await client.post(`/exec/${detached}/start`, {}, { Detach: true });
  await eventually(() => engine.execs.get(detached)?.view.exitCode === 0);

  await assert.rejects(exec(id, []), { status: 400, message: "No exec command specified" });

  const missing = await exec(id, ["nosuch"]);
  const text = bodyOf(await (await api.raw(post(`/exec/${missing}/start`, UPGRADE, "{}"))).all());
  assert.equal(text, framed("stdout", 'exec: "nosuch": executable file not found in $PATH\r\n'));
  assert.equal((await client.get<{ ExitCode: number }>(`/exec/${missing}/json`)).ExitCode, 127);
});

test("exec: a second start is refused with a status, however the first one ended", async () => {
  const id = await api.container("exec-twice", ["cat"]);
  for (const command of ["true", "nosuch"]) {
    const execId = await exec(id, [command]);
    await (await api.raw(post(`/exec/${execId}/start`, UPGRADE, "{}"))).all();
    const again = await api.ask("POST", `/exec/${execId}/start`, {
      body: "{}",
      headers: { "Content-Type": "application/json" },
    });
    assert.deepEqual(
      [again.status, JSON.parse(again.text)],
      [409, { message: `exec command ${execId} has already run` }],
    );
  }
});

test("exec with a terminal: its size goes along from 1.42 on", async () => {
  const id = await cat();
  const execId = await exec(id, ["cat"], { Tty: true });
  const body = '{"Tty":true,"ConsoleSize":[40,100]}';
  const connection = await api.raw(post(`/exec/${execId}/start`, UPGRADE, body));
  await connection.until("\r\n\r\n");
  assert.deepEqual(engine.calls.at(-1), ["startExec", execId, { detach: false, consoleSize: [40, 100] }]);
  assert.equal((await api.ask("POST", `/exec/${execId}/resize?h=10&w=20`)).status, 200);
  assert.deepEqual(engine.calls.at(-1), ["resizeExec", execId, { rows: 10, columns: 20 }]);
  assert.equal((await api.ask("POST", `/exec/${execId}/resize?h=ten&w=20`)).status, 400);
  connection.socket.end();
  await connection.all();
});

test("a client that reads slowly holds its process back, and one that vanishes ends its session", async () => {
  const id = await api.container("slow", ["yes"]);
  const { program } = engine.entry(id);
  const connection = await api.raw(post(`/containers/${id}/${ATTACH}`));
  connection.socket.pause();
  await eventually(() => program.sessions.length === 1);
  let taken = -1;
  while (taken !== program.output.taken) {
    taken = program.output.taken;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  assert.ok(taken < 4 << 20, `${taken} bytes were taken for a client that reads none`);
  connection.socket.destroy();
  await eventually(() => program.sessions[0]?.closed === true);
});

test("input waits for a process that doesn't read", async () => {
  const id = await api.container("deaf", ["sink"]);
  const { program } = engine.entry(id);
  let read = () => {};
  program.stopped = new Promise<void>((resolve) => {
    read = resolve;
  });
  const connection = await api.raw(post(`/containers/${id}/${ATTACH}`));
  await connection.until("\r\n\r\n");
  connection.socket.write(Buffer.alloc(16 << 20));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.ok(connection.socket.writableLength > 0, "the server took all of it");
  assert.deepEqual(program.received, []);
  read();
  const received = () => program.received.reduce((sum, { length }) => sum + length, 0);
  await eventually(() => received() === 16 << 20);
  program.exit(0);
  await connection.all();
  connection.socket.destroy();
});

test("input after the process's end is dropped, and its last output comes whole", async () => {
  const id = await api.container("ends", ["sink"]);
  const { program } = engine.entry(id);
  const connection = await api.raw(post(`/containers/${id}/${ATTACH}`));
  await connection.until("\r\n\r\n");
  for (let i = 0; i < 20; i += 1) connection.socket.write(Buffer.alloc(64 << 10));
  await program.output.push("stdout", "last");
  program.exit(0);
  assert.equal(bodyOf(await connection.all()), framed("stdout", "last"));
  connection.socket.destroy();
});

test("wait: its head goes out at once; it ends with the status, or with the client", async () => {
  const id = await cat();
  const waiting = await client.stream("POST", `/containers/${id}/wait`, {
    query: { condition: "next-exit" },
  });
  assert.equal(waiting.statusCode, 200);
  engine.entry(id).program.exit(7);
  assert.equal((await waiting.toArray()).join(""), '{"StatusCode":7}');

  const other = await cat();
  const vanishing = await api.raw(post(`/containers/${other}/wait`, ""));
  await vanishing.until("200 OK");
  assert.equal(engine.waits.open, 1);
  vanishing.socket.destroy();
  await eventually(() => engine.waits.open === 0);
  const odd = await api.ask("POST", `/containers/${other}/wait?condition=odd`);
  assert.deepEqual([odd.status, messageIn(odd)], [400, 'invalid condition: "odd"']);
});

test("logs: framed, with times, the last, and none of them", async () => {
  const id = await api.container("logs", ["sleep"]);
  const time = "2026-01-01T00:00:00.000000001Z";
  for (const [stream, text] of [
    ["stdout", "a\n"],
    ["stderr", "b\n"],
    ["stdout", "c"],
  ] as const) {
    engine.entry(id).log.push({ stream, time, data: Buffer.from(text) });
  }
  const lines = async (query: Record<string, string | number | boolean>) => {
    const seen: string[] = [];
    for await (const { stream, data } of framesOf(await client.output(`/containers/${id}/logs`, query))) {
      seen.push(`${stream} ${data}`);
    }
    return seen.join("|");
  };
  assert.equal(await lines({ stdout: true, stderr: true }), "stdout a\n|stderr b\n|stdout c");
  assert.equal(await lines({ stderr: true, timestamps: true }), `stderr ${time} b\n`);
  assert.equal(await lines({ stdout: true, tail: "1" }), "stdout c");
  await assert.rejects(lines({}), { status: 400, message: /choose at least one stream/ });
  await assert.rejects(lines({ stdout: true, since: "soon" }), { status: 400 });

  const following = await api.raw(`GET /containers/${id}/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n`);
  await following.until("c");
  following.socket.destroy();
});

test("a terminal's size: 0 to 65535", async () => {
  const id = await cat();
  assert.equal((await api.ask("POST", `/containers/${id}/resize?h=24&w=80`)).status, 200);
  assert.deepEqual(engine.calls.at(-1), ["resize", id, { rows: 24, columns: 80 }]);
  for (const query of ["h=-1&w=80", "h=24", "h=24&w=65536"]) {
    assert.equal((await api.ask("POST", `/containers/${id}/resize?${query}`)).status, 400, query);
  }
});
