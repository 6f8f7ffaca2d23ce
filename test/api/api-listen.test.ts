/** Sockets: their mode, what was left of a killed engine, TCP and TLS, and the end. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request as tlsRequest } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { ApiClient } from "../../src/api/client.ts";
import { type Listener, type Server, startServer } from "../../src/api/server.ts";
import { silent } from "../../src/lib/log.ts";
import { FakeEngine } from "./fake-engine.ts";
import { ask, messageIn, rawConnection, temporaryDirectory } from "./server.ts";

async function start(...listeners: Listener[]): Promise<Server> {
  const server = await startServer(new FakeEngine(), { listeners, logger: silent });
  after(() => server.close());
  return server;
}
const portOf = (server: Server, at = 0): number => Number(server.addresses[at]?.split(":").at(-1));

test("a unix socket: mode 0660, and gone at the end", async () => {
  const path = join(temporaryDirectory(), "x.sock");
  const server = await start({ kind: "unix", path });
  assert.deepEqual(server.addresses, [`unix://${path}`]);
  assert.equal(statSync(path).mode & 0o777, 0o660);
  const group = readFileSync("/etc/group", "utf8").match(/^docker:[^:]*:(\d+):/m)?.[1];
  assert.equal(statSync(path).gid, Number(group ?? process.getgid?.()));
  await server.close();
  assert.ok(!existsSync(path));
});

test("a socket that a killed engine left is replaced; one that answers, or a file, is refused", async () => {
  const path = join(temporaryDirectory(), "x.sock");
  const left = spawnSync(process.execPath, [
    "-e",
    "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))",
    path,
  ]);
  assert.equal(left.signal, "SIGKILL");
  assert.ok(statSync(path).isSocket());
  const server = await start({ kind: "unix", path });
  await assert.rejects(start({ kind: "unix", path }), {
    kind: "conflict",
    message: /another process listens there/,
  });
  assert.equal((await ask({ socketPath: path }, "GET", "/_ping")).status, 200);
  await server.close();
  writeFileSync(path, "mine");
  await assert.rejects(start({ kind: "unix", path }), { kind: "conflict", message: /no socket/ });
  assert.equal(readFileSync(path, "utf8"), "mine");
});

test("where one listener fails none is left", async () => {
  const directory = temporaryDirectory();
  const good = join(directory, "good.sock");
  const bad = { kind: "unix", path: join(directory, "no", "x.sock") } as const;
  await assert.rejects(start({ kind: "unix", path: good }, bad), /listen on unix:.*ENOENT/);
  assert.ok(!existsSync(good));
});

test("TCP on the loopback: web pages and foreign names are refused, for streams, too", async () => {
  const server = await start({ kind: "tcp", host: "127.0.0.1", port: 0 });
  const port = portOf(server);
  assert.equal((await ask({ port }, "GET", "/_ping")).status, 200);
  const page = await ask({ port }, "POST", "/containers/create", {
    headers: { Origin: "http://evil.example" },
  });
  assert.deepEqual([page.status, /web pages/.test(messageIn(page))], [403, true]);
  assert.equal((await ask({ port }, "GET", "/info", { headers: { Host: "evil.example:80" } })).status, 403);
  const socket = connect(port, "127.0.0.1");
  socket.write(
    "POST /exec/x/start HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
  );
  const [head] = await once(socket, "data");
  assert.match(String(head), /^HTTP\/1\.1 403/);
  socket.destroy();
  await server.close();
});

test("any other TCP address needs clients to be verified", async () => {
  await assert.rejects(start({ kind: "tcp", host: "0.0.0.0", port: 0 }), {
    kind: "invalid",
    message: /--tlsverify/,
  });
});

test("TLS: a client without the right certificate gets nothing", async (t) => {
  const directory = temporaryDirectory();
  const file = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => spawnSync("openssl", args, { cwd: directory, encoding: "utf8" });
  if (openssl("version").status !== 0) return t.skip("openssl is not installed");
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  for (const name of ["ours", "foreign"]) {
    const made = openssl(
      "req",
      "-x509",
      ...ec,
      "-subj",
      `/CN=${name}`,
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
    );
    assert.equal(made.status, 0, made.stderr);
  }
  const [cert, key] = [readFileSync(file("ours.pem"), "utf8"), readFileSync(file("ours.key"), "utf8")];
  const server = await start({ kind: "tcp", host: "127.0.0.1", port: 0, tls: { cert, key, clientCA: cert } });
  const target = { kind: "tcp", host: "127.0.0.1", port: portOf(server) } as const;
  const client = new ApiClient({ ...target, tls: { ca: cert, cert, key } });
  assert.equal((await client.get<{ Version: string }>("/version")).Version, "0.1.0");
  client.close();
  for (const name of [undefined, "foreign"]) {
    const identity = name && {
      cert: readFileSync(file(`${name}.pem`)),
      key: readFileSync(file(`${name}.key`)),
    };
    const sent = tlsRequest({ ...target, path: "/_ping", ca: cert, agent: false, ...identity });
    sent.end();
    const [error] = await once(sent, "error").catch((error: Error) => [error]);
    assert.ok(error instanceof Error);
  }
  await server.close();
});

test("closing ends streams and waits for nobody", async () => {
  const path = join(temporaryDirectory(), "x.sock");
  const engine = new FakeEngine();
  const server = await startServer(engine, { listeners: [{ kind: "unix", path }], logger: silent });
  const { id } = await engine.containers.create({
    config: { Image: "busybox", Cmd: ["cat"] },
    hostConfig: {},
    endpoints: {},
  });
  await engine.containers.startContainer(id);
  const head = "HTTP/1.1\r\nHost: x\r\n";
  const streams = await Promise.all([
    rawConnection(
      path,
      `POST /containers/${id}/attach?stream=1&stdout=1 ${head}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    ),
    rawConnection(path, `GET /events ${head}\r\n`),
    rawConnection(path, `POST /containers/${id}/wait ${head}\r\n`),
    rawConnection(path, `GET /containers/${id}/logs?stdout=1&follow=1 ${head}\r\n`),
  ]);
  for (const stream of streams) await stream.until(/^HTTP\/1\.1 (101|200)/);
  await server.close();
  for (const stream of streams) await stream.all();
  assert.equal(engine.entry(id).program.sessions[0]?.closed, true);
  assert.deepEqual([engine.subscribers, engine.waits.open], [0, 0]);
});

test("a client that leaves in the middle of its request is no error of ours", async () => {
  const path = join(temporaryDirectory(), "x.sock");
  const errors: string[] = [];
  const logger = { ...silent, error: (_: object, message: string) => void errors.push(message) };
  const server = await startServer(new FakeEngine(), { listeners: [{ kind: "unix", path }], logger });
  const head = "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  const leaving = await rawConnection(path, `${head}Content-Length: 100\r\n\r\n{"Im`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  leaving.socket.destroy();
  await once(leaving.socket, "close");
  await server.close();
  assert.deepEqual(errors, []);
});
