/**
 * Every route, asked by clients that send what is no request, or go away in the middle of one: the engine answers
 * what can be answered, never 500, and is the same afterwards.
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createApp } from "../../src/api/app.ts";
import { type RouteNote, routeTable } from "../../src/api/route-table.ts";
import type { Engine } from "../../src/engine/types.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

/** One that doesn't end by itself, and one that asks a registry, which can't be reached from here. */
const ELSEWHERE = /^\/events$|^\/distribution\//;

async function allRoutes(): Promise<readonly RouteNote[]> {
  const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
  const options = { logger: quiet, closing: new AbortController().signal };
  const app = createApp(new Proxy({}, { get: () => undefined }) as Engine, options as never);
  await app.ready();
  return routeTable(app).filter(({ url, absent }) => !absent && !ELSEWHERE.test(url));
}

const JSON_TYPE = "Content-Type: application/json\r\n";
const sized = (type: string, body: string) =>
  `${type}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** What follows a request line and `Host`. */
const BODIES: Readonly<Record<string, string>> = {
  "malformed JSON": sized(JSON_TYPE, '{"Image": "busybox", "Cmd": ['),
  "a list for an object": sized(JSON_TYPE, "[1,2,3]"),
  "a text for an object": sized(JSON_TYPE, '"text"'),
  "numbers for names": sized(
    JSON_TYPE,
    '{"Image":1,"Name":2,"Container":3,"Cmd":4,"Driver":5,"HostConfig":6}',
  ),
  "objects for numbers": sized(
    JSON_TYPE,
    '{"Image":"x","HostConfig":{"Memory":{},"PortBindings":[[]]},"Detach":{}}',
  ),
  "unknown members": sized(JSON_TYPE, `{"Nothing":{"of":[1,{"this":null}]},"Name":"-"}`),
  "deep nesting": sized(JSON_TYPE, "[".repeat(5_000)),
  "no JSON at all": sized(JSON_TYPE, "\u0000\u0001\ufffd"),
  "another media type": sized("Content-Type: text/plain\r\n", "{}"),
  "a media type that is none": sized("Content-Type: ;;;\r\n", "{}"),
  "a tar that is none": sized("Content-Type: application/x-tar\r\n", "x".repeat(600)),
  "chunks that end early": `${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
};

describe("hostile requests", { skip: withoutRoot }, async () => {
  const suite = hostWithEngine();
  const routes = await allRoutes();
  const pathOf = ({ url }: RouteNote) => url.replace(/:\w+|\*/g, "nothing");

  /** What came back until the connection was closed, or for a moment. */
  const say = (text: string, options: { readonly end?: boolean; readonly leave?: boolean } = {}) =>
    new Promise<string>((resolve) => {
      const socket = connect({ path: suite.engine.socket, allowHalfOpen: true });
      let heard = "";
      const done = () => {
        clearTimeout(timer);
        socket.destroy();
        resolve(heard);
      };
      const timer = setTimeout(done, 5_000);
      socket.setEncoding("utf8").on("data", (piece: string) => (heard += piece));
      socket.once("end", done).once("error", done).once("close", done);
      socket.write(text, () => {
        if (options.leave) done();
        else if (options.end) socket.end();
      });
    });

  const seen = async () => {
    const ask = async (path: string) => JSON.parse((await suite.engine.request("GET", path)).text) as object;
    return {
      containers: await ask("/containers/json?all=1"),
      images: await ask("/images/json?all=1"),
      networks: await ask("/networks"),
      volumes: await ask("/volumes"),
    };
  };
  const descriptors = () => readdirSync(`/proc/${suite.engine.pid}/fd`).length;

  /** Prunes do what they are asked to, whatever comes with the question: there is nothing here to be pruned. */
  const unchanged = async (doing: () => Promise<void>) => {
    const before = await seen();
    await doing();
    assert.deepEqual(await seen(), before);
  };

  for (const [what, body] of Object.entries(BODIES)) {
    test(what, () =>
      unchanged(async () => {
        for (const route of routes.filter(({ method }) => method !== "GET" && method !== "HEAD")) {
          const line = `${route.method} ${pathOf(route)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`;
          // A volume needs no name, nor what else is asked for: an empty one would be made.
          if (route.url === "/volumes/create" && /unknown|chunks|objects/.test(what)) continue;
          const answer = await say(line + body);
          const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
          assert.ok(status >= 200 && status !== 500, `${route.method} ${route.url}: ${answer}`);
        }
      }),
    );
  }

  test("unknown and senseless query parameters", () =>
    unchanged(async () => {
      const query =
        "all=%zz&limit=x&filters=%7B&what=ever&t=-&h=&w=1e9&path=%00&tail=x&since=x&names=&signal=%20";
      for (const { method, url } of routes.filter(({ method }) => method === "GET")) {
        const path = pathOf({ method, url });
        const answer = await say(`GET ${path}?${query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
        assert.ok(status >= 200 && status !== 500, `${url}: ${answer}`);
      }
    }));

  test("clients that close their half, or all, in the middle of each call", async () => {
    await say("GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const before = descriptors();
    await unchanged(async () => {
      for (const route of routes) {
        const head = `${route.method} ${pathOf(route)} HTTP/1.1\r\nHost: x\r\n`;
        const cuts = [head.slice(0, 10), head, `${head}${JSON_TYPE}Content-Length: 100\r\n\r\n{"Image":`];
        for (const text of cuts) {
          await say(text, { leave: true });
          await say(text, { end: true });
        }
        await say(`${head}\r\n`, { leave: true });
      }
    });
    for (let tries = 0; descriptors() > before + 5 && tries < 100; tries++) await sleep(50);
    assert.ok(descriptors() <= before + 5, `${before} descriptors before, ${descriptors()} afterwards`);
    assert.doesNotMatch(suite.engine.log(), /"level":"(error|fatal)"/);
  });
});
