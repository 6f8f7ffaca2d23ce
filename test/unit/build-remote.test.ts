/** Contexts at an address. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pack } from "tar-stream";
import { remoteContext } from "../../src/build/remote.ts";

const archive = pack();
archive.entry({ name: "Dockerfile" }, "FROM wrong\n");
archive.entry({ name: "other" }, "FROM right\n");
archive.finalize();
const pieces: Buffer[] = [];
for await (const piece of archive as AsyncIterable<Buffer>) pieces.push(piece);
const TAR = Buffer.concat(pieces);

const PAGES: Readonly<Record<string, readonly [number, string | undefined, string | Buffer]>> = {
  "/said": [200, "text/plain; charset=utf-8", "FROM a\n"],
  "/unsaid": [200, undefined, "FROM b\n"],
  "/binary": [200, "application/octet-stream", TAR],
  "/tar": [200, "application/x-tar", TAR],
  "/page": [200, "text/html", "<html>"],
  "/empty": [200, undefined, ""],
  "/large": [200, "text/plain", "# x\n".repeat(200_000)],
  "/secret": [403, "text/plain", "not for you"],
};
const server = createServer(({ url = "" }, response) => {
  const [status, type, body] = PAGES[url] ?? [404, "text/plain", "nothing here"];
  response.writeHead(status, type === undefined ? {} : { "Content-Type": type }).end(body);
}).listen(0, "127.0.0.1");
await once(server, "listening");
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const top = mkdtempSync(join(tmpdir(), "remote-"));
after(() => {
  server.close();
  rmSync(top, { recursive: true });
});

let places = 0;
function read(address: string, dockerfile = "", signal = new AbortController().signal) {
  places += 1;
  return remoteContext(address, join(top, String(places)), dockerfile, signal);
}

test("a Dockerfile by itself, whether the server says so or not", async () => {
  assert.equal((await read(`${base}/said`, "elsewhere")).dockerfile, "FROM a\n");
  assert.equal((await read(`${base}/unsaid`)).dockerfile, "FROM b\n");
});

test("a tar, whether the server says so or not", async () => {
  for (const page of ["/tar", "/binary"]) {
    const { directory, dockerfile } = await read(`${base}${page}`, "other");
    assert.equal(dockerfile, "FROM right\n");
    assert.equal(readFileSync(join(directory, "Dockerfile"), "utf8"), "FROM wrong\n");
  }
});

test("what is neither, or not to be had, is refused with the reason", async () => {
  const refused: readonly (readonly [string, string, RegExp])[] = [
    [`${base}/page`, "invalid", /unsupported Content-Type "text\/html"/],
    [`${base}/empty`, "invalid", /empty response/],
    [`${base}/large`, "invalid", /has more than the 524288 bytes/],
    [`${base}/nowhere`, "not-found", /failed to GET .*\/nowhere with status 404 Not Found: nothing here/],
    [`${base}/secret`, "forbidden", /with status 403 Forbidden: not for you/],
    ["http://127.0.0.1:1/x", "internal", /failed to GET/],
    ["file:///etc/passwd", "invalid", /could not be recognized as URL/],
    ["https://example.test/team/app.git#main", "not-built-in", /clone it/],
    ["git@example.test:team/app", "not-built-in", /clone it/],
  ];
  for (const [address, kind, message] of refused) await assert.rejects(read(address), { kind, message });
  await assert.rejects(read(`${base}/said`, "", AbortSignal.abort()), { name: "AbortError" });
});
